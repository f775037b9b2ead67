"""Where things are in a checkout. Nothing else in the tool builds such a path."""

import os
from pathlib import Path

from .errors import DeskError

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
BOARDS = ROOT / "boards"
HOST_TESTS = ROOT / "host_tests"
DEPS = ROOT / ".deps"
BUILD = ROOT / "build"


def umqtt_dir():
    """The folder that holds `umqtt/simple.py`: HUBLINK_UMQTT where it is set, else the pinned copy."""
    folder = Path(os.environ.get("HUBLINK_UMQTT") or DEPS / "lib")
    if not (folder / "umqtt" / "simple.py").is_file():
        hint = "run `make setup`, or set HUBLINK_UMQTT to a folder that does"
        raise DeskError(f"{folder} holds no umqtt/simple.py.", hint)
    return folder


def has_program(name):
    """Has set-up provided it? A name that `program` takes."""
    return os.access(DEPS / "bin" / name, os.X_OK)


def program(name):
    """The executable that set-up provided: `micropython`, `micropython32` or `mosquitto`.

    Returns:
        Path of an executable that takes the program's own arguments.

    Raises:
        DeskError: set-up has not provided it on this machine.
    """
    path = DEPS / "bin" / name
    if not has_program(name):
        hint = "run `make setup`; it says why if this machine cannot have it"
        raise DeskError(f"{name} is not set up in {path.parent}.", hint)
    return path
