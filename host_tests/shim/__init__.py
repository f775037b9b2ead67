"""The device on CPython: `install()` makes the firmware importable and gives it the device's modules.

Firmware (`hublink`, `umqtt`, `board`, `main`, `boot`) sees what a board has: device modules from an
allow-list, MicroPython's builtins, nothing of CPython's library. Everything else in the process
(pytest, the standard library, the tools) is untouched: firmware modules are given their own
`__builtins__` when they are loaded, so nothing global is replaced.

A subset, never a superset: the shim has the device's defaults, lacks what the device lacks, and
raises `BrokenRule` where the device would crash, hang or lose data.
"""

from .handle import Handle, install
from .world import BrokenRule, Reset

__all__ = ["BrokenRule", "Handle", "Reset", "install"]
