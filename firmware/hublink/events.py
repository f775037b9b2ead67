# What hubs report, as one record, and who wants to hear it. Pure.
# Hubs parse into Event; bad input becomes an event of code "unparsed", never an exception.
import json

from . import limits

SEVERITIES = ("debug", "info", "warning", "error")


class Event:
    """One report. severity: one of SEVERITIES; time: as the hub wrote it, or None; raw: a dict or text."""

    def __init__(self, hub, severity, code, object_type, object_id, message, packet, time, raw):
        self.hub = hub
        self.severity = severity
        self.code = code
        self.object_type = object_type
        self.object_id = object_id
        self.message = message
        self.packet = packet
        self.time = time
        self.raw = raw

    def __str__(self):
        return "%s %s %s %s: %s" % (self.severity, self.code, self.object_type, self.object_id, self.message)


# A message that is no report of this hub's. payload: bytes of any kind.
def unparsed(hub, payload):
    raw = "".join([chr(b) if 32 <= b < 127 else "?" for b in payload[: limits.EVENT_TEXT_LEN]])
    return Event(hub, "warning", "unparsed", None, None, raw, None, None, raw)


# The JSON object in a payload (bytes); an empty one if there is none.
def fields(payload):
    try:
        raw = json.loads(payload)
    except (ValueError, RuntimeError):  # no JSON; nested too deep
        return {}
    return raw if isinstance(raw, dict) else {}


# The value of a key if it is a text, else None.
def text(raw, key):
    value = raw.get(key)
    return value if isinstance(value, str) else None


class Handlers:
    """Functions called with an Event, each for what it asked for."""

    def __init__(self):
        self._wanted = []

    # severity, code, object_id: exact texts, None for any.
    def add(self, function, severity, code, object_id):
        if severity is not None and severity not in SEVERITIES:
            raise ValueError("severity %s: expected one of %s" % (severity, ", ".join(SEVERITIES)))
        self._wanted.append((function, severity, code, object_id))

    # Calls all that want this event; returns what they raised.
    def call(self, event):
        raised = []
        for function, severity, code, object_id in self._wanted:
            if severity not in (None, event.severity) or code not in (None, event.code):
                continue
            if object_id not in (None, event.object_id):
                continue
            try:
                function(event)
            except Exception as e:
                raised.append(e)
        return raised
