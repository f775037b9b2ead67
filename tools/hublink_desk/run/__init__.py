"""`hublink run`: the board on the desk. A device process, and around it what hardware gives a board.

That is power, a console, a reset, and a watchdog that bites from outside the process and therefore
even when the interpreter hangs. Nothing here knows what the firmware does.

board.py         DeskBoard: switched on and off, and heard
life.py          the device from one reset to the next: process, console, watchdog
log.py           what it has printed, for several threads
interpreters.py  what runs the firmware, and how
cli.py           the verb
"""

from .board import DeskBoard
from .interpreters import INTERPRETERS, interpreter_option

__all__ = ["INTERPRETERS", "DeskBoard", "interpreter_option"]
