"""`machine`: reset, watchdog, clock chip, identity, and the words that survive a reset."""

from datetime import datetime, timezone

from ..world import Reset

_FREQUENCY_HZ = {"rp2": 125_000_000, "esp32": 160_000_000, "unix": 1_000_000_000}
_WDT_DEFAULT_MS = 5000


class Machine:
    PWRON_RESET = 1
    HARD_RESET = 2
    WDT_RESET = 3
    DEEPSLEEP_RESET = 4
    SOFT_RESET = 5

    def __init__(self, world):
        self._world = world
        self.mem32 = Words()

    @staticmethod
    def reset():
        raise Reset("reset")

    @staticmethod
    def soft_reset():
        raise Reset("soft_reset")

    def reset_cause(self):
        return self._world.reset_cause

    def unique_id(self):
        return bytes(range(6 if self._world.port == "esp32" else 8))

    def freq(self):
        return _FREQUENCY_HZ[self._world.port]

    @staticmethod
    def idle():
        pass

    def WDT(self, id=0, timeout=_WDT_DEFAULT_MS):
        return Watchdog(self._world, timeout)

    def RTC(self):
        return ClockChip(self._world)

    class ADC:
        CORE_TEMP = 4

        def __init__(self, channel):
            pass

        # 0.706 V of 3.3 V: 27 degrees Celsius on an RP2040's CORE_TEMP.
        @staticmethod
        def read_u16():
            return 14020


class Watchdog:
    """Bites at the first look at the clock after `timeout` ms unfed. It cannot be stopped, only made anew."""

    def __init__(self, world, timeout):
        if timeout <= 0 or (world.wdt_max_ms and timeout > world.wdt_max_ms):
            raise ValueError(f"timeout: expected 1 to {world.wdt_max_ms} ms, got {timeout}")
        self._world = world
        world.arm_watchdog(timeout)

    def feed(self):
        self._world.feed_watchdog()


class ClockChip:
    """(year, month, day, weekday, hour, minute, second, sub-second); setting it sets `time`."""

    def __init__(self, world):
        self._world = world

    def datetime(self, fields=None):
        if fields is None:
            t = datetime.fromtimestamp(self._world.unix_ns() // 1_000_000_000, timezone.utc)
            return (t.year, t.month, t.day, t.weekday(), t.hour, t.minute, t.second, 0)
        year, month, day, _, hour, minute, second, _ = fields
        t = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
        self._world.set_unix_ns(int(t.timestamp()) * 1_000_000_000)

    # Bytes that survive a reset on esp32.
    def memory(self, data=None):
        if data is None:
            return self._world.rtc_memory
        self._world.rtc_memory = bytes(data)


class Words(dict):
    """`mem32`: address -> 32-bit word; untouched words read 0."""

    def __missing__(self, address):
        return 0

    def __setitem__(self, address, value):
        super().__setitem__(address, value & 0xFFFFFFFF)
