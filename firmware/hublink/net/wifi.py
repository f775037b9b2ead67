# Joins Wi-Fi and keeps it joined: does to network.WLAN what the ladder says.
# isconnected() lies on both drivers after a loss (platform-facts 2.4): it is asked for joining only,
# and the loss of a link is found by the hub's silence. The radio's quirks are board data.
from .. import ladder, limits, ticks


class Wifi:
    """networks: list of (ssid, password or None), the preferred one first. board: the board module."""

    def __init__(self, board, networks, hostname, country):
        self._board = board
        self._networks = networks
        self._ladder = ladder.Ladder(len(networks))
        board.prepare_radio(hostname, country)
        self._wlan = board.wlan()
        self._index = 0
        self._pause_ms = 0
        self._joining = False

    def ssid(self):
        return self._networks[self._index][0]

    # Begins to join, or finds itself joined. After it, poll() until it returns not None.
    def start(self, now_ms):
        self._joining = False
        self._since_ms = now_ms
        self._pause_ms = 0
        if self.is_up():
            return
        rung, self._index = self._ladder.next()
        try:
            if rung == ladder.RESTART:
                self._board.restart_radio(self._wlan)
            self._wlan.active(True)
            self._wlan.disconnect()
        except OSError:  # EPERM from CYW43, 'Wifi Internal State Error' from esp32: the ladder goes on
            pass
        self._pause_ms = limits.WIFI_PAUSE_MS

    # "" once there is an address, None while joining, else the reason why there is none.
    def poll(self, now_ms):
        if not self._joining and ticks.diff(now_ms, self._since_ms) >= self._pause_ms:
            self._joining = True
            if not self.is_up() and not self._join():
                return "wifi_error"
        if self._joining and self.is_up():
            if self._pause_ms:  # it was the ladder that got us here
                self._ladder.joined()
            return ""
        if ticks.diff(now_ms, self._since_ms) >= limits.WIFI_JOIN_MS:
            return self._board.wifi_trouble(self._wlan)
        return None

    def _join(self):
        ssid, password = self._networks[self._index]
        try:
            self._board.configure_radio(self._wlan)
            self._wlan.connect(ssid, password)
        except OSError:
            return False
        return True

    def is_up(self):
        return self._wlan.isconnected()

    def rssi(self):
        try:
            return self._wlan.status("rssi")
        except (OSError, ValueError, TypeError):  # not joined; or a port without it
            return None

    # DNS servers that DHCP gave, as a list of texts.
    def dns_servers(self):
        return [server for server in (self._wlan.ifconfig()[3],) if server != "0.0.0.0"]

    # The hub has gone silent although the radio says all is well: leave, so that start() joins anew. A chip
    # that refuses even that (EPERM from CYW43) would go on saying that it is up. restart: the radio, too.
    def leave(self, restart):
        if not restart:
            try:
                self._wlan.disconnect()
                return
            except OSError:
                pass
        try:
            self._board.restart_radio(self._wlan)
        except OSError:
            pass
