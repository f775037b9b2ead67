"""The board on the desk: a Raspberry Pi Pico W made of a process, as far as a serial port can tell.

Real MicroPython (unix port) with a real littlefs on a file, behind a pseudo-terminal that speaks the raw
REPL: mpremote connects to it. `programs/` runs inside: the REPL, and stand-ins for `machine` and `network`,
over which the firmware's own board module for the Pico W works as it is. The watchdog bites from outside.
"""

from .board import SerialBoard

__all__ = ["SerialBoard"]
