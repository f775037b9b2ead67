"""The tool's verbs as a user calls them: here, with what they print and how they end, or as a process."""

import json
import os
import sys
from types import SimpleNamespace

from click.testing import CliRunner
from hublink_desk.cli import main
from hublink_desk.paths import ROOT

# The words of a process of its own, and its environment.
SOURCE = "from hublink_desk.cli import main; main(prog_name='hublink')"
TOOL = [sys.executable, "-c", SOURCE]
# The tool of this checkout comes before an installed one.
_PATH = os.pathsep.join(filter(None, [str(ROOT / "tools"), os.environ.get("PYTHONPATH")]))
ENVIRONMENT = {**os.environ, "PYTHONPATH": _PATH}


def hublink(*arguments, text=None):
    """Run a verb.

    Args:
        arguments: its words; anything is made a text.
        text: its standard input.

    Returns:
        `.code`, `.out` and `.err`; an exception that is no way to end a verb is raised.
    """
    done = CliRunner().invoke(main, [str(each) for each in arguments], input=text, prog_name="hublink")
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return SimpleNamespace(code=done.exit_code, out=done.stdout, err=done.stderr)


def good(*arguments, text=None):
    """What a verb prints that ends well."""
    done = hublink(*arguments, text=text)
    assert (done.code, done.err) == (0, ""), (done.out, done.err)
    return done.out


def refused(*arguments, text=None):
    """The sentence and the hint of a verb that ends with exit code 1, and has done nothing else."""
    done = hublink(*arguments, text=text)
    assert (done.code, done.out) == (1, ""), (done.out, done.err)
    message, _, hint = done.err.removeprefix("hublink: ").partition("\n  hint: ")
    assert "\n" not in message.strip()
    return message.strip(), hint.strip()


def as_json(*arguments, text=None):
    """The same of one that prints JSON, read."""
    return json.loads(good(*arguments, "--json", text=text))
