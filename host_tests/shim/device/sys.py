"""`sys`: who the firmware believes to run on. The streams are the host's of the moment."""

import sys
import traceback
from types import SimpleNamespace

_PLATFORM = {"unix": "linux", "esp32": "esp32", "rp2": "rp2"}
_VERSION = (1, 25, 0, "")
# .mpy version 6, sub-version 3.
_MPY = 0x0306


class Sys:
    def __init__(self, world):
        self.platform = _PLATFORM[world.port]
        self.implementation = SimpleNamespace(
            name="micropython", version=_VERSION, _machine=world.board, _mpy=_MPY
        )
        self.version = "3.4.0; MicroPython v1.25.0"
        self.version_info = (3, 4, 0)
        self.byteorder = "little"
        self.maxsize = 0x7FFFFFFF
        self.argv = sys.argv
        self.path = ["", ".frozen", "/lib"]
        self.modules = sys.modules
        self.exit = sys.exit

    @staticmethod
    def print_exception(exc, file=None):
        traceback.print_exception(type(exc), exc, exc.__traceback__, file=file or sys.stdout)

    # Names looked up at each use: a test may capture them.
    @staticmethod
    def _late(name):
        if name in ("stdin", "stdout", "stderr"):
            return getattr(sys, name)
        raise AttributeError(f"'module' object has no attribute '{name}'")
