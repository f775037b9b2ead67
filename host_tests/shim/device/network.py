"""`network`: a radio that is up as soon as it was told to join; the traffic is the host's loopback.

Scripted failures are not here: replace the module for those.
"""

_STATUS = {
    "rp2": {
        "STAT_IDLE": 0,
        "STAT_CONNECTING": 1,
        "STAT_GOT_IP": 3,
        "STAT_CONNECT_FAIL": -1,
        "STAT_NO_AP_FOUND": -2,
        "STAT_WRONG_PASSWORD": -3,
    },
    "esp32": {
        "STAT_IDLE": 1000,
        "STAT_CONNECTING": 1001,
        "STAT_GOT_IP": 1010,
        "STAT_BEACON_TIMEOUT": 200,
        "STAT_NO_AP_FOUND": 201,
        "STAT_WRONG_PASSWORD": 202,
        "STAT_ASSOC_FAIL": 203,
        "STAT_HANDSHAKE_TIMEOUT": 204,
    },
}
_SETTINGS = ("channel", "hidden", "hostname", "key", "mac", "pm", "security", "ssid", "txpower")
_SETTINGS_OF = {"rp2": ("antenna", *_SETTINGS), "esp32": ("reconnects", *_SETTINGS)}


class Network:
    STA_IF = 0
    AP_IF = 1

    def __init__(self, world):
        self._names = {"hostname": "hublink", "country": "XX"}
        for name, value in _of_port(_STATUS, world).items():
            setattr(self, name, value)
        station = Station(world)
        # Every WLAN(STA_IF) is the one radio.
        self.WLAN = Wlan(station)

    def country(self, *code):
        return self._name("country", code)

    def hostname(self, *name):
        return self._name("hostname", name)

    def _name(self, key, value):
        if not value:
            return self._names[key]
        self._names[key] = value[0]


def _of_port(table, world):
    return table.get(world.port, table["rp2"])


class Wlan:
    """The class `WLAN`: its constants, and the call that gives the one station interface."""

    IF_STA = 0
    IF_AP = 1
    PM_NONE = 0x10
    PM_PERFORMANCE = 0xA11142
    PM_POWERSAVE = 0x11

    def __init__(self, station):
        self._station = station

    def __call__(self, interface=0):
        if interface != self.IF_STA:
            raise ValueError("only the station interface is supplied")
        return self._station


class Station:
    def __init__(self, world):
        self._world = world
        self._status = _of_port(_STATUS, world)
        self._settings = dict.fromkeys(_of_port(_SETTINGS_OF, world))
        self._settings["mac"] = b"\x02\x00\x00\x00\x00\x02"
        self._active = False
        self._joined = False

    def active(self, *on):
        if not on:
            return self._active
        self._active = bool(on[0])
        self._joined = self._joined and self._active

    def connect(self, ssid=None, key=None, *, bssid=None):
        self._powered()
        self._settings["ssid"] = ssid
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
        if name is not None:
            raise ValueError("unknown status param")
        return self._status["STAT_GOT_IP" if self._joined else "STAT_IDLE"]

    def ifconfig(self, *addresses):
        if not addresses:
            return ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1") if self._joined else ("0.0.0.0",) * 4

    def config(self, *name, **settings):
        for key in (*name, *settings):
            if key not in self._settings:
                raise ValueError("unknown config param")
        self._settings.update(settings)
        return self._settings[name[0]] if name else None

    # (ssid, bssid, channel, RSSI, security, hidden) each.
    def scan(self):
        self._powered()
        return list(self._world.access_points)

    # A CYW43 that was not switched on answers everything with EPERM.
    def _powered(self):
        if not self._active:
            raise self._world.errno("EPERM")
