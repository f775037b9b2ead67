"""Virtual time: an event queue, and a clock that moves only when the device sleeps, waits or is busy.

Nothing here sleeps really and there are no threads: whoever waits runs the events of the world that
fall due meanwhile, on its own stack. What must end the run is a `BaseException`, because firmware
catches `Exception`.
"""

import heapq
from itertools import count

NEVER = 1 << 60
# A turn of the loop reads the clock a few times. So many looks without a moment passing: it spins.
# (Python code itself costs no virtual time, so nothing else would end such a loop.)
_LOOKS_MAX = 5000


class EndOfRun(BaseException):
    """Ends a run of the device's program. reason: "time", "condition" or "watchdog"."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


class WorldError(BaseException):
    """The device broke a rule, or the world itself failed. Not an Exception: firmware must not swallow it."""


class Clock:
    """Milliseconds since the world began.

    Attributes:
        now_ms: the time.
        deadline_ms: when the watchdog bites unless it is fed; set by the device.
        end_ms: where the present run ends; polls do not wait beyond it.
        longest_ms: kind of call -> its longest duration so far, in ms.
    """

    def __init__(self, unix_start_s):
        self.now_ms = 0
        self.deadline_ms = NEVER
        self.end_ms = NEVER
        self.give_up_ms = NEVER
        self.longest_ms = {}
        self._unix_start_ms = unix_start_s * 1000
        self._queue = []
        self._number = count()
        self._looks = 0

    # What a clock is to the shim's world, whose times are the device's.
    def monotonic_ns(self):
        return self.now_ms * 1_000_000

    def time_ns(self):
        return (self._unix_start_ms + self.now_ms) * 1_000_000

    # The true Unix time, seconds (float).
    def unix_s(self):
        return (self._unix_start_ms + self.now_ms) / 1000

    def after(self, ms, run):
        """Calls run() in ms milliseconds."""
        heapq.heappush(self._queue, (self.now_ms + int(ms), next(self._number), run))

    # The device looks at the clock: a device that only ever looks is stuck.
    def look(self):
        self._looks += 1
        if self._looks > _LOOKS_MAX:
            raise WorldError(f"the device spins: {_LOOKS_MAX} looks at the clock within one millisecond")

    def wait(self, ms, ready=None):
        """Lets ms milliseconds pass, or fewer: until ready() after an event says so.

        Returns:
            bool: whether ready() said so.
        """
        end_ms = self.now_ms + ms
        if end_ms > self.now_ms:
            self._looks = 0
        guarded = end_ms >= self.deadline_ms or end_ms > self.give_up_ms
        last_ms = min(end_ms, self.deadline_ms, self.give_up_ms) if guarded else end_ms
        queue = self._queue
        while queue and queue[0][0] <= last_ms:
            at_ms, _, run = heapq.heappop(queue)
            self.now_ms = max(self.now_ms, at_ms)
            self._call(run)
            if ready is not None and ready():
                return True
        self.now_ms = last_ms
        if guarded:
            self._guard()
        return False

    def busy(self, kind, ms):
        """The device is inside one call for ms milliseconds; nothing of it runs meanwhile."""
        self.note(kind, ms)
        self.wait(ms)

    # kind of call took ms.
    def note(self, kind, ms):
        if ms > self.longest_ms.get(kind, -1):
            self.longest_ms[kind] = ms

    def _guard(self):
        if self.now_ms >= self.deadline_ms:
            raise EndOfRun("watchdog")
        if self.now_ms >= self.give_up_ms:
            raise WorldError("the run should have ended a minute ago; the loop does not come round")

    @staticmethod
    def _call(run):
        try:
            run()
        except Exception as error:
            raise WorldError(f"the world itself failed: {error!r}") from error
