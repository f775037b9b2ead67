"""What a device said that it would deliver, against what arrived behind the broker."""

import re
from itertools import pairwise

_KEPT = re.compile(r"soak: kept (\d+) (\d+)")
_HEAP = re.compile(r"soak: heap (\d+)")


class Account:
    """One device over all its starts.

    Attributes:
        promised: {(boot, seq)} of what has to arrive, whatever happens.
        heap_low: the least free heap of all starts, bytes; None before the first is known.
    """

    def __init__(self):
        self.promised = set()
        self.heap_low = None

    def read(self, line):
        """A line of the device's console."""
        kept, heap = _KEPT.fullmatch(line), _HEAP.fullmatch(line)
        if kept:
            self.promised.add((int(kept[1]), int(kept[2])))
        if heap:
            free = int(heap[1])
            self.heap_low = free if self.heap_low is None else min(self.heap_low, free)

    def lost(self, messages):
        """Those of the promised that are not among the messages (decoded telemetry)."""
        return self.promised - set(_keys(messages))

    def settle(self, messages):
        """Figures of the messages, by name: arrived, lost, gaps, missing, twice, out of order."""
        keys = _keys(messages)
        firsts = list(dict.fromkeys(keys))
        steps = [later - seq for (boot, seq), (its_boot, later) in pairwise(firsts) if boot == its_boot]
        return {
            "arrived": len(firsts),
            "promised": len(self.promised),
            "lost": len(self.lost(messages)),
            "gaps": sum(step > 1 for step in steps),
            "missing": sum(step - 1 for step in steps if step > 1),
            "twice": len(keys) - len(firsts),
            "out of order": sum(before > after for before, after in pairwise(firsts)),
        }


def _keys(messages):
    return [(message["boot"], message["seq"]) for message in messages]
