"""`network` as rp2 and esp32 have it, over the simulated radio: their calls, status codes and moods."""

from types import SimpleNamespace
from typing import ClassVar

from host_tests.shim.numbers import os_error

from . import radio as air

_RP2_STATUS = {
    air.OFF: 0,
    air.IDLE: 0,
    air.LOST: 0,
    air.HANGING: 1,
    air.JOINING: 1,
    air.NO_ADDRESS: 2,
    air.UP: 3,
    air.NO_NETWORK: -2,
    air.BAD_PASSWORD: -3,
}
_ESP32_STATUS = {
    air.OFF: 1000,
    air.IDLE: 1000,
    air.LOST: 200,
    air.HANGING: 1001,
    air.JOINING: 1001,
    air.NO_ADDRESS: 1001,
    air.UP: 1010,
    air.NO_NETWORK: 201,
    air.BAD_PASSWORD: 202,
}
_EPERM = 1
_PEACE_MS = 100  # esp32, between disconnect() and connect() (platform-facts 3.2)
_NO_ADDRESSES = ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")
_ADDRESSES = (air.ADDRESS, "255.255.255.0", air.GATEWAY, air.GATEWAY)


class _Station:
    """What both drivers do alike."""

    STATUS: ClassVar = {}

    def __init__(self, radio, clock, port):
        self._radio = radio
        self._clock = clock
        self._port = port

    def isconnected(self):
        return self._radio.state == air.UP

    def status(self, name=None):
        if name is None:
            return self.STATUS[self._radio.state]
        if name != "rssi":
            raise ValueError("unknown status param")
        if self._radio.rssi() is None:
            raise os_error(_EPERM)
        return self._radio.rssi()

    def ifconfig(self):
        return _ADDRESSES if self.isconnected() else _NO_ADDRESSES

    def scan(self):
        self._clock.busy("WLAN.scan", self._port.scan_ms)
        points = self._radio.access_points.items()
        return [(ssid.encode(), bytes(6), 6, point.rssi, 4, 0) for ssid, point in points if point.on]

    def _start(self):
        if self._radio.state == air.OFF:
            self._clock.busy("WLAN.active", self._port.radio_start_ms)
        self._radio.start()


class Rp2Station(_Station):
    """CYW43. active() always claims success; a chip in trouble answers EPERM until it was powered down."""

    STATUS = _RP2_STATUS

    def active(self, *on):
        if not on:
            return self._radio.state != air.OFF
        if self._radio.wedged:
            return None
        if on[0]:
            self._start()
        else:
            self._radio.stop()

    def deinit(self):
        self._clock.busy("WLAN.deinit", self._port.radio_start_ms)
        self._radio.cure()

    def connect(self, ssid, key=None):
        self._powered()
        self._radio.join(ssid, key)

    def disconnect(self):
        self._powered()
        self._radio.leave()

    def config(self, **settings):
        self._powered()
        for name, value in settings.items():
            if name != "pm":
                raise ValueError("unknown config param")
            self._radio.power_save = value not in (0x10, 0xA11140)

    def _powered(self):
        if self._radio.wedged or self._radio.state == air.OFF:
            raise os_error(_EPERM)


class Esp32Station(_Station):
    """ESP-IDF's driver: it retries for ever by itself unless told not to, and minds the order of calls."""

    STATUS = _ESP32_STATUS

    def __init__(self, radio, clock, port):
        super().__init__(radio, clock, port)
        self._left_ms = -_PEACE_MS

    def active(self, *on):
        if not on:
            return self._radio.state != air.OFF
        if on[0]:
            if self._radio.state == air.OFF:
                self._radio.retries = True
            self._start()
        else:
            self._radio.cure()

    def connect(self, ssid, key=None):
        if self._radio.busy:
            raise os_error("Wifi Internal Error")
        if self._radio.state_errors or self._clock.now_ms - self._left_ms < _PEACE_MS:
            self._radio.state_errors = max(0, self._radio.state_errors - 1)
            raise os_error("Wifi Internal State Error")
        if self._radio.state == air.OFF:
            raise os_error("Wifi Not Started")
        self._radio.join(ssid, key)

    def disconnect(self):
        if self._radio.state == air.OFF:
            raise os_error("Wifi Not Started")
        if self._radio.state != air.IDLE:
            self._left_ms = self._clock.now_ms
        self._radio.leave()

    def config(self, **settings):
        if self._radio.busy:  # every config() rewrites the whole station configuration
            raise os_error("Wifi Internal State Error")
        for name, value in settings.items():
            if name == "reconnects":
                self._radio.retries = value != 0
            elif name == "pm":
                self._radio.power_save = value != Wlan.PM_NONE
            else:
                raise ValueError("unknown config param")


class Wlan:
    """The class `WLAN`: constants, and the one station that every call gives."""

    IF_STA = 0
    IF_AP = 1
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2

    def __init__(self, station):
        self._station = station

    def __call__(self, _interface=0):
        return self._station


def network_module(port_name, radio, clock, port):
    """The module `network` of that port."""
    station = (Esp32Station if port_name == "esp32" else Rp2Station)(radio, clock, port)
    return SimpleNamespace(
        STA_IF=0, AP_IF=1, WLAN=Wlan(station), country=lambda *code: "XX", hostname=lambda *name: "hublink"
    )
