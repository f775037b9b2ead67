"""The interpreters that firmware runs on at the desk, and how a script is started on each."""

import json
import os
import sys

import pytest
from hublink_desk import paths
from hublink_desk.errors import DeskError

CPYTHON = "cpython"
DEVICES = ("micropython", "micropython32")
INTERPRETERS = (CPYTHON, *DEVICES)


def needs(name):
    """Skips the test if set-up could not provide this interpreter here, with the reason it recorded.

    Args:
        name: one of INTERPRETERS.

    Raises:
        DeskError: it is missing, and set-up has recorded no reason for it.
    """
    if name == CPYTHON:
        return
    try:
        paths.program(name)
    except DeskError:
        if name not in _missing():
            raise
        pytest.skip(f"{name}: {_missing()[name]}")


# Program -> why this machine cannot have it, as set-up wrote it down.
def _missing():
    try:
        return json.loads((paths.DEPS / "missing.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}


def command(name, script, *arguments, folder=None):
    """How to run a script as the device would.

    Args:
        name: one of INTERPRETERS.
        script: path of the script.
        arguments: its own.
        folder: one more folder that modules are found in (MicroPython only).

    Returns:
        (arguments, environment) for `subprocess`.
    """
    if name == CPYTHON:
        search = [paths.ROOT, paths.ROOT / "tools"]
        start, variable = [sys.executable, "-m", "host_tests.shim"], "PYTHONPATH"
    else:  # .frozen: the modules inside the interpreter
        search = [paths.FIRMWARE, paths.BOARDS / "unix", paths.umqtt_dir(), folder, ".frozen"]
        start, variable = [paths.program(name)], "MICROPYPATH"
    joined = os.pathsep.join(map(str, filter(None, search)))
    return [*map(str, (*start, script, *arguments))], {**os.environ, variable: joined}
