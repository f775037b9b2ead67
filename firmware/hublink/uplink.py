# What each state of the link does: joins Wi-Fi, sets the clock, connects, subscribes, stays online.
# One of the two modules that see both the pure side and the edges; node.py is the other.
import json

from . import VERSION, limits, link, ticks
from .backoff import Backoff
from .device import system
from .net import connection, tls
from .net.clock import Clock
from .net.resolver import Resolver
from .net.wifi import Wifi
from .protocol import packets
from .protocol.session import Session
from .state import State

# Reasons that only the right time can mend: the clock is asked again before the next try.
_DATES = ("certificate_expired", "certificate_not_yet_valid")
# With less free heap a bad signature may be a failed allocation (platform-facts section 0, rule 5).
_TLS_HEAP_LEN = 45000
_HOUR_S = 3600


class Uplink:
    """The connection of one device.

    board: the board module; settings: the checked configuration; files: its credentials; notes: a
    storage.Notes; on_message: f(message); trouble: f(reason, detail); log: f(text).
    """

    def __init__(self, board, settings, files, hub, outbox, notes, on_message, trouble, log):
        self._board = board
        self.hub = hub
        self._notes = notes
        self._trouble = trouble
        self._log = log
        self._build_network(settings)
        self._build_session(settings, files, outbox, on_message)
        self.gateway = None
        self.state = State(self.session, hub.state_topic, hub.retain, hub.STATE_EVERY_MS)
        hub.take(files)
        self._token = self._new_token() if hub.token_life_s else None
        self._backoff = Backoff(limits.BACKOFF_BASE_MS, limits.BACKOFF_CAP_MS)
        self.link = link.Link(self._backoff, limits.STABLE_MS, system.now_ms())
        self._steps = (self._down, self._wifi, self._clock, self._hub, self._online)
        self._failures = 0  # in a row, behind Wi-Fi
        self._oversized = 0  # messages that the session left out, as far as reported
        self._syncing = False  # the clock is being asked while online
        self._sync_s = -limits.SNTP_AGAIN_S  # when it last was; in uptime, for ticks wrap
        self._busy = 0  # the hub's count, and since when and for how long that is waited for
        self._busy_ms = self._busy_for_ms = 0
        self._uptime_s = 0

    # Only hubs that take tokens need it.
    def _new_token(self):
        from .token import Token

        return Token(self.hub.sign, self.hub.token_life_s)

    def _build_network(self, settings):
        wifi = settings["wifi"]
        networks = [(n["ssid"], n["password"] or None) for n in wifi["networks"]]
        hostname = wifi["hostname"].replace("{device}", settings["device"])
        self.wifi = Wifi(self._board, networks or [("", None)], hostname, wifi["country"])
        self._resolver = Resolver(
            settings["dns"]["servers"], self.wifi.dns_servers, self._board.GETADDRINFO_BOUNDED
        )
        floor_s = max(limits.CLOCK_FLOOR_S, self._notes.values.get("floor_s", 0))
        self.clock = Clock(self._board.set_rtc, settings["clock"]["servers"], floor_s)

    def _build_session(self, settings, files, outbox, on_message):
        board, memory = self._board, settings["memory"]
        self.hub.receive_len = memory["receive_len"]
        self.to = settings["hub"]
        self._context = tls.make_context(files["ca"], files["cert"], files["key"])
        self.session = Session(outbox, memory["receive_len"], memory["window"], board.UNACKED_MAX_LEN)
        self.session.on_message = on_message
        self.session.on_suback = self._suback
        self.session.on_unsuback = self.session.on_ack = self._acked
        self.connection = connection.Connection(
            self.session,
            self._resolver,
            tls.Reserve(board.TLS_RESERVE),
            lambda: board.TLS_IN_HEAP and system.collect() < _TLS_HEAP_LEN,
        )

    def _connect(self, now_ms):
        hub, to = self.hub, self.to
        client_id, user, password = hub.credentials(self._token and self._token.value)
        self.session.connect(
            now_ms, client_id, user, password, to["keepalive_s"], hub.CLEAN_SESSION, hub.will()
        )
        self.connection.start(now_ms, to["host"], to["port"], self._context, to["host"])

    # One turn; returns for how many ms nothing needs doing unless bytes arrive.
    def step(self, now_ms):
        self._uptime_s = system.uptime_s()
        # The drivers lie only in one direction: a link they call lost is lost.
        if self.link.state > link.WIFI and not self.wifi.is_up():
            return self._fail("wifi_lost", now_ms)
        return self._steps[self.link.state](now_ms)

    # Sleeps for wait_ms, or until bytes can be moved.
    def wait(self, wait_ms):
        if wait_ms and not self.connection.wait(wait_ms):
            system.sleep_ms(wait_ms)

    # Says goodbye: the hub hears that the device left on purpose, and drops the will.
    def close(self):
        now_ms = system.now_ms()
        if self.link.state == link.ONLINE:
            self._announce(b'{"online":false}')
            self._poll(now_ms)
        self._leave(now_ms, True)
        if self.link.state != link.DOWN:
            self.link.event(link.FAILED, now_ms, "closed", 0)

    def _announce_birth(self):
        birth = json.dumps({"online": True, "version": VERSION}).encode()
        if self.hub.state_topic is not self.hub.status_topic:
            return self._announce(birth)
        self.state.announce(birth)
        return True

    def _announce(self, payload):
        return self.session.announce(self.hub.status_topic, payload, self.hub.retain)

    # What is not sent at once is the spool's.
    def keep_in(self, spool):
        self._spool = spool
        self.connection.express.put = spool.put

    # Sends a message (topic, payload: bytes), now or when the hub is back. False if it was lost.
    def send(self, topic, payload, qos, retain=False):
        if qos or self._spool.waiting():
            return self._spool.put(topic, payload, qos, retain)
        return self.connection.express.send(topic, payload, qos, retain)

    # The hub reports that it will not acknowledge these messages (see Session.refused): they are lost.
    def refused(self, what):
        count = self.session.refused(what)
        if count:
            self._spool.lose("refused", count)

    # -- going on ----------------------------------------------------------------------------

    def _go(self, event, now_ms):
        before = link.NAMES[self.link.state]
        self.link.event(event, now_ms)
        self._log("link %s -> %s" % (before, link.NAMES[self.link.state]))
        return 0

    def _fail(self, reason, now_ms, detail=""):
        before = link.NAMES[self.link.state]
        self._trouble(reason, detail)
        self._leave(now_ms)
        if self.link.state > link.WIFI:
            self._doubt_wifi(reason)
        self.link.event(link.FAILED, now_ms, reason, system.random30())
        self._log("link %s -> DOWN: %s; again in %d ms" % (before, reason, self.link.delay_ms))
        return 0

    # Both Wi-Fi drivers report a link that is long gone (platform-facts 2.4). Only an answer shows that it is
    # there, be it a refusal: after silence the network is joined anew.
    def _doubt_wifi(self, reason):
        self._failures += 1
        restart = self._failures % limits.RADIO_FAILURES == 0
        if restart or reason == "network" or reason.endswith("_timeout"):
            self.wifi.leave(restart)

    def _leave(self, now_ms, goodbye=False):
        self.connection.close(now_ms, goodbye)
        self.clock.stop()
        if self.gateway:
            self.gateway.lost()

    # -- state by state ----------------------------------------------------------------------

    def _down(self, now_ms):
        idle_ms = self.link.due_in(now_ms)
        if idle_ms:
            return idle_ms
        system.collect()
        self.wifi.start(now_ms)
        return self._go(link.DUE, now_ms)

    def _wifi(self, now_ms):
        answer = self.wifi.poll(now_ms)
        if answer is None:
            return limits.POLL_MS
        if answer:
            return self._fail(answer, now_ms)
        if self.clock.stale:
            self.clock.start()
        return self._go(link.WIFI_UP, now_ms)

    def _clock(self, now_ms):
        if self.clock.stale:
            answer = self.clock.poll(now_ms, self._uptime_s, self._resolver)
            if answer is None:
                return limits.POLL_MS
            if answer and not self.clock.trusted:
                return self._fail(answer, now_ms)
            self._clock_answered(answer)
        self._announced = False
        self.hub.greets = self.hub.greeting is not None
        self._asked = 0  # packet id of the subscription
        self._answered = False
        self._refused = False
        # Telemetry waits for the subscriptions, so that what the hub says about it is heard.
        self.session.paused = True
        return self._go(link.CLOCK_SET, now_ms)

    def _hub(self, now_ms):
        if self.connection.state == connection.IDLE:
            if self._token:
                system.collect()
                if not self._token.make(self.clock.now_s()):
                    return 0
            self._connect(now_ms)
        state = self._poll(now_ms)
        if state == connection.BROKEN:
            return self._broken(now_ms)
        if state == connection.UP and self._subscribed(now_ms):
            self._failures = 0
            self._pause()
            return self._go(link.HUB_UP, now_ms)
        return self.connection.due_in(now_ms)

    def _online(self, now_ms):
        self.link.tick(now_ms)
        self._keep_clock(now_ms)
        self._keep_subscriptions(now_ms)
        if not self._announced:
            self._announced = self._announce_birth()
        self._ask_again(now_ms)
        state = self._poll(now_ms)
        is_telling = self.state.poll(now_ms)
        if self.session.oversized != self._oversized:
            self._oversized = self.session.oversized
            self._trouble("oversized")
        if state == connection.BROKEN:
            return self._broken(now_ms)
        if self._token and self._token.is_old(self.clock.now_s()) and not self.session.tx_len:
            self._leave(now_ms, True)
            return self._go(link.RENEW, now_ms)
        idle_ms = limits.POLL_MS if self._syncing or is_telling else limits.SOCKET_STEP_MS
        if self.gateway:
            idle_ms = min(idle_ms, self.gateway.poll(now_ms))
            self._pause()
        return min(idle_ms, self.connection.due_in(now_ms))

    # What the hub was too busy for waits, later and later.
    def _ask_again(self, now_ms):
        hub = self.hub
        if hub.busy != self._busy:
            self._busy = hub.busy
            self._busy_ms = now_ms
            self._busy_for_ms = hub.busy and system.random30() % (limits.BACKOFF_BASE_MS << min(hub.busy, 5))
        if (now_ms - self._busy_ms) & ticks.MASK < self._busy_for_ms:
            return
        if hub.greets and self.session.announce(*hub.greeting, False):
            hub.greets = False
        if hub.lost_state:
            hub.lost_state = False
            self.state.announce(hub.gone)

    # The outbox may hold messages of devices that have to be attached again first.
    def _pause(self):
        self.session.paused = self.gateway is not None and self.gateway.restoring > 0

    def _poll(self, now_ms):
        try:
            return self.connection.poll(now_ms, self._uptime_s)
        except MemoryError as e:
            system.collect()
            return self.connection.give_up("out_of_memory", e)

    def _broken(self, now_ms):
        at = self.connection
        reason = at.error
        code = self.session.connack_code
        if code > 0:
            reason = "connack_%d" % code
        if code > 0 or reason in _DATES:
            self.clock.stale = True
            if self._token:
                self._token.drop()
            self._backoff.to_cap()
        return self._fail(reason, now_ms, str(at.detail or ""))

    # -- subscriptions -----------------------------------------------------------------------

    # Sends the subscriptions; True once all are answered, whatever the answers.
    def _subscribed(self, now_ms):
        if not self._asked:
            wanted = self.hub.subscriptions()
            if not wanted:
                return True
            self._filters = wanted
            self._subscribe(now_ms)
        return self._answered

    def _subscribe(self, now_ms):
        self._asked = self.session.subscribe(packets.SUBSCRIBE, self._filters, now_ms)
        self._asked_ms = now_ms

    def _acked(self, packet_id):
        self.state.acked(packet_id)
        if self.gateway:
            self.gateway.acked(packet_id)

    def _suback(self, packet_id, index, code):
        if packet_id != self._asked:
            self.gateway.subscribed(packet_id, index, code)
            return
        if code == 128:
            self._refused = True
            self._trouble("subscription_refused", self._filters[index][0].decode())
        if index == len(self._filters) - 1:
            self._answered = True

    # A refusal may be mended on the hub's side: ask again now and then.
    def _keep_subscriptions(self, now_ms):
        if self._refused and ticks.diff(now_ms, self._asked_ms) >= limits.SUBSCRIBE_AGAIN_MS:
            self._subscribe(now_ms)
            self._refused = not self._asked  # a gateway's device may be subscribing

    # -- the clock ---------------------------------------------------------------------------

    # answer: "" or why no server told the time; the clock then is plausible nevertheless.
    def _clock_answered(self, answer):
        self.clock.stale = False
        self._sync_s = self._uptime_s
        if answer:
            self._trouble(answer)
            return
        self._keep_floor()
        self._log("clock %s, was off by %d s" % (self.clock.text(), self.clock.drift_s))

    # Nobody vouches for the time: a server may lie, and a certificate is valid for years. Certain is only how
    # long this start has lasted. The floor rises with that alone, so that it never shuts out the right time.
    def _keep_floor(self):
        floor_s = min(self.clock.now_s(), self.clock.floor_s + self._uptime_s)
        if floor_s >= self.clock.floor_s + _HOUR_S:  # every write wears the flash
            self._notes.save(floor_s=floor_s)

    # Asks for the time again while online, without holding anything up.
    def _keep_clock(self, now_ms):
        if self._syncing:
            answer = self.clock.poll(now_ms, self._uptime_s, self._resolver)
            if answer is not None:
                self._syncing = False
                self._clock_answered(answer)
        elif self.clock.servers and self._uptime_s - self._sync_s >= limits.SNTP_AGAIN_S:
            self._syncing = True
            self.clock.start()
