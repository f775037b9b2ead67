# Milliseconds that wrap: the same answers on every interpreter, on both sides of the wrap.

import time

from hublink import ticks

LAST = 0x3FFFFFFF
HALF = 0x20000000


def case_add_wraps_to_zero():
    assert ticks.add(LAST, 1) == 0


def case_add_goes_back_over_zero():
    assert ticks.add(0, -1) == LAST
    assert ticks.add(5, -10) == LAST - 4


def case_add_takes_the_longest_span_either_way():
    assert ticks.add(LAST, HALF - 1) == HALF - 2
    assert ticks.add(0, 1 - HALF) == HALF + 1


def case_diff_counts_over_the_wrap():
    assert ticks.diff(5, LAST) == 6
    assert ticks.diff(LAST, 5) == -6


def case_diff_of_equal_times_is_zero():
    for t in (0, 1, HALF - 1, HALF, LAST):
        assert ticks.diff(t, t) == 0


def case_diff_tells_the_longest_span():
    assert ticks.diff(HALF - 1, 0) == HALF - 1
    assert ticks.diff(0, HALF - 1) == 1 - HALF
    assert ticks.diff(HALF, 0) == -HALF


def case_add_and_diff_agree():
    for start in (0, 1, HALF, LAST - 1, LAST):
        for span in (0, 1, 1000, HALF - 1, -1, -1000, 1 - HALF):
            assert ticks.diff(ticks.add(start, span), start) == span


# time.ticks_diff of the port agrees where both are defined (the 64-bit unix port has another period).
def case_diff_agrees_with_the_port():
    for later, earlier in ((5, 0), (HALF - 1, 1), (1000, 999)):
        assert ticks.diff(later, earlier) == time.ticks_diff(later, earlier)
