"""What must hold whatever the weather: looked at every few seconds of virtual time, and at the end.

What does not hold is a WorldError, so that the firmware cannot swallow it; its first word names the rule.
"""

import importlib
import json
import os
import re

from host_tests.fakes.certificates import DEVICE
from host_tests.fakes.clock import WorldError

from .traffic import UP

EVERY_MS = 5000
ONLINE_WITHIN_MS = 90_000  # after the weather has cleared
# The longest that one call may take, ms; a call of another kind is a surprise.
CALL_MAX_MS = {
    "poll": 1000,
    "sleep": 1000,
    "TLS handshake": 2000,
    "gc.collect": 100,
    "WLAN.active": 1000,
    "WLAN.deinit": 1000,
    "flash": 1000,
    "write": 1000,
}
# Full jitter may make one wait short; so many in a row it cannot (chance: 5e-9).
_WAITS, _WAITS_MIN_MS = 14, 16_000
_STABLE_MS = 60_000
_TURN_MS = 8388  # a turn of the loop, slow sensor, flash and handshake: waits count from its beginning
_ADDRESSES_MAX = 2  # of the hub: one attempt may knock at each
_NAMES_MAX = 4  # ever looked up
_FILES_MAX, _FILES_MAX_LEN = 50, 196_608  # of messages, on flash
_CONTROL_MAX_LEN = 1300  # of handshake, CONNECT and acknowledgements beside messages, in the send buffer
_DOWN = re.compile(r"link \w+ -> DOWN: .*; again in (\d+) ms")


def require(holds, rule, text):
    """Ends the run unless it holds. rule: one or two words."""
    if not holds:
        raise WorldError(f"{rule}: {text}")


