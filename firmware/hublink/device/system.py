# Time, chance and memory as the board gives them: the only place the firmware asks for these.
import gc
import io
import os
import sys
import time

from .. import ticks
from ..reports import line

_uptime_s = 0
_since_ms = -1
_heap_low = 1 << 24


# Milliseconds in the range of ticks.py, whatever the port's own period is.
def now_ms():
    return time.ticks_ms() & ticks.MASK


# Seconds since the first call; to be called at least once in six days, because ticks wrap.
def uptime_s():
    global _uptime_s, _since_ms  # noqa: PLW0603 - there is one clock
    now = now_ms()
    if _since_ms < 0:
        _since_ms = now
    seconds = ticks.diff(now, _since_ms) // 1000
    _uptime_s += seconds
    _since_ms = ticks.add(_since_ms, seconds * 1000)
    return _uptime_s


def sleep_ms(n):
    time.sleep_ms(n)


# 30 random bits.
def random30():
    b = os.urandom(4)
    return b[0] << 22 | b[1] << 14 | b[2] << 6 | b[3] >> 2


# Frees what can be freed; returns the free bytes of the Python heap.
def collect():
    global _heap_low  # noqa: PLW0603 - there is one heap
    gc.collect()
    free = gc.mem_free()
    _heap_low = min(_heap_low, free)
    return free


# The least that was ever free after a collection, in bytes.
def heap_low():
    return _heap_low


# Prints the exception with its traceback, and returns that text; a line where that needs too much heap.
def print_exception(e):
    try:
        sys.print_exception(e)
        gc.collect()
        text = io.StringIO()
        sys.print_exception(e, text)
        return text.getvalue()
    except Exception:
        return line(e)


# Unloads a submodule that is not needed again, and frees what only it held.
def forget(package, name):
    sys.modules.pop(package + "." + name, None)
    delattr(sys.modules[package], name)
    gc.collect()
