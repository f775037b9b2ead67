"""The air: access points, and one radio whose driver believes what it likes about them.

Two truths are kept apart: `passes()` says whether packets really cross the air, `state` what the
driver tells the device. Faults make them differ, as both drivers' do (platform-facts 2.4, 3.2, 3.3).
The device's side of it, `network.WLAN`, is in `wlan.py`.
"""

OFF = "off"
IDLE = "idle"
JOINING = "joining"
NO_ADDRESS = "no address"
UP = "up"
NO_NETWORK = "no such network"
BAD_PASSWORD = "bad password"
LOST = "lost"  # the driver saw its access point go
HANGING = "hanging"  # CYW43: link lost, join still active; the status says "connecting" for ever

ADDRESS = "192.168.4.2"
GATEWAY = "192.168.4.1"
_JOIN_MS = 1200
_NOT_FOUND_MS = 3000
_LEASE_MS = 700
_RETRY_MS = 2000


class AccessPoint:
    """on: it sends. dhcp: it hands out addresses. carries: packets get through (False: interference)."""

    def __init__(self, password):
        self.password = password
        self.on = True
        self.dhcp = True
        self.carries = True
        self.rssi = -50


class Radio:
    """The device's radio among access points.

    Attributes:
        access_points: ssid -> AccessPoint; may be changed at any time.
        state: what the driver believes, one of the names above.
        stuck: joins begun from now on never end, until the chip is restarted.
        wedged: every call fails with EPERM until deinit() (CYW43).
        state_errors: how many of the next connect() calls raise 'Wifi Internal State Error' (esp32).
        retries: the driver tries again by itself, as esp32's does unless told otherwise.
        power_save: as the chip has it; on again whenever it is started.
        starts, joins: how often the chip was started and a join begun.
    """

    def __init__(self, clock):
        self._clock = clock
        self.access_points = {}
        self.state = OFF
        self.retries = False
        self.stuck = False
        self.wedged = False
        self.state_errors = 0
        self.power_save = True
        self.cable = False
        self._wanted = None
        self.starts = 0
        self.joins = 0
        self._joined = None  # the access point that knows us
        self._attempt = 0  # events of older attempts count for nothing

    # -- what may happen to it ---------------------------------------------------------------

    def lose(self, seen=True, then=LOST):
        """All access points go off. seen: the driver notices, and its state becomes `then`."""
        for access_point in self.access_points.values():
            access_point.on = False
        self._joined = None
        self._attempt += 1
        if seen and self.state in (JOINING, NO_ADDRESS, UP):
            self.state = then
            self._try_again()

    def restore(self):
        """All access points are on again. What was lost must be joined anew, except by a cable."""
        for access_point in self.access_points.values():
            access_point.on = True
        if self.cable:
            self.plug_in()

    def plug_in(self):
        """The desk's network: joined without being asked to."""
        self.cable = True
        self._joined = next(iter(self.access_points.values()))
        self.state = UP

    def passes(self):
        """Whether packets cross the air."""
        joined = self._joined
        return joined is not None and self.state == UP and joined.on and joined.carries

    # -- what the driver does ----------------------------------------------------------------

    def start(self):
        if self.state == OFF:
            self.starts += 1
            self.state = IDLE
            self.power_save = True

    def stop(self):
        self._leave(OFF)

    # What powering the chip down does for a radio in trouble.
    def cure(self):
        self.stuck = self.wedged = False
        self.stop()

    def leave(self):
        if self.state != OFF:
            self._leave(IDLE)

    def _leave(self, state):
        self._attempt += 1
        self._joined = None
        self._wanted = None
        self.state = state

    def join(self, ssid, password):
        self.joins += 1
        self._attempt += 1
        self._joined = None
        self._wanted = (ssid, password)
        self.state = JOINING
        if not self.stuck:
            found = self._find(ssid)
            self._later(_JOIN_MS if found else _NOT_FOUND_MS, self._associate)

    def _find(self, ssid):
        access_point = self.access_points.get(ssid)
        return access_point if access_point and access_point.on else None

    def _later(self, ms, step):
        attempt = self._attempt

        def run():
            if attempt == self._attempt:
                step()

        self._clock.after(ms, run)

    def _associate(self):
        ssid, password = self._wanted
        access_point = self._find(ssid)
        if access_point is None:
            self._fail(NO_NETWORK)
        elif access_point.password != (password or ""):
            self._fail(BAD_PASSWORD)
        else:
            self._joined = access_point
            self.state = NO_ADDRESS
            self._later(_LEASE_MS, self._lease)

    def _lease(self):
        if self._joined and self._joined.dhcp:
            self.state = UP

    def _fail(self, state):
        self.state = state
        self._try_again()

    def _try_again(self):
        if self.retries and self._wanted:
            self._later(_RETRY_MS, self._associate)

    @property
    def busy(self):
        """An attempt is under way, or the driver will make one by itself."""
        return self.state == JOINING or (self.retries and self.state in (NO_NETWORK, BAD_PASSWORD, LOST))

    def rssi(self):
        return self._joined.rssi if self._joined else None
