# `network` of the board on the desk: a radio that joins whatever it is told. The traffic is the host's own.
STA_IF = 0
STAT_IDLE = 0
STAT_GOT_IP = 3

_EPERM = 1
_names = {"hostname": "PicoW", "country": "XX"}


# There is one radio, however often it is asked for.
class WLAN:
    PM_NONE = 0x10

    def __new__(cls, interface=STA_IF):
        return _station


class _Station:
    def __init__(self):
        self._active = self._joined = False

    def active(self, on=None):
        if on is None:
            return self._active
        self._active = bool(on)
        self._joined = self._joined and self._active

    # A CYW43 that was not switched on answers everything with EPERM.
    def _powered(self):
        if not self._active:
            raise OSError(_EPERM)

    def connect(self, ssid, key=None):
        self._powered()
        self._joined = True

    def disconnect(self):
        self._powered()
        self._joined = False

    def deinit(self):
        self.active(False)

    def isconnected(self):
        return self._joined

    def status(self, name=None):
        if name == "rssi":
            return -50
        return STAT_GOT_IP if self._joined else STAT_IDLE

    def ifconfig(self):
        return ("127.0.0.1", "255.0.0.0", "127.0.0.1", "0.0.0.0")

    def config(self, pm):
        self._powered()


_station = _Station()


def hostname(name=None):
    return _name("hostname", name)


def country(code=None):
    return _name("country", code)


def _name(key, value):
    if value:
        _names[key] = value
    return _names[key]
