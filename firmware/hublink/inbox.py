# What the hub says: which kind of message it is, and who hears of it. Pure.
from . import events, limits
from .hubs import generic
from .telemetry import to_json


class Inbox:
    """hub: the dialect; uplink: who answers; trouble: f(reason, detail); log: f(text)."""

    def __init__(self, hub, uplink, trouble, log):
        self._hub = hub
        self._uplink = uplink
        self._trouble = trouble
        self._log = log
        self.on = {}  # what a message is (hubs/generic.py) -> the function that wants it
        self.on_event = events.Handlers()
        self._own_s = -limits.OWN_EVENTS_S  # when the handlers last heard of an event about this device
        self.last_event = None
        self.event_count = 0

    # A message.Message at this uptime. Raises what the user's functions raise.
    def message(self, message, up_s):
        for topic_filter, _, kind in self._hub.routes:
            if message.matches(topic_filter):
                self._arrived(kind, message.topic(), message.payload(), up_s)
                return
        if self._uplink.gateway:
            self._uplink.gateway.message(message.topic(), message.payload())

    # kind: the hub's, or a function of the user's.
    def _arrived(self, kind, topic, payload, up_s):
        if callable(kind):
            kind(topic, payload)
            return
        kind, name, payload = self._hub.read(kind, topic, payload)
        if kind == generic.EVENT:
            self._event(name, up_s)
        elif kind == generic.CONFIG and kind in self.on:
            self.on[kind](payload)
        elif kind == generic.COMMAND:
            self._obey(name, payload)

    # On hubs that want an answer what the function returns is it (what JSON can say; None: nothing).
    def _obey(self, name, payload):
        function = self.on.get(generic.COMMAND)
        status, said = 404, b""
        if function:
            status = 500
            try:
                result = function(name, payload)
                if result is not None:
                    said = to_json(result)
                status = 200
            except Exception as e:
                self._trouble("handler_raised", e)
        answer = self._hub.answer(status, said)
        if answer:
            self._uplink.send(answer[0], answer[1], 0)

    def _event(self, event, up_s):
        self.event_count += 1
        self.last_event = event
        self._log("event %s" % event)
        up = self._uplink
        what = self._hub.refused(event)
        up.refused(what)
        if up.gateway:
            up.gateway.event(event, what)
        if event.object_id == self._hub.device_id:
            if up_s - self._own_s < limits.OWN_EVENTS_S:
                self._trouble("event_held_back", event.code)
                return
            self._own_s = up_s
        for raised in self.on_event.call(event):
            self._trouble("handler_raised", raised)
