# Milliseconds that wrap at 2**30, as the boards' time.ticks_ms() does.
# Pure: the current time is always an argument. No intermediate leaves the small integers of a
# 32-bit board (31 bits, signed), so nothing here allocates.
from micropython import const

MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)


# a later by d milliseconds (d may be negative, |d| < 2**29).
def add(a, d):
    return (a + d if d < 0 else a - MASK - 1 + d) & MASK


# How many milliseconds a is after b; right while they are less than 2**29 ms (6.2 days) apart.
def diff(a, b):
    d = (a - b) & MASK
    return d if d < _HALF else d - MASK - 1
