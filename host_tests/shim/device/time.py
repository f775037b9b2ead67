"""`time`: ticks that wrap at 2**30, sleeps, and the board's own epoch."""

import calendar
from datetime import datetime, timedelta, timezone

_PERIOD = 1 << 30
_HALF = 1 << 29


class Time:
    def __init__(self, world):
        self._world = world

    def ticks_ms(self):
        return self._ticks(1_000_000)

    def ticks_us(self):
        return self._ticks(1_000)

    def _ticks(self, unit_ns):
        self._world.look()
        start_ns = self._world.ticks_start_ms * 1_000_000
        return (start_ns + self._world.up_ns()) // unit_ns % _PERIOD

    def ticks_add(self, ticks, delta):
        self._check(ticks)
        if not -_HALF < delta < _HALF:
            raise OverflowError("ticks interval overflow")
        return (ticks + delta) % _PERIOD

    def ticks_diff(self, end, start):
        self._check(end, start)
        return (end - start + _HALF) % _PERIOD - _HALF

    # On a board any integer is taken and the answer is then wrong without a sign.
    def _check(self, *ticks):
        for value in ticks:
            if type(value) is not int or not 0 <= value < _PERIOD:
                self._world.breaks(f"ticks_diff/ticks_add take only values of ticks_ms/us/add, got {value!r}")

    def sleep(self, s):
        self._world.sleep_ns(int(s * 1_000_000_000))

    def sleep_ms(self, ms):
        self._world.sleep_ns(ms * 1_000_000)

    def sleep_us(self, us):
        self._world.sleep_ns(us * 1_000)

    # Seconds since the board's epoch: whole on boards, a float on the unix port.
    def time(self):
        ns = self.time_ns()
        return ns / 1_000_000_000 if self._world.port == "unix" else ns // 1_000_000_000

    def time_ns(self):
        self._world.look()
        return self._world.unix_ns() - self._world.epoch_s * 1_000_000_000

    def gmtime(self, s=None):
        unix_s = int(self.time() if s is None else s) + self._world.epoch_s
        t = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=unix_s)
        return (t.year, t.month, t.day, t.hour, t.minute, t.second, t.weekday(), t.timetuple().tm_yday)

    localtime = gmtime

    def mktime(self, t):
        return calendar.timegm((*t[:6], 0, 0, 0)) - self._world.epoch_s
