# How long to wait before the next try: doubling, capped, with full jitter.
# Pure: draws no random numbers and does not sleep.


class Backoff:
    """Delays between tries. base_ms: first ceiling; cap_ms: last one (0 < base_ms <= cap_ms)."""

    def __init__(self, base_ms, cap_ms):
        if not 0 < base_ms <= cap_ms:
            raise ValueError("backoff: expected 0 < base_ms <= cap_ms")
        self._base_ms = base_ms
        self._cap_ms = cap_ms
        self.ceiling_ms = base_ms

    # random: any integer >= 0 from a source that is uniform over at least 16 bits.
    # Returns 0..ceiling_ms and doubles the ceiling for the next time.
    def next_ms(self, random):
        delay_ms = random % (self.ceiling_ms + 1)
        self.ceiling_ms = min(self.ceiling_ms * 2, self._cap_ms)
        return delay_ms

    # For failures that no quick retry mends (refused credentials).
    def to_cap(self):
        self.ceiling_ms = self._cap_ms

    def reset(self):
        self.ceiling_ms = self._base_ms
