"""The lifecycle of a fleet that there is not: events to post when no hub runs."""

import json

from ..hub.azure import Device, Telemetry
from ..hub.azure.lifecycle import Lifecycle
from ..hub.azure.registry import Registry, Session
from ..hub.azure.settings import Settings

_DELETED_SHARE, _TELEMETRY_SHARE = 0.05, 0.3


class Fleet:
    """
    Args:
        size: devices, `device-0001` and so on.
        random: random.Random.
    """

    def __init__(self, size, random):
        self._ids, self._random = [f"device-{number:04}" for number in range(1, size + 1)], random
        self._registry, self._lifecycle = Registry(), Lifecycle(Settings())

    def event(self):
        """What happens next, to any of the devices, as a dict in the Event Grid schema."""
        return json.loads(self._next(self._random.choice(self._ids)).payload)

    def _next(self, device_id):
        entry, chance = self._registry.find(device_id), self._random.random()
        if entry is None:
            return self._lifecycle.created(*self._registry.add([Device(device_id)]))
        if entry.session is None:
            if chance < _DELETED_SHARE:
                return self._lifecycle.deleted(self._registry.remove(device_id))
            entry.session = Session(entry, "")
            return self._lifecycle.connected(device_id)
        if chance < _TELEMETRY_SHARE:
            return self._lifecycle.telemetry(device_id, Telemetry("", b"", properties={}))
        entry.session = None
        return self._lifecycle.disconnected(device_id)
