"""The shortest plan that still fails: delta debugging over its events (Zeller, Hildebrandt 2002)."""

from itertools import pairwise

_RUNS_MAX = 300


def shrink(plan, fails):
    """The shortest plan found.

    Args:
        plan: one that fails.
        fails: f(plan) -> whether it still fails, in the same way.

    Returns:
        Plan: some of its events; taking away any one of them makes the failure go away, if time was enough.
    """
    events, pieces = list(plan.events), 2
    runs = 0
    while len(events) > 1 and runs < _RUNS_MAX:
        for fewer in _without_a_piece(events, pieces):
            runs += 1
            if fails(plan.but(fewer)):
                events, pieces = fewer, max(2, pieces - 1)
                break
        else:
            if pieces >= len(events):
                break
            pieces = min(len(events), 2 * pieces)
    return plan.but(events)


def _without_a_piece(events, pieces):
    bounds = [len(events) * i // pieces for i in range(pieces + 1)]
    for begin, end in pairwise(bounds):
        yield events[:begin] + events[end:]
