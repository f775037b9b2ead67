"""Counts instructions of a program on the reference interpreter, with callgrind.

The counts do not depend on how busy the machine is, and repeat exactly where the program does: work that
takes random numbers or waits for others (a TLS handshake) does not. So a program marks where a count begins
and ends, by calling time.clock(), a function of MicroPython's unix port that nothing else calls.
"""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from ..errors import DeskError
from . import parts

_MARK = "mod_time_clock"  # what time.clock() is in C
_TOTAL = re.compile(r"^(?:totals|summary): (\d+)$", re.MULTILINE)


def count_instructions(command, env=None, limit_s=120):
    """Run a program and count its instructions from each call of time.clock() to the next.

    To learn what one publish costs, warm up, and do N between the first mark and the second, and 2 N
    between the second and the third: the difference, divided by N, is free of what the loop and the marks
    cost. The garbage collector comes by chance: collect before, and disable it.

    Args:
        command: the interpreter, as `build` returns it, and its arguments.
        env: further environment variables, name -> value.
        limit_s: how long it may take, in seconds; it runs about 30 times slower than otherwise.

    Returns:
        list of int, one less than there were calls.

    Raises:
        DeskError: the program did not end, or not well; its last words are in it.
    """
    callgrind = parts.here().callgrind
    # Its usual starter is left out: it is made for another C library.
    ours = {"VALGRIND_LAUNCHER": str(callgrind), "VALGRIND_LIB": str(callgrind.parent)}
    with tempfile.TemporaryDirectory(prefix="hublink-count-") as folder:
        out = Path(folder) / "counts"
        options = ["--default-suppressions=no", f"--callgrind-out-file={out}", f"--dump-before={_MARK}"]
        words = [str(word) for word in (callgrind, *options, *command)]
        _run(words, os.environ | ours | (env or {}), limit_s)
        return _between_marks(out)


def _run(words, env, limit_s):
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    try:
        done = subprocess.run(words, env=env, timeout=limit_s, text=True, check=False, **streams)
    except subprocess.TimeoutExpired:
        raise DeskError(f"{words[-1]} did not end within {limit_s} s under callgrind.") from None
    if done.returncode:
        raise DeskError(f"Under callgrind the program ended with code {done.returncode}:\n{done.stdout}")


def _between_marks(out):
    """callgrind numbers what it writes at a mark from 1: the first is from the start, the others count."""
    written = sorted(out.parent.glob(f"{out.name}.*"), key=lambda path: int(path.suffix[1:]))
    return [int(_TOTAL.search(path.read_text()).group(1)) for path in written[1:]]
