# The node: the public API. It joins the user's functions, telemetry, events and the uplink in one
# loop with one owner of time: step(now_ms).
import board

from . import VERSION, events, hubs, limits, link
from .device import storage, system, vitals
from .device.watchdog import Watchdog
from .outbox import Outbox
from .telemetry import Telemetry
from .uplink import Uplink


class Node:
    """A device on its hub. config_name: the configuration's file; ConfigError says what is wrong with it."""

    def __init__(self, config_name=None):
        settings, files = _configured(config_name or board.CONFIG)
        self.device = settings["device"]
        notes = storage.Notes("hublink.notes")
        boot = notes.values.get("boot", 0) + 1
        notes.save(boot=boot)
        self.hub = hubs.module(settings["hub"]["type"]).Hub(settings["hub"], self.device)
        self._telemetry = Telemetry(boot)
        self._qos = settings["telemetry"]["qos"]
        self._outbox = Outbox(settings["memory"]["outbox_len"])
        self._handlers = events.Handlers()
        self._watchdog = Watchdog(board, limits.WATCHDOG_MS)
        self._troubles = {}  # reason -> how often, since they were last sent at uptime _told_s
        self._told_s = -limits.TROUBLES_S
        self.last_event = None
        self.event_count = 0
        self.uplink = Uplink(
            board, settings, files, self.hub, self._outbox, notes, self._message, self._trouble, _log
        )
        if settings["telemetry"]["vitals_s"]:
            self._telemetry.add(self._vitals, "vitals", settings["telemetry"]["vitals_s"], system.now_ms())

    # -- for the user ------------------------------------------------------------------------

    def telemetry(self, every_s):
        """Decorator: the function's result is sent every every_s seconds, under the function's name."""

        def add(function):
            self._telemetry.add(function, function.__name__, every_s, system.now_ms())
            return function

        return add

    def on_event(self, severity=None, code=None, object_id=None):
        """Decorator: the function is called with each Event of the hub that fits."""

        def add(function):
            self._handlers.add(function, severity, code, object_id)
            return function

        return add

    def send(self, name, data):
        """Sends data (what JSON can say) once, now or when the hub is back. False if it was lost."""
        message = self._telemetry.encode(name, data, self.uplink.clock.now_s(), self._outbox.dropped)
        return self._outbox.put(self.hub.telemetry_topic, message, self._qos, False)

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
            self.close()
            if board.NEEDS_WIFI:
                _log("stopped; the watchdog will reset the board. For a lasting REPL:")
                _log("import hublink; hublink.maintenance(True)")
        except Exception as e:  # nobody watches a device in the field: start again
            system.print_exception(e)
            system.sleep_ms(limits.RESET_PAUSE_MS)
            board.reset()

    async def serve(self):
        """The same loop under asyncio."""
        import asyncio

        if board.maintenance():
            return
        self._watchdog.start()
        while True:
            await asyncio.sleep_ms(min(self.step(system.now_ms()), limits.SERVE_STEP_MS))
            self._watchdog.feed()

    def step(self, now_ms):
        """One turn; returns for how many ms nothing needs doing unless bytes arrive."""
        idle_ms = self._measure(now_ms)
        return min(idle_ms, self.uplink.step(now_ms), limits.SOCKET_STEP_MS)

    def close(self):
        """Tells the hub that the device leaves on purpose, and closes the connection."""
        self.uplink.close()

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
        print("  messages: %d made, %d waiting, %d in flight, %d dropped" % (
            self._telemetry.seq, self._outbox.waiting, up.session.in_flight, self._outbox.dropped,
        ))  # fmt: skip
        print("  events: %d, last: %s" % (self.event_count, self.last_event))

    # -- telemetry ---------------------------------------------------------------------------

    def _measure(self, now_ms):
        if self._troubles and self.uplink.link.state == link.ONLINE:
            self._tell_troubles()
        idle_ms = limits.SOCKET_STEP_MS
        for schedule in self._telemetry.schedules:
            if schedule.due_in(now_ms) == 0:
                schedule.done(now_ms)
                self._sample(schedule.name, schedule.function)
            idle_ms = min(idle_ms, schedule.due_in(now_ms))
        return idle_ms

    def _sample(self, name, function):
        try:
            data = function()
            if data is not None:
                self.send(name, data)
        except MemoryError:
            system.collect()
            self._trouble("out_of_memory", name)
        except Exception as e:
            self._trouble("sensor_" + name, repr(e))

    def _vitals(self):
        data = vitals.read(board, self.uplink.wifi, system.uptime_s())
        data["online"] = self.uplink.link.online_count
        data["failed"] = self.uplink.link.failed_count
        return data

    # A sensor that fails ten times a second must not send ten messages a second.
    def _tell_troubles(self):
        if system.uptime_s() - self._told_s >= limits.TROUBLES_S:
            self._told_s = system.uptime_s()
            troubles, self._troubles = self._troubles, {}
            self._sample("troubles", lambda: troubles)

    # -- what the hub says -------------------------------------------------------------------

    # What the hub was subscribed for is its reports. Runs inside the session: it must not raise.
    def _message(self, message):
        try:
            self._event(self.hub.event(message.topic(), message.payload()))
        except MemoryError:
            system.collect()
            self._trouble("out_of_memory", "event")

    def _event(self, event):
        self.event_count += 1
        self.last_event = event
        _log("event %s" % event)
        for raised in self._handlers.call(event):
            self._trouble("handler_raised", repr(raised))

    # -- trouble -----------------------------------------------------------------------------

    # Something went wrong that the hub should hear of: a line now, a count in telemetry once online.
    def _trouble(self, reason, detail=None):
        text = str(detail or "").strip().replace("\n", "; ")  # TLS gives its reasons a line each
        _log("trouble %s: %s" % (reason, text) if text else "trouble " + reason)
        if reason in self._troubles or len(self._troubles) < limits.TROUBLES_MAX:
            self._troubles[reason] = self._troubles.get(reason, 0) + 1


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
