# What is measured, how often, and the bytes it becomes. Pure: time and values come in, bytes go out.
import json

from . import ticks


class Schedule:
    """One source of readings: function() -> what to send, every every_ms, under a name, to a topic."""

    def __init__(self, function, name, every_ms, now_ms, topic):
        self.function = function
        self.name = name
        self.topic = topic
        self.every_ms = every_ms
        self.due_ms = now_ms

    def due_in(self, now_ms):
        return max(0, ticks.diff(self.due_ms, now_ms))

    # The next time is one period on; what a long stop has made late is left out, not caught up.
    def done(self, now_ms):
        self.due_ms = ticks.add(self.due_ms, self.every_ms)
        if ticks.diff(self.due_ms, now_ms) <= 0:
            self.due_ms = ticks.add(now_ms, self.every_ms)


class Telemetry:
    """Numbers and encodes readings. boot: this start's number, so (boot, seq) never repeats."""

    def __init__(self, boot):
        self.boot = boot
        self.seq = 0  # of the last message
        self.schedules = []

    # every_s: as check_period() takes it.
    def add(self, function, name, every_s, now_ms, topic):
        self.schedules.append(Schedule(function, name, int(every_s * 1000), now_ms, topic))

    # One message: compact JSON. time_s: Unix seconds, 0 if not known. dropped: messages lost since
    # boot. TypeError as of to_json().
    def encode(self, name, data, time_s, dropped):
        _check(data, 0)
        self.seq += 1
        message = {"time": time_s or None, "boot": self.boot, "seq": self.seq, "name": name, "data": data}
        if dropped:
            message["dropped"] = dropped
        return json.dumps(message, separators=(",", ":")).encode()


# At most 3 days, because ticks compare over at most six.
def check_period(every_s):
    if not isinstance(every_s, (int, float)) or not 0.05 <= every_s <= 259200:
        raise ValueError("telemetry: every_s is %s, expected 0.05 to 259200" % every_s)


# data as JSON (bytes). Raises TypeError for what JSON cannot say (json.dumps on the device does not).
def to_json(data):
    _check(data, 0)
    return json.dumps(data).encode()


def _check(value, depth):
    if isinstance(value, float) and not -3.4e38 <= value <= 3.4e38:
        raise TypeError("data: %s is no JSON number" % value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return
    if depth < 4 and isinstance(value, (list, tuple)):
        for each in value:
            _check(each, depth + 1)
    elif depth < 4 and isinstance(value, dict):
        for key, each in value.items():
            if not isinstance(key, str):
                raise TypeError("data: key %s, expected a text" % key)
            _check(each, depth + 1)
    else:
        raise TypeError("data: %s, expected numbers, texts, lists, dicts, 4 deep" % type(value))
