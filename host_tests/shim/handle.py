"""Installing the shim: one world at a time, fresh modules in each, nothing left behind."""

import os
import sys
from pathlib import Path

from . import importing
from .device import build
from .world import World

_installed = []


class Handle:
    """An installed world; a context manager. Made by `install`.

    Attributes:
        world: clock, watchdog, radio and limits of this device (see `world.World`).
        modules: device module name -> module, the live table that firmware imports resolve to.
            Replace an entry before the firmware that uses it is imported.
    """

    def __init__(self, world, modules, builtins):
        self.world = world
        self.modules = modules
        self._builtins = importing.device_builtins(world, modules, builtins)
        self._finder = importing.Finder(world.board, self._builtins)
        self._cwd = os.getcwd()
        self._stashed = _take_firmware_modules()
        sys.meta_path.insert(0, self._finder)

    def run(self, path, name="__main__"):
        """Runs a script as the device would.

        Args:
            path: the script; it need not belong to the firmware.
            name: its `__name__`.

        Returns:
            The script's global names, a dict.
        """
        path = Path(path)
        names = {"__name__": name, "__file__": str(path), "__builtins__": self._builtins}
        exec(compile(path.read_text("utf-8"), str(path), "exec"), names)
        return names

    def open_sockets(self):
        """Sockets that firmware has opened and not closed (a board's port does not close them either)."""
        return list(self.world.sockets.values())

    def uninstall(self):
        """Takes the firmware and the shim out again and closes what was left open."""
        if self not in _installed:
            return
        _installed.remove(self)
        sys.meta_path.remove(self._finder)
        _take_firmware_modules()
        sys.modules.update(self._stashed)
        for sock in self.open_sockets():
            sock.close()
        os.chdir(self._cwd)

    def __enter__(self):
        return self

    # A rule that firmware broke and then swallowed in an `except` must still fail the test.
    def __exit__(self, kind, *_):
        self.uninstall()
        if kind is None and self.world.broken:
            raise self.world.broken[0]


def install(board="unix", modules=None, builtins=None, **settings):
    """Makes the firmware importable on this interpreter, in a fresh world.

    Args:
        board: name of the folder below `boards/`; decides the port whose habits the shim takes.
        modules: device module name -> stand-in for it, e.g. a simulated `time`.
        builtins: name -> stand-in for a builtin of the firmware, e.g. an `open` that loses power.
        settings: see `world.World`: clock, ticks_start_ms, epoch_year, unix_start_s, wdt_max_ms, reset_cause.

    Returns:
        Handle: leave it as a context manager, or call `uninstall()`.

    Raises:
        RuntimeError: a world is installed already.
        ValueError: `modules` names something that is no device module.
    """
    if _installed:
        raise RuntimeError("the shim is installed already; uninstall the other world first")
    world = World(board, **settings)
    table = build(world)
    unknown = set(modules or ()) - set(table) - {"board"}
    if unknown:
        raise ValueError(f"no device module is called {sorted(unknown)}; expected some of {sorted(table)}")
    table.update(modules or {})
    handle = Handle(world, table, builtins or {})
    _installed.append(handle)
    return handle


def _take_firmware_modules():
    names = [name for name in sys.modules if importing.is_firmware(name)]
    return {name: sys.modules.pop(name) for name in names}
