"""Entries of a hub or of a record, one after the other, become what is known of the fleet."""

import time

from .. import device_code
from ..errors import DeskError
from .fleet import Fleet
from .places import Places
from .record import Began, read


class Watch:
    """
    Args:
        devices_max: as Fleet has it.

    Attributes:
        fleet: Fleet.
    """

    def __init__(self, devices_max):
        self.fleet = Fleet(devices_max)
        self._began = self._places = None

    def take(self, at_s, entry):
        """Take in a Began, or a Message after one. Returns what has changed, as Fleet does.

        Raises:
            DeskError: nothing can be made of it.
        """
        if isinstance(entry, Began):
            self._began, self._places = entry, Places(entry.hub)
            return self.fleet.listening(at_s)
        if self._places is None:
            raise DeskError("The record does not begin with a line that says what was listened to.")
        kind, name = self._places.find(entry.topic) or (None, None)
        if kind == "event":
            report = device_code.report(self._places.anybody, entry.topic, entry.payload)
            return self.fleet.event(at_s, self._about(report), report)
        take = {"status": self.fleet.status, "telemetry": self.fleet.telemetry}.get(kind)
        return take(at_s, name, entry.payload, entry.retained) if take else []

    def _about(self, report):
        """Name of the device that a report is about, None if it is about none that is known."""
        name = self._began.names.get(report.object_id, report.object_id)
        return name if name in self.fleet.devices or name in self._began.names.values() else None


def live(follower, began, idle_s):
    """Yield (Unix seconds, entry) as a Follower hears, and None for an entry every idle_s seconds or so.

    Raises:
        DeskError: it could not connect the first time.
    """
    count = 0
    for message in follower.messages(idle_s):
        if follower.problem and not count:
            hint = "hublink config check CONFIG --connect tells which step fails"
            raise DeskError(f"{follower.hub}: {follower.problem.rstrip('.')}.", hint)
        now_s = round(time.time(), 3)
        if follower.connected_count > count:
            count = follower.connected_count
            yield now_s, began
        yield now_s, message


def replay(path, speed, idle_s):
    """Yield the same from a record, `speed` times as fast as it was; speed 0: at once, and without None."""
    first_s, started_s = None, time.monotonic()
    for at_s, entry in read(path):
        first_s = at_s if first_s is None else first_s
        while speed:
            now_s = first_s + (time.monotonic() - started_s) * speed
            if now_s >= at_s:
                break
            time.sleep(min((at_s - now_s) / speed, idle_s))
            yield min(now_s, at_s), None
        yield at_s, entry
