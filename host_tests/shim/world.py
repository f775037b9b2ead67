"""One device's world: its clock, its watchdog, its radio, its open sockets, the rules it broke.

Device modules keep no state of their own; they ask here. Firmware never sees a World.
"""

import time
from datetime import datetime, timezone

from .numbers import device_number, numbers, os_error

_MS = 1_000_000
_S = 1_000_000_000
_SCHEDULED_MAX = 8
_EXIT_RESET = 75  # what `hublink run` takes for machine.reset()


class Reset(SystemExit):
    """The device restarts. cause: "reset", "soft_reset" or "watchdog"."""

    def __init__(self, cause):
        super().__init__(_EXIT_RESET)
        self.cause = cause

    def __str__(self):
        return f"the device resets: {self.cause}"


class BrokenRule(AssertionError):
    """Firmware did what a board punishes with a crash, a hang or lost data. The text names the rule."""


class RealClock:
    """The clock of a world unless another is given: any object with these three."""

    monotonic_ns = staticmethod(time.monotonic_ns)
    time_ns = staticmethod(time.time_ns)

    @staticmethod
    def sleep_ns(ns):
        time.sleep(ns / _S)


def port_of(board):
    """The MicroPython port that a board's image is built from: "esp32", "rp2" or "unix"."""
    if board.startswith("ESP32"):
        return "esp32"
    return "rp2" if board.startswith("RPI_PICO") else "unix"


# What a board believes the time to be after power-on (ports/rp2/main.c; the esp32 epoch).
_POWER_ON_YEAR = {"rp2": 2021, "esp32": 2000}
_WDT_MAX_MS = {"rp2": 8388}


class World:
    """State of one device.

    Args:
        board: folder name below `boards/`.
        clock: source of time, `RealClock` unless given.
        ticks_start_ms: what `time.ticks_ms()` says at power-on.
        epoch_year: 1970 or 2000; the port's own unless given.
        unix_start_s: Unix time that the device believes at power-on, seconds; the port's own unless given.
        wdt_max_ms: longest watchdog timeout accepted; the port's own unless given.
        reset_cause: what `machine.reset_cause()` answers.
    """

    def __init__(
        self,
        board="unix",
        *,
        clock=RealClock,
        ticks_start_ms=0,
        epoch_year=None,
        unix_start_s=None,
        wdt_max_ms=None,
        reset_cause=1,
    ):
        self.board = board
        self.port = port_of(board)
        self.clock = clock
        self.ticks_start_ms = ticks_start_ms
        self.epoch_s = _unix_s(epoch_year or (2000 if self.port == "esp32" else 1970))
        self.wdt_max_ms = wdt_max_ms or _WDT_MAX_MS.get(self.port)
        self.reset_cause = reset_cause
        self.sockets = {}  # open ones, in order of opening; kept alive as on a port without finalisers
        self.broken = []
        self.scheduled = []
        self.heap_free = 150_000
        self.heap_locks = 0
        self.rtc_memory = b""
        self.access_points = [(b"hublink", b"\x02\x00\x00\x00\x00\x01", 6, -50, 4, 0)]
        self._power_on_ns = clock.monotonic_ns()
        self._watchdog = None  # (timeout_ms, up_ns when last fed)
        self._bitten = False
        self._wall_offset_ns = 0
        if unix_start_s is None and self.port in _POWER_ON_YEAR:
            unix_start_s = _unix_s(_POWER_ON_YEAR[self.port])
        if unix_start_s is not None:
            self.set_unix_ns(unix_start_s * _S)

    # Nanoseconds since power-on.
    def up_ns(self):
        return self.clock.monotonic_ns() - self._power_on_ns

    def unix_ns(self):
        return self.clock.time_ns() + self._wall_offset_ns

    def set_unix_ns(self, ns):
        self._wall_offset_ns = ns - self.clock.time_ns()

    def sleep_ns(self, ns):
        if ns > 0:
            self.clock.sleep_ns(ns)
        self.look()

    # Every call that reads the clock or waits passes here: the watchdog bites, scheduled calls run.
    def look(self):
        if self._watchdog and self.up_ns() - self._watchdog[1] > self._watchdog[0] * _MS:
            self._bitten = True
        if self._bitten:
            raise Reset("watchdog")
        while self.scheduled:
            function, argument = self.scheduled.pop(0)
            function(argument)

    def arm_watchdog(self, timeout_ms):
        self._watchdog = (timeout_ms, self.up_ns())

    def feed_watchdog(self):
        self.look()
        self.arm_watchdog(self._watchdog[0])

    def schedule(self, function, argument):
        if len(self.scheduled) >= _SCHEDULED_MAX:
            raise RuntimeError("schedule queue full")
        self.scheduled.append((function, argument))

    def breaks(self, rule):
        self.broken.append(BrokenRule(rule))
        raise self.broken[-1]

    # The port's number for a name of the errno module, and the device's OSError with it.
    def number(self, name):
        return numbers(self.port)[name]

    def errno(self, name):
        return os_error(self.number(name))

    # The device's OSError for what the host reported: same meaning, the port's number, no subclass.
    def error(self, exc):
        return os_error(device_number(exc.errno, self.port))


def _unix_s(year):
    return int(datetime(year, 1, 1, tzinfo=timezone.utc).timestamp())
