"""A report as it came, whichever way: the device's own event, and where and when this desk got it.

Here it becomes a line for people, or one of JSON. Pure.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .. import device_code
from ..text import printable


@dataclass(frozen=True)
class Record:
    """
    Attributes:
        event: Event of the firmware; its fields are those of hub-dialects, section 7.
        hub_name: which hub of that kind: its host, or of Azure its name; None if what came names none.
        received: when, as in "2026-11-21T12:00:00.000Z".
        topic: MQTT topic, None if it was posted.
        id: what no other event has, None if it has none.
        subject: Event Grid's, None if it has none.
    """

    event: Any
    hub_name: str | None
    received: str
    topic: str | None = None
    id: str | None = None
    subject: str | None = None


def heard(settings, topic, payload):
    """The Record of a message (text, bytes) of the hub that the checked configuration `settings` names."""
    return Record(device_code.report(settings, topic, payload), settings["hub"]["host"], _now(), topic)


def posted(body):
    """list of the Records in what Event Grid has posted, bytes. What is no event has no ID and no subject."""
    now = _now()
    return [
        Record(event, hub_name, now, id=_text(event.raw, "id"), subject=_text(event.raw, "subject"))
        for event, hub_name in device_code.lifecycle_events(body)
    ]


def line(record, is_late):
    """A line for people."""
    event = record.event
    about = " ".join(filter(None, (event.object_type, event.object_id)))
    words = (
        event.time or record.received,
        f"{event.severity:7}",
        record.hub_name or event.hub,
        event.code,
        f"{about}:" if about else "",
        event.message or "",
        "(late)" if is_late else "",
    )
    return printable(" ".join(filter(None, words)))


def json_line(record, is_late):
    """A line of JSON. `time` is the event's, or else `received`; `raw` is null where JSON cannot say it."""
    event = record.event
    fields = {
        "hub": event.hub,
        "hub_name": record.hub_name,
        "severity": event.severity,
        "code": event.code,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "message": event.message,
        "packet": event.packet,
        "time": event.time or record.received,
        "received": record.received,
        "late": is_late,
        "topic": record.topic,
    }
    try:
        return json.dumps({**fields, "raw": event.raw}, allow_nan=False)
    except (ValueError, RecursionError):  # NaN, which Python's parser takes; nested too deep
        return json.dumps({**fields, "raw": None})


def _text(raw, key):
    value = raw.get(key) if isinstance(raw, dict) else None
    return value if isinstance(value, str) else None


def _now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
