"""How often something may happen: so many times a second, and a burst of one second's worth."""


class Rates:
    """One allowance per key.

    Args:
        per_s: times a second; 0: any number.
        now_s: returns seconds that only grow.
    """

    def __init__(self, per_s, now_s):
        self._per_s, self._burst, self._now_s = per_s, max(1.0, per_s), now_s
        self._left = {}  # key -> (times left, when that was)

    def takes(self, key):
        """True if it may happen now; then it counts."""
        if not self._per_s:
            return True
        now = self._now_s()
        left, since = self._left.get(key, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_s)
        is_taken = left >= 1
        self._left[key] = left - is_taken, now
        return is_taken
