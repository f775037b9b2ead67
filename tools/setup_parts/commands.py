"""Running other programs, telling a person how it goes, and the two ways in which set-up does not succeed."""

import os
import re
import shutil
import subprocess
from pathlib import Path


class SetupError(Exception):
    """A sentence for a person, who can mend it and run the set-up again. The set-up ends."""


class Unavailable(Exception):
    """Why one place cannot give a program; the set-up goes on with the next place.

    Args:
        reason: a part of a sentence; empty where nobody would expect the program there.
        passing: whether it may be there another time (no network now, say).
    """

    def __init__(self, reason="", passing=False):
        super().__init__(reason)
        self.passing = passing


def say(text):
    print(f"setup: {text}", flush=True)


def run(*command, seen=None, **options):
    """Runs a command to its end; what it complains about becomes a SetupError.

    Args:
        command: the program and its arguments.
        seen: called with each line as it is printed.
        options: of subprocess.Popen, such as `cwd`.

    Returns:
        All that it printed, on either stream.
    """
    words = [str(word) for word in command]
    options.update(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = []
    try:
        with subprocess.Popen(words, env=dict(os.environ, LC_ALL="C"), **options) as process:
            for line in process.stdout:
                lines.append(line)
                if seen:
                    seen(line)
    except OSError as error:
        raise SetupError(f"{words[0]} cannot be started: {error.strerror}.") from None
    if process.returncode:
        raise SetupError(f"{Path(words[0]).name}: {complaint(lines)}")
    return "".join(lines)


def complaint(lines):
    """The line of a program's output that says what is wrong: its first error, else its last line."""
    told = [line.strip() for line in lines if line.strip()]
    errors = [line for line in told if re.search(r"^E:|\berror\b|\bcannot\b", line, re.IGNORECASE)]
    line = (errors or told[-1:] or ["it gave no reason"])[0]
    return re.sub(r"^(E|error): *", "", line, flags=re.IGNORECASE)


def printed(*command, text=""):
    """What a program prints, on either stream; nothing when it does not start or does not end within 10 s."""
    words = [str(word) for word in command]
    streams = {"input": text, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    try:
        return subprocess.run(words, check=False, timeout=10, **streams).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def which(command, path=None, but_not=None):
    """Where a command is: on PATH, or where system programs are, which PATH often lacks.

    Args:
        path: folders to look in instead, as PATH has them.
        but_not: a folder that does not count.

    Returns:
        Its path as a string, or None.
    """
    path = path or f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin"
    folders = [folder for folder in path.split(os.pathsep) if Path(folder).resolve() != but_not]
    return shutil.which(command, path=os.pathsep.join(folders))
