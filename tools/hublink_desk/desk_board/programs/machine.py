# `machine` of the board on the desk, as much of it as the firmware's board module for a Pico W uses.
import os
import struct
import time

PWRON_RESET = 1
WDT_RESET = 3

_WDT_MAX_MS = 8388
_SCRATCH_ADDRESS = 0x4005800C
_SCRATCH_COUNT = 8
# What the SDK writes into scratch register 4 when a program starts the watchdog.
_BITE_ADDRESS = _SCRATCH_ADDRESS + 16
_BITE = 0x6AB73121
_EXIT_RESET = 75  # hublink_desk.run starts the process again

_watchdog = open(os.getenv("HUBLINK_WATCHDOG"), "wb", 0)


class _Words:
    """The watchdog's scratch registers, in a file that only power loss clears; no other address is there."""

    def __init__(self):
        self._file = open(os.getenv("HUBLINK_SCRATCH"), "r+b")

    def _seek(self, address):
        n, odd = divmod(address - _SCRATCH_ADDRESS, 4)
        if odd or not 0 <= n < _SCRATCH_COUNT:
            raise ValueError("nothing is at 0x%x" % address)
        self._file.seek(4 * n)

    def __getitem__(self, address):
        self._seek(address)
        return struct.unpack("<I", self._file.read(4))[0]

    def __setitem__(self, address, value):
        self._seek(address)
        self._file.write(struct.pack("<I", value & 0xFFFFFFFF))


mem32 = _Words()


class WDT:
    """Once started it runs on, through a soft reset and at the REPL."""

    def __init__(self, id=0, timeout=5000):
        if not 0 < timeout <= _WDT_MAX_MS:
            raise ValueError("timeout exceeds %d" % _WDT_MAX_MS)
        mem32[_BITE_ADDRESS] = _BITE
        _watchdog.write(b"start %d\n" % timeout)

    def feed(self):
        _watchdog.write(b".")


class RTC:
    """The host's clock, which cannot be set."""

    def datetime(self, fields=None):
        if fields is None:
            t = time.gmtime()
            return (t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0)


class ADC:
    CORE_TEMP = 4

    def __init__(self, channel):
        pass

    # 0.706 V of 3.3 V: 27 degrees Celsius.
    def read_u16(self):
        return 14020


def reset():
    mem32[_BITE_ADDRESS] = 0
    raise SystemExit(_EXIT_RESET)


def soft_reset():
    raise SystemExit


# A reset goes through the watchdog, too.
def reset_cause():
    return PWRON_RESET if os.getenv("HUBLINK_RESET_CAUSE") == "power_on" else WDT_RESET


def unique_id():
    return bytes(range(8))


def freq():
    return 125000000
