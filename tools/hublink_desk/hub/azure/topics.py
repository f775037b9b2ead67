"""The fixed topics of Azure IoT Hub (hub-dialects 5.2): where a device may publish and subscribe. Pure."""

import re
from typing import NamedTuple

from ..topics import covers
from . import bags

_TWIN, _METHODS = "$iothub/twin", "$iothub/methods"
_REQUESTS = (
    ("get", re.compile(r"\$iothub/twin/GET/\?(?P<bag>.*)")),
    ("reported", re.compile(r"\$iothub/twin/PATCH/properties/reported/\?(?P<bag>.*)")),
    ("answer", re.compile(r"\$iothub/methods/res/(?P<status>-?\d{1,9})/\?(?P<bag>.*)")),
)


class Place(NamedTuple):
    """What a topic says: its kind, one of "telemetry", "get", "reported" and "answer"; its bag; a status."""

    kind: str
    bag: dict
    status: int = 0

    @property
    def rid(self):
        """Of a request or an answer; None for telemetry."""
        return self.bag.get("$rid")


def published(device, topic):
    """The Place that a device publishes to, or None if there is no such topic."""
    try:
        return _telemetry(device, topic) or _request(topic)
    except bags.BadBag:
        return None


def _telemetry(device, topic):
    head = f"devices/{device}/messages/events"
    if topic != head and not topic.startswith(head + "/"):
        return None
    return Place("telemetry", bags.parse(topic[len(head) + 1 :]))


def _request(topic):
    for kind, form in _REQUESTS:
        match = form.fullmatch(topic)
        if match:
            place = Place(kind, bags.parse(match["bag"]), int(match.groupdict().get("status", 0)))
            return place if place.rid else None
    return None


def is_subscribable(device, wanted, is_narrow_allowed):
    """True if a device may subscribe to a filter: one of four, or part of one where that is allowed."""
    allowed = [
        f"devices/{device}/messages/devicebound/#",
        f"{_TWIN}/res/#",
        f"{_TWIN}/PATCH/properties/desired/#",
        f"{_METHODS}/POST/#",
    ]
    return wanted in allowed or (is_narrow_allowed and any(covers(wide, wanted) for wide in allowed))


def is_devicebound(wanted):
    """True if a filter that is subscribable is about cloud-to-device messages."""
    return wanted.startswith("devices/")


def devicebound(device, properties):
    return f"devices/{device}/messages/devicebound/{bags.form(properties)}"


def twin_answer(status, rid, version=None):
    end = "" if version is None else f"&$version={version}"
    return f"{_TWIN}/res/{status}/?$rid={bags.encoded(rid)}{end}"


def desired(version):
    return f"{_TWIN}/PATCH/properties/desired/?$version={version}"


def method(name, rid):
    return f"{_METHODS}/POST/{bags.encoded(name)}/?$rid={rid}"
