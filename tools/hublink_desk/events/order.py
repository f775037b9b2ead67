"""What came before: which events are known already, and what is the newest about each device. Pure.

Event Grid delivers at least once and in any order (hub-dialects 5.4). Connections of a device are in the
order of their sequence numbers, its creation and deletion in the order of the twin's etags; the one says
nothing about the other.
"""

import base64
import re
from collections import OrderedDict

IDS_MAX = 50_000

# Code of an event -> (what it is about, how that is now).
_STATES = {
    "DeviceConnected": ("connection", "connected"),
    "DeviceDisconnected": ("connection", "disconnected"),
    "DeviceCreated": ("existence", "created"),
    "DeviceDeleted": ("existence", "deleted"),
}
_HEX = re.compile(r"[0-9A-Fa-f]{1,64}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{2,64}={0,2}")


class Order:
    """What is known of a fleet. It grows with the fleet, and with nothing else.

    Args:
        ids_max: of so many events, the last ones, the IDs are kept.
    """

    def __init__(self, ids_max=IDS_MAX):
        self._ids_max = ids_max
        self._ids = OrderedDict()
        # "hub/device" -> {what it is about: (number, how it is)}. At equal numbers the later word in the
        # alphabet is the later one: a deletion has the etag of what was created.
        self._devices = {}

    def knows(self, record):
        """True if the event was noted before."""
        return record.id in self._ids

    def is_late(self, record):
        """True if something newer is known about what it is about."""
        what, state = _state(record)
        return state is not None and state < self._devices.get(_device(record), {}).get(what, state)

    def note(self, record):
        """Take the event in."""
        if record.id is not None:
            self._ids[record.id] = None
            if len(self._ids) > self._ids_max:
                self._ids.popitem(last=False)
        what, state = _state(record)
        if state is not None and not self.is_late(record):
            self._devices.setdefault(_device(record), {})[what] = state

    def states(self):
        """dict of "hub/device" -> "connected", "disconnected" or "deleted"; else "created"."""
        return {device: _summary(known) for device, known in self._devices.items()}

    def as_dict(self):
        """All of it, for JSON."""
        devices = {
            device: {
                "state": _summary(known),
                "newest": {what: [f"{number:x}", state] for what, (number, state) in known.items()},
            }
            for device, known in self._devices.items()
        }
        return {"devices": devices, "ids": list(self._ids)}

    @classmethod
    def from_dict(cls, document):
        """The Order that `as_dict` was asked of. Raises ValueError if it was not."""
        order = cls()
        try:
            order._ids.update((str(each), None) for each in document["ids"])
            for device, told in document["devices"].items():
                order._devices[device] = {
                    what: (int(number, 16), _checked(what, state))
                    for what, (number, state) in told["newest"].items()
                }
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"expected what `Order.as_dict` gives: {error!r}") from error
        return order


def _summary(known):
    _, existence = known.get("existence", (0, "created"))
    return existence if existence == "deleted" else known.get("connection", (0, existence))[1]


def _checked(what, state):
    if (what, state) not in _STATES.values():
        raise ValueError(f"{state!r} is nothing that {what} can be")
    return state


def _device(record):
    return f"{record.hub_name}/{record.event.object_id}"


def _state(record):
    """(what it is about, (number, how that is now)); the latter is None if it has no order."""
    what, state = _STATES.get(record.event.code, (None, None))
    if what is None or record.id is None:
        return None, None
    try:
        data = record.event.raw["data"]
        number = _sequence_number(data) if what == "connection" else _etag(data)
    except (KeyError, TypeError, ValueError):
        return what, None
    return what, (number, state)


def _sequence_number(data):
    return int(_HEX.fullmatch(data["deviceConnectionStateEventInfo"]["sequenceNumber"])[0], 16)


def _etag(data):
    """As a number: base64 does not sort."""
    return int.from_bytes(base64.b64decode(_BASE64.fullmatch(data["twin"]["etag"])[0]), "big")
