"""The numbers of one start of a device: which of them are missing, and which came twice. Pure."""

_HOLES_MAX = 32  # the oldest are forgotten then: they stay lost, and what fills them counts as a duplicate


class Series:
    """Numbers that should come as 1, 2, 3 and so on.

    Args:
        last: the one that came last; None: it is not known, so the next one has nothing missing before it.
    """

    def __init__(self, last=None):
        self._last = last
        self._holes = []  # (first, last) of what is missing

    def skip(self):
        """What comes before the next number was not listened to: it is not missing."""
        self._last = None

    def take(self, number):
        """How many numbers are missing now that were not before: 0, more, or -1 if this one was missing.

        None if it came before.
        """
        last = self._last
        if last is not None and number <= last:
            return self._fill(number)
        self._last = number
        if last is None or number == last + 1:
            return 0
        self._holes = [*self._holes, (last + 1, number - 1)][-_HOLES_MAX:]
        return number - last - 1

    def _fill(self, number):
        for index, (first, last) in enumerate(self._holes):
            if first <= number <= last:
                rest = [(first, number - 1), (number + 1, last)]
                self._holes[index : index + 1] = [hole for hole in rest if hole[0] <= hole[1]]
                self._holes = self._holes[-_HOLES_MAX:]
                return -1
        return None
