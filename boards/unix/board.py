# The desk as a board: MicroPython's unix port or CPython, run by `hublink run`, which plays the
# hardware: it enforces the watchdog from outside the process, restarts it after a reset, and remembers two
# numbers meanwhile.
import os
import sys

NAME = "unix"
CONFIG = os.getenv("HUBLINK_CONFIG") or "config.json"
NEEDS_WIFI = False
WATCHDOG_MAX_MS = 8388  # the Pico W's, so that what is too slow for it shows on the desk
GETADDRINFO_BOUNDED = False  # two attempts of 5 s each are usual (resolv.conf(5)): longer than the watchdog
# The reference interpreter has its TLS memory where the Pico W has it.
TLS_IN_HEAP = getattr(sys.implementation, "_build", "") == "reference"
TLS_RESERVE = (17000, 4600) if TLS_IN_HEAP else ()
UNACKED_MAX_LEN = 2048  # the Pico W's

_MAINTENANCE = "maintenance.flag"
_EXIT_RESET = 75  # what `hublink run` takes for machine.reset()
_path = os.getenv("HUBLINK_WATCHDOG")
_pipe = open(_path, "wb", 0) if _path else None


class _Wlan:
    """The desk's network, always joined; with HUBLINK_WIFI_DOWN naming a file, down while it exists."""

    def __init__(self):
        self._down_file = os.getenv("HUBLINK_WIFI_DOWN")

    def active(self, _on=None):
        return True

    def connect(self, _ssid, _password):
        pass

    def disconnect(self):
        pass

    def isconnected(self):
        return not self._down_file or not _exists(self._down_file)

    def status(self, _key):
        raise ValueError("no radio")

    def ifconfig(self):
        return ("127.0.0.1", "255.0.0.0", "0.0.0.0", _name_server())


# The first IPv4 name server of the host.
def _name_server():
    try:
        with open("/etc/resolv.conf") as f:
            for line in f:
                words = line.split()
                if len(words) > 1 and words[0] == "nameserver" and ":" not in words[1]:
                    return words[1]
    except OSError:
        pass
    return "0.0.0.0"


def _exists(name):
    try:
        os.stat(name)
    except OSError:
        return False
    return True


def prepare_radio(_hostname, _country):
    pass


def wlan():
    return _Wlan()


def configure_radio(_wlan):
    pass


def restart_radio(_wlan):
    pass


def wifi_trouble(_wlan):
    return "wifi_timeout"


# The host's clock is not ours to set; the caller keeps the difference.
def set_rtc(_unix_s):
    return False


# Outside `hublink run` nobody listens: nothing bites, and nothing is kept.
def _tell(data):
    if _pipe:
        _pipe.write(data)


class _Watchdog:
    def feed(self):
        _tell(b".")


def watchdog(timeout_ms):
    _tell(b"start %d\n" % timeout_ms)
    return _Watchdog()


# Two numbers below 2**32 that a reset leaves alone; (0, 0) after power loss.
def kept():
    a, b = (os.getenv("HUBLINK_KEPT") or "0 0").split()
    return int(a), int(b)


def keep(a, b):
    _tell(b"keep %d %d\n" % (a, b))


def reset():
    raise SystemExit(_EXIT_RESET)


def reset_cause():
    return os.getenv("HUBLINK_RESET_CAUSE") or "power_on"


def maintenance():
    return _exists(_MAINTENANCE)


def set_maintenance(on):
    if on:
        open(_MAINTENANCE, "w").close()
    elif maintenance():
        os.remove(_MAINTENANCE)


def temperature_c():
    return None


# The heap's largest free block; the port does not tell.
def largest_block():
    return None
