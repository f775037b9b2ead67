# The node: the public API. It joins the user's functions, telemetry, events and the uplink in one
# loop with one owner of time: step(now_ms).
import board

from . import VERSION, hubs, limits, link
from .device import storage, system, vitals
from .device.health import Health
from .device.watchdog import Watchdog
from .hubs import generic
from .inbox import Inbox
from .journal import Journal
from .outbox import Outbox
from .protocol import packets
from .reports import Reports
from .spool import Spool
from .telemetry import Telemetry, check_period, to_json
from .uplink import Uplink

_health = None


# There is one start, whoever asks first.
def _this_start():
    global _health  # noqa: PLW0603
    if not _health:
        _health = Health(board, storage.Notes("hublink.notes"))
    return _health


def start(program):
    """Runs program(), which makes a Node and runs it; in safe mode a Node alone, in maintenance mode none."""
    if board.maintenance():
        return
    health = _this_start()
    try:
        if health.safe:
            node = Node()
            node._trouble("safe_mode")
            node.run()
        else:
            program()
    except KeyboardInterrupt:  # somebody is at the REPL
        health.goodbye()
        raise
    except Exception as e:
        health.crashed(e)


class Node:
    """A device on its hub. config_name: the configuration's file; ConfigError says what is wrong with it."""

    def __init__(self, config_name=None):
        settings, files = _configured(config_name or board.CONFIG)
        self.device = settings["device"]
        health = self._health = _this_start()
        self.hub = hubs.module(settings["hub"]["type"]).Hub(settings["hub"], self.device)
        self._telemetry = Telemetry(health.boot)
        self._qos = settings["telemetry"]["qos"]
        self._outbox = Outbox(settings["memory"]["outbox_len"])
        self._watchdog = Watchdog(board, limits.WATCHDOG_MS)
        self.reports = Reports(health, files, _log)
        trouble = self._trouble = self.reports.trouble
        self.uplink = Uplink(
            board, settings, files, self.hub, self._outbox, health.notes, self._message, trouble, _log
        )
        self.inbox = Inbox(self.hub, self.uplink, trouble, _log)
        flash = settings["flash"]
        packet_max = self._outbox.packet_max()
        journal = Journal(storage.Folder("outbox"), packet_max, flash["messages_len"], flash["messages_max"])
        clock = self.uplink.clock
        self._spool = Spool(self._outbox, journal, flash["when_full"], clock.now_s, system.now_ms())
        self.uplink.keep_in(self._spool)
        if settings["telemetry"]["vitals_s"]:
            every_s = settings["telemetry"]["vitals_s"]
            self._telemetry.add(self._vitals, "vitals", every_s, system.now_ms(), self.hub.telemetry_topic)

    # -- for the user ------------------------------------------------------------------------

    def telemetry(self, every_s, folder=""):
        """Decorator: the function's result is sent every every_s seconds, under the function's name."""
        check_period(every_s)

        def add(function):
            topic = self._topic(folder)
            self._telemetry.add(function, function.__name__, every_s, system.now_ms(), topic)
            return function

        return add

    def on_event(self, severity=None, code=None, object_id=None):
        """Decorator: the function is called with each Event of the hub that fits."""
        if callable(severity):
            raise TypeError("on_event: expected on_event(), with parentheses")

        def add(function):
            self.inbox.on_event.add(function, severity, code, object_id)
            return function

        return add

    def on_config(self, function):
        """Decorator: function(payload) is called with the configuration (bytes) that the hub has."""
        self.inbox.on[generic.CONFIG] = function
        return function

    def on_command(self, function):
        """Decorator: function(name, payload) is called with a command (text, bytes), and may answer it."""
        self.inbox.on[generic.COMMAND] = function
        return function

    def on(self, topic_filter, qos=0):
        """Decorator: function(topic, payload) is called with messages (bytes) there. Before run()."""
        topic_filter = topic_filter.encode()
        hub = self.hub
        if not hub.FREE_TOPICS or not packets.is_filter(topic_filter) or qos not in (0, 1, 2):
            told = topic_filter, qos, hub.NAME
            raise ValueError("on: %s, QoS %s: expected a topic filter of a %s hub's, 0 to 2" % told)

        def add(function):
            routes = self.hub.routes + [(topic_filter, min(qos, self.hub.SUBSCRIBE_QOS), function)]
            self.uplink.session.check_filters(packets.SUBSCRIBE, [route[:2] for route in routes])
            self.hub.routes = routes
            return function

        return add

    def send(self, name, data, folder="", durable=False, expiry_s=0):
        """Sends data (what JSON can say) once, now or when the hub is back. False if it was lost.

        durable: it survives a reset from now on, and is of QoS 1; False then also says that it would not.
        expiry_s: it is not sent later than this many seconds from now; 0: it waits for ever.
        """
        if not isinstance(expiry_s, int) or expiry_s >> 30:  # 34 years
            raise ValueError("send: expiry_s is %s, expected whole seconds" % expiry_s)
        return self._send(self._topic(folder), name, data, durable, expiry_s)

    def flush(self):
        """Lets all that was sent, and is not acknowledged, survive a reset. False if flash refuses.

        A message of QoS 0 is acknowledged by being written to a connection, alive or dead.
        """
        return self._spool.flush()

    def set_state(self, data):
        """What the device is like, up to 1 kB: the hub keeps the last one. Sent as soon as it bears it."""
        self.uplink.state.set(self.hub.state(to_json(data)))

    def publish(self, topic, payload, qos=0, retain=False):
        """Sends bytes to a topic of your own. False if they were lost; ValueError if the hub forbids it."""
        hub = self.hub
        topic = hub.permitted(packets.to_bytes(topic), hub.FREE_TOPICS)
        if not 0 <= qos <= hub.MAX_QOS or (retain and not hub.retain):
            raise ValueError("publish: QoS %s, retain %s: more than this hub takes" % (qos, retain))
        return self.uplink.send(topic, packets.to_bytes(payload), qos, retain)

    @property
    def gateway(self):
        """The devices that speak through this one (gateway.py)."""
        up = self.uplink
        if not up.gateway:
            from .gateway import Gateway

            up.gateway = Gateway(self.hub, up.session, up.send, self._trouble)
        return up.gateway

    def run(self):
        """The loop, for ever. Returns only in maintenance mode, or after Ctrl-C."""
        if board.maintenance():
            return
        self._watchdog.start()
        try:
            while True:
                self.uplink.wait(self.step(system.now_ms()))
                self._watchdog.feed()
        except KeyboardInterrupt:
            self._stopped()
        except Exception as e:
            self._health.crashed(e)

    async def serve(self):
        """The same loop under asyncio. Whoever cancels it closes the node."""
        import asyncio

        if board.maintenance():
            return
        self._health.goodbye = self._stopped  # Ctrl-C mostly ends asyncio.run() alone
        self._watchdog.start()
        try:
            while True:
                await asyncio.sleep_ms(min(self.step(system.now_ms()), limits.SERVE_STEP_MS))
                self._watchdog.feed()
        except asyncio.CancelledError:
            self.close()
            raise
        except Exception as e:
            self._health.crashed(e)

    # Somebody is at the REPL.
    def _stopped(self):
        self.close()
        if board.NEEDS_WIFI:
            _log("stopped; the watchdog will reset the board. For a lasting REPL:")
            _log("import hublink; hublink.maintenance(True)")

    def step(self, now_ms):
        """One turn; returns for how many ms nothing needs doing unless bytes arrive."""
        reason = self._health.tick(self.uplink.link)
        if reason:
            _log("restart: " + reason)
            self.flush()
            self._health.restart(reason)
        idle_ms = self._measure(now_ms)
        self._keep(now_ms)
        return min(idle_ms, self.uplink.step(now_ms), limits.SOCKET_STEP_MS)

    def close(self):
        """Tells the hub that the device leaves on purpose, and closes the connection."""
        self.uplink.close()
        self.flush()
        self._health.leave()

    def status(self):
        """Prints what the node is doing and why."""
        up = self.uplink
        now_ms = system.now_ms()
        state = up.link
        print("hublink %s on %s: device %s" % (VERSION, board.NAME, self.device))
        print("  up %d s, boot %d (%s)" % (system.uptime_s(), self._telemetry.boot, board.reset_cause()))
        print("  link %s, online %d times, failed %d times, last: %s" % (
            link.NAMES[state.state], state.online_count, state.failed_count, state.reason,
        ))  # fmt: skip
        if state.state == link.DOWN:
            print("  next try in %d ms" % state.due_in(now_ms))
        print("  wifi %s, rssi %s" % (up.wifi.ssid() or "up", up.wifi.rssi()))
        print("  clock %s, was off by %d s" % (up.clock.text(), up.clock.drift_s))
        print("  hub %s at %s:%d" % (self.hub.NAME, up.to["host"], up.to["port"]))
        print("  messages: %d made, %d waiting, %d in flight, lost: %s" % (
            self._telemetry.seq, self._spool.waiting(), up.session.in_flight, self._spool.lost or "none",
        ))  # fmt: skip
        print("  events: %d, last: %s" % (self.inbox.event_count, self.inbox.last_event))

    # -- telemetry ---------------------------------------------------------------------------

    def _measure(self, now_ms):
        if self.uplink.link.state == link.ONLINE:
            self.reports.tell(self._sample, system.uptime_s(), self.uplink.clock.now_s())
        idle_ms = limits.SOCKET_STEP_MS
        for schedule in self._telemetry.schedules:
            if schedule.due_in(now_ms) == 0:
                schedule.done(now_ms)
                self._sample(schedule.name, schedule.function, False, schedule.topic)
            idle_ms = min(idle_ms, schedule.due_in(now_ms))
        return idle_ms

    def _topic(self, folder):
        return self.hub.permitted(self.hub.telemetry(folder)) if folder else self.hub.telemetry_topic

    def _send(self, topic, name, data, durable=False, expiry_s=0):
        now_s = self.uplink.clock.now_s()
        message = self._telemetry.encode(name, data, now_s, sum(self._spool.lost.values()))
        if durable or expiry_s:
            expires_s = now_s + expiry_s if now_s and expiry_s else 0
            return self._spool.put(topic, message, self._qos or int(durable), False, expires_s, durable)
        return self.uplink.send(topic, message, self._qos)

    # True if there was something to send, and it was accepted.
    def _sample(self, name, function, durable=False, topic=None):
        try:
            data = function()
            return data is not None and self._send(topic or self.hub.telemetry_topic, name, data, durable)
        except MemoryError:
            system.collect()
            self._trouble("out_of_memory", name)
        except Exception as e:
            self._trouble("sensor_" + name, e)

    def _keep(self, now_ms):
        try:
            self._spool.step(now_ms, self.uplink.link.state == link.ONLINE)
            error, self._spool.error = self._spool.error, None
            if error:
                self._trouble("flash_refused", error)
        except MemoryError:  # an open file takes a kilobyte in one piece
            system.collect()
            self._trouble("out_of_memory", "flash")

    def _vitals(self):
        data = vitals.read(board, self.uplink.wifi, system.uptime_s())
        data["online"] = self.uplink.link.online_count
        data["failed"] = self.uplink.link.failed_count
        if self._spool.lost:
            data["lost"] = self._spool.lost
        data.update(self.reports.days_left(self.uplink.clock.now_s()))
        return data

    # -- what the hub says -------------------------------------------------------------------

    # Runs inside the session: it must not raise.
    def _message(self, message):
        try:
            self.inbox.message(message, system.uptime_s())
        except MemoryError:
            system.collect()
            self._trouble("out_of_memory", "message")
        except Exception as e:
            self._trouble("handler_raised", e)


def _log(text):
    print("hublink: %s" % text)


# The checked settings and credentials. The checker is a tenth of the code and is done with now: its
# memory is given back.
def _configured(name):
    from . import config

    try:
        data = storage.read(name, limits.CONFIG_LEN)
    except OSError as e:
        raise config.ConfigError("%s cannot be read (%s), expected a configuration" % (name, e))
    settings = config.parse(data)
    if board.NEEDS_WIFI and not settings["wifi"]["networks"]:
        raise config.ConfigError("wifi.networks: empty, expected at least one network")
    files = config.read_credentials(settings, lambda file: storage.read(file, limits.CERTIFICATE_LEN))
    system.forget("hublink", "config")
    return settings, files
