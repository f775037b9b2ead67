"""A plan: one device, and the weather that comes over it, event by event. Made by `forecast`, kept as JSON.

A plan says everything about a run: the same plan gives the same run.
"""

import json
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class Event:
    """One piece of weather.

    Attributes:
        at_s: when it begins, seconds after power-on.
        for_s: how long it lasts; 0 for what happens in a moment.
        kind: name of an element (see `elements`).
        value: which kind of it, one of the element's values.
    """

    at_s: float
    for_s: float
    kind: str
    value: object = None

    @property
    def end_s(self):
        return self.at_s + self.for_s


@dataclass(frozen=True)
class Plan:
    """A device and its weather.

    Attributes:
        seed: of all chance in the world (lost packets, jitter of the backoff).
        board: folder name below `boards/`.
        events: Events in the order of their beginning.
        qos: of the device's own topics, one topic each.
        every_s: seconds between two readings, and between two messages to each own topic.
        keeps_session: the device asks the hub to keep its session, and the hub does.
        outbox_len, window: settings of the configuration.
        wraps_s: when `time.ticks_ms()` wraps, seconds after power-on.
        first_id: the packet id that the first message gets, 1..65535.
    """

    seed: int
    board: str = "RPI_PICO_W"
    events: tuple = ()
    qos: tuple = (1,)
    every_s: int = 10
    keeps_session: bool = False
    outbox_len: int = 4096
    window: int = 8
    wraps_s: int = 3600
    first_id: int = 1

    @property
    def end_s(self):
        """When the last event is over."""
        return max((event.end_s for event in self.events), default=0)

    def but(self, events):
        """The same device under other weather."""
        return replace(self, events=tuple(events))

    def to_json(self):
        """One line for the device, and one for each event."""
        settings = asdict(self)
        settings.pop("events")
        lines = [json.dumps(asdict(event)) for event in self.events]
        events = "".join("\n  " + line + ("," if line is not lines[-1] else "\n") for line in lines)
        return f'{json.dumps(settings)[:-1]}, "events": [{events}]}}'

    @staticmethod
    def from_json(text):
        """The plan that to_json() wrote. Raises ValueError or TypeError for anything else."""
        settings = json.loads(text)
        events = tuple(Event(**event) for event in settings.pop("events"))
        return Plan(**{**settings, "qos": tuple(settings["qos"])}, events=events)
