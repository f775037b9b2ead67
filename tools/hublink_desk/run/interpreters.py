"""What runs the firmware on this desk."""

import os
import re
import sys
from pathlib import Path

import click

from .. import paths
from ..errors import DeskError

INTERPRETERS = ("micropython", "micropython32", "cpython")
_HEAP = re.compile(r"[1-9][0-9]*[kKmM]?")


def nearest_to_board():
    """Which of INTERPRETERS is most like a board here: the one of 32 bits, where set-up could provide it."""
    return "micropython32" if paths.has_program("micropython32") else "micropython"


def _board_heap(interpreter):
    """A Pico W's heap. In 64 bits most of what lies there takes twice the room."""
    return "400k" if interpreter == "micropython" else "200k"


interpreter_option = click.option(
    "--interpreter", type=click.Choice(INTERPRETERS), default=nearest_to_board,
    show_default="micropython32, else micropython",
)  # fmt: skip


def command_line(interpreter, heap, script):
    """What starts a program, as Popen takes it.

    Args:
        interpreter, heap: as of DeskBoard.
        script: Path of the program.

    Raises:
        DeskError: one of them is wrong, or set-up has not provided the interpreter.
    """
    if interpreter not in INTERPRETERS and not isinstance(interpreter, Path):
        raise DeskError(f"Interpreter {interpreter!r}: one of {', '.join(INTERPRETERS)} is expected.")
    if not script.is_file():
        raise DeskError(f"{script} is not a file: the device's program is expected.")
    if interpreter == "cpython":
        return [sys.executable, "-u", "-m", "host_tests.shim", "--board", "unix", script]
    heap = heap or _board_heap(interpreter)
    if not _HEAP.fullmatch(heap):
        raise DeskError(f"Heap {heap!r}: a number of bytes is expected, as in 200k.")
    program = interpreter if isinstance(interpreter, Path) else paths.program(interpreter)
    return [program, "-X", f"heapsize={heap}", script]


def environment(interpreter, config_name):
    """The environment variables of a device, dict: where its modules are, and its configuration."""
    if interpreter == "cpython":
        name, folders = "PYTHONPATH", [paths.ROOT, paths.ROOT / "tools"]
    else:  # .frozen: the modules in the interpreter itself, asyncio among them
        umqtt = paths.umqtt_dir().absolute()
        name, folders = "MICROPYPATH", [paths.FIRMWARE, paths.BOARDS / "unix", umqtt, ".frozen"]
    return os.environ | {name: ":".join(map(str, folders)), "HUBLINK_CONFIG": config_name}