class Watch:
    """Looks on. scene: a `simulate.Scene`."""

    def __init__(self, scene):
        self._scene = scene
        self._status = f"{DEVICE}/status"
        self._over = False
        self._read = 0  # of hub.received
        self._last = {}  # topic -> (boot, number) of the newest first delivery
        self._last_sent = {}  # (topic, session) -> (boot, number) of the newest delivery of QoS 0
        self._arrived = {}  # (topic, boot) -> numbers
        self._once = set()  # (topic, boot, number, session) of QoS 2
        self._owed = set()  # (topic, boot, number) of what was promised and has not arrived
        self._radio_errors = 0  # that the radio has in store, and since when that is so
        self._radio_ms = 0
        self._changes = 0  # of the flash, when its files were looked at
        self._failed_count = None  # of the link, when the calm had lasted
        self.booted()

    def booted(self):
        """The device has started."""
        self._dropped = 0, {}  # how many the device counts, when that changed last; what was made by then
        self._lines = len(self._scene.lines)  # of the log, read: what came before says nothing of this start
        self._waits_ms = []  # before the last tries to connect
        self._delay = None  # (ms when the link went down, delay in ms)
        self._online_ms = None
        self._tried_ms = self._scene.clock.now_ms

    def look(self):
        """Checks everything, now and every few seconds until `nothing_lost`."""
        if self._over:
            return
        self._messages()
        self._promises()
        self._drops()
        self._log()
        self._radio()
        self._hub_side()
        self._calls()
        if self._scene.node:
            self._bounds()
            self._online()
            self._presence()
        self._scene.clock.after(EVERY_MS, self.look)

    # -- messages ------------------------------------------------------------------------------------

    def _messages(self):
        received = self._scene.hub.received
        for arrival in received[self._read :]:
            if arrival.topic != self._status:
                self._message(arrival, *_boot_and_number(arrival))
        self._read = len(received)

    def _message(self, arrival, boot, number):
        topic, qos = arrival.topic, arrival.qos
        numbers = self._arrived.setdefault((topic, boot), set())
        traffic = self._scene.traffic
        again = boot < (traffic.boot if topic.startswith(UP) else traffic.telemetry_boot)  # from flash
        if number in numbers:
            require(qos or again, "twice", f"{topic} {boot}/{number} of QoS 0")
        else:
            # What was lost at QoS 0 may come later, among what a start brings again.
            last = self._last.get(topic, (0, 0))
            in_order = (boot, number) > last or (again and not qos)
            require(in_order, "order", f"{topic}: {boot}/{number} came first after {last}")
            self._last[topic] = max(last, (boot, number))
            numbers.add(number)
            self._owed.discard((topic, boot, number))
        if not qos:
            key = topic, arrival.session
            last = self._last_sent.get(key, (0, 0))
            require((boot, number) > last, "order", f"{topic}: {boot}/{number} in one session after {last}")
            self._last_sent[key] = boot, number
        if qos == 2:
            key = topic, boot, number, arrival.session
            require(key not in self._once, "twice", f"{topic} {boot}/{number} of QoS 2, in one session")
            self._once.add(key)
        if topic.startswith(UP):
            require(topic == f"{UP}/{qos}", "qos", f"{topic} arrived with QoS {qos}")

    # What was flushed, or sent as durable, arrives whatever happens: when nothing waits any more, it has.
    def _promises(self):
        promised = self._scene.traffic.promised
        for topic, boot, number in promised:
            if number not in self._arrived.get((topic, boot), ()):
                self._owed.add((topic, boot, number))
        promised.clear()
        if self._owed and self._scene.node and not self._waiting():
            require(False, "lost", f"of what was flushed: {sorted(self._owed)[:5]}")

    def _waiting(self):
        return self._scene.node._outbox.count + self._scene.node._spool.waiting()

    # (topic, boot) -> how many messages of QoS 1 and 2 were made since the last start.
    def _made(self):
        scene = self._scene
        made = {(topic, scene.traffic.boot): count for topic, count in scene.traffic.made.items()}
        made.pop((f"{UP}/0", scene.traffic.boot), None)
        if 0 not in scene.plan.qos:
            telemetry = scene.node._telemetry
            made[f"{DEVICE}/telemetry", telemetry.boot] = telemetry.seq
        return made

    def _drops(self):
        dropped = sum(self._scene.node._spool.lost.values()) if self._scene.node else self._dropped[0]
        if dropped != self._dropped[0]:
            self._dropped = dropped, self._made()

    def nothing_lost(self):
        """At the end: what was made since the last start, of QoS 1 and 2, arrived, or was counted as dropped.

        What was only in RAM is gone with the power; what was on flash is not, over all starts.

        The oldest are dropped: nothing is missing of what was made after the last that was counted. (One
        that was dropped may have arrived: only its acknowledgement was missing.)
        """
        self._over = True  # a node that is closed is not online
        waiting = self._waiting()
        require(not waiting, "lost", f"{waiting} messages still wait, a minute after the last was made")
        self._messages()
        self._promises()
        self._drops()
        missing = 0
        dropped, old = self._dropped
        for key, count in self._made().items():
            numbers = set(range(1, count + 1)) - self._arrived.get(key, set())
            missing += len(numbers)
            young = [number for number in numbers if number > old.get(key, 0)]
            require(not young, "lost", f"{key}: {sorted(young)[:5]}, which were not dropped")
        require(missing <= dropped, "lost", f"{missing} messages, {dropped} were counted as dropped")
        traffic = self._scene.traffic
        for qos, number, session in traffic.published:
            if qos and session == self._scene.hub.sessions:
                require(number in traffic.heard[qos], "lost", f"message {number} of QoS {qos} from the hub")

    # -- the hub's side ------------------------------------------------------------------------------

    def _hub_side(self):
        scene = self._scene
        violations = scene.hub.violations + scene.impostor.violations
        require(not violations, "protocol", str(violations))
        good = {scene.good_certificate}
        require(scene.hub.trusted <= good, "unverified", f"handshakes with {scene.hub.trusted - good}")
        require(not scene.impostor.trusted, "unverified", "a handshake with an impostor")

    # What the hub says of the device is what it can know: a will follows every lost connection.
    def _presence(self):
        hub = self._scene.hub
        says_online = hub.retained.get(self._status, b"").startswith(b'{"online": true')
        if says_online and not hub.clients:
            require(hub.forgot, "presence", "the status says online, and nobody is connected")
        if self._calm_for_ms() >= ONLINE_WITHIN_MS:
            require(says_online, "presence", "the device is online, and its status says otherwise")

    def _calm_for_ms(self):
        since_ms = self._scene.weather.calm_ms
        return self._scene.clock.now_ms - max(since_ms, self._radio_ms) if since_ms is not None else -1

    # Errors of the radio come with the next join, however late: that is when they are weather.
    def _radio(self):
        errors = self._scene.radio.state_errors
        if errors != self._radio_errors:
            self._radio_errors, self._radio_ms = errors, self._scene.clock.now_ms

    # -- the device's side -----------------------------------------------------------------------------

    def _online(self):
        scene = self._scene
        if self._calm_for_ms() < ONLINE_WITHIN_MS:
            self._failed_count = None
            return
        link = scene.node.uplink.link
        connected = scene.online() and scene.hub.clients
        require(connected, "online", f"not 90 s after the weather cleared: {link.reason}")
        if self._failed_count is None:
            self._failed_count = link.failed_count
        same = link.failed_count == self._failed_count
        require(same, "online", f"the connection was lost in calm weather: {link.reason}")

    def _calls(self):
        for kind, ms in self._scene.clock.longest_ms.items():
            require(ms <= CALL_MAX_MS.get(kind, 0), "slow call", f"{kind} took {ms} ms")

    def _bounds(self):
        node, scene = self._scene.node, self._scene
        session, outbox = node.uplink.session, node._outbox
        require(session.in_flight <= scene.plan.window, "bounds", f"{session.in_flight} in flight")
        require(0 <= outbox.used_len <= len(outbox.buf), "bounds", f"outbox uses {outbox.used_len} bytes")
        require(outbox.count >= outbox.waiting >= 0, "bounds", f"{outbox.waiting} of {outbox.count} wait")
        troubles = node.reports.troubles
        require(len(troubles) <= 16, "bounds", f"{len(troubles)} kinds of trouble")
        names = node.uplink._resolver._cache
        require(len(names) <= _NAMES_MAX, "bounds", f"{len(names)} names in the cache")
        limit_len = scene.unacked_max_len + _CONTROL_MAX_LEN
        unsent_len = scene.device.stack.most_unsent_len
        require(unsent_len <= limit_len, "bounds", f"{unsent_len} bytes in the TCP send buffer")
        if scene.flash.changes != self._changes:
            self._changes = scene.flash.changes
            self._files()

    def _files(self):
        with os.scandir(f"{self._scene.folder}/outbox") as entries:
            sizes = [entry.stat().st_size for entry in entries]
        require(len(sizes) <= _FILES_MAX, "bounds", f"{len(sizes)} files of messages")
        require(sum(sizes) <= _FILES_MAX_LEN, "bounds", f"{sum(sizes)} bytes in files of messages")

    # -- the backoff -----------------------------------------------------------------------------------

    def _log(self):
        lines = self._scene.lines
        for ms, line in lines[self._lines :]:
            down = _DOWN.search(line)
            if down:
                self._went_down(ms, int(down[1]))
            elif "DOWN -> WIFI" in line:
                self._tries(ms)
            elif "-> ONLINE" in line:
                self._online_ms = ms
        self._lines = len(lines)

    def _went_down(self, ms, delay_ms):
        if self._online_ms is not None and ms - self._online_ms >= _STABLE_MS:
            self._waits_ms.clear()
        self._online_ms = None
        self._delay = ms, delay_ms
        knocks = [at_ms for at_ms in self._scene.net.connects_ms if self._tried_ms <= at_ms <= ms]
        require(len(knocks) <= _ADDRESSES_MAX, "backoff", f"{len(knocks)} connections in one attempt")

    def _tries(self, ms):
        self._tried_ms = ms
        self._scene.net.connects_ms = [at_ms for at_ms in self._scene.net.connects_ms if at_ms >= ms]
        if self._delay is None:
            return
        waited_ms = ms - self._delay[0]
        enough = waited_ms + _TURN_MS >= self._delay[1]
        require(enough, "backoff", f"waited {waited_ms} ms of {self._delay[1]}")
        self._waits_ms = [*self._waits_ms[1 - _WAITS :], waited_ms]
        enough = len(self._waits_ms) < _WAITS or sum(self._waits_ms) >= _WAITS_MIN_MS
        require(enough, "backoff", f"{_WAITS} tries in a row within {sum(self._waits_ms)} ms")


def _boot_and_number(arrival):
    if arrival.topic.startswith(UP):
        boot, number, _ = arrival.payload.split(b" ", 2)
        return int(boot), int(number)
    message = json.loads(arrival.payload)
    return message["boot"], message["seq"]


def unacked_max_len():
    """How many bytes the board of the moment lets be unacknowledged."""
    return importlib.import_module("board").UNACKED_MAX_LEN
