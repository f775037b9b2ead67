"""What firmware code may import and name: the finder, the device's `import` and its builtins."""

import builtins
import os
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader

from hublink_desk import paths

_FIRMWARE = ("hublink", "umqtt", "board", "main", "app", "boot")
_CHIP = "chip_"  # what boards of one chip share: boards/chip_<chip>.py
# Old names that umqtt up to 1.3.4 uses; firmware has no business with them.
_OLD_NAMES = {"usocket": "socket", "ustruct": "struct", "ubinascii": "binascii", "utime": "time"}

# The builtins of MicroPython's unix port that CPython has too.
_BUILTINS = """
ArithmeticError AssertionError AttributeError BaseException EOFError Ellipsis Exception GeneratorExit
ImportError IndentationError IndexError KeyError KeyboardInterrupt LookupError MemoryError NameError
NotImplemented NotImplementedError OSError OverflowError RuntimeError StopAsyncIteration StopIteration
SyntaxError SystemExit TypeError UnicodeError ValueError ZeroDivisionError __build_class__
abs all any bin bool bytearray bytes callable chr classmethod compile complex delattr dict dir divmod
enumerate eval exec filter float frozenset getattr globals hasattr hash hex id int isinstance issubclass
iter len list locals map max memoryview min next object oct ord pow print property range repr reversed
round set setattr slice sorted staticmethod str sum super tuple type zip
""".split()


def is_firmware(name):
    return name.partition(".")[0] in _FIRMWARE or name.startswith(_CHIP)


class Finder(MetaPathFinder):
    """Finds firmware modules, whoever imports them, and loads them with the device's builtins."""

    def __init__(self, board, device):
        self._board = board
        self._device = device

    def find_spec(self, name, path=None, target=None):
        if not is_firmware(name):
            return None
        spec = PathFinder.find_spec(name, path or self._folder(name))
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(name, spec.origin, self._device)
        return spec

    def _folder(self, name):
        if name == "umqtt":
            return [str(paths.umqtt_dir())]
        if name.startswith(_CHIP):
            return [str(paths.BOARDS)]
        return [str(paths.BOARDS / self._board if name == "board" else paths.FIRMWARE)]


# (path, time of its last change) -> code: a device that is booted often is compiled once.
_codes = {}


class _Loader(SourceFileLoader):
    def __init__(self, name, path, device):
        super().__init__(name, path)
        self._device = device

    def get_code(self, fullname):
        key = self.path, os.stat(self.path).st_mtime_ns
        if key not in _codes:
            _codes[key] = super().get_code(fullname)
        return _codes[key]

    def exec_module(self, module):
        module.__dict__["__builtins__"] = self._device
        super().exec_module(module)


def device_builtins(world, modules, stand_ins):
    """The builtins dict of firmware modules.

    Args:
        world: whose errors `open` raises.
        modules: the table that imports resolve to; read at each import.
        stand_ins: name -> object that replaces a builtin.
    """
    names = {name: getattr(builtins, name) for name in _BUILTINS}
    names["__import__"] = _device_import(modules)
    names["open"] = _device_open(world)
    names.update(stand_ins)
    return names


def _device_import(modules):
    def device_import(name, globals=None, locals=None, fromlist=(), level=0):
        __tracebackhide__ = True  # pytest shows the import that failed, not this
        if level == 0:
            if _importer(globals) == "umqtt":
                name = _OLD_NAMES.get(name, name)
            if name in modules:
                return modules[name]
            if not is_firmware(name):
                raise ImportError(f"no module named '{name}'")
        return builtins.__import__(name, globals, locals, fromlist, level)

    return device_import


def _importer(globals_):
    return (globals_ or {}).get("__name__", "").partition(".")[0]


def _device_open(world):
    def device_open(name, mode="r", buffering=-1, encoding="utf-8"):
        try:
            return open(name, mode, buffering, encoding=None if "b" in mode else encoding)
        except OSError as exc:
            raise world.error(exc) from None

    return device_open
