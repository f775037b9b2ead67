"""How events get out of order on their way: twice, shuffled, in batches, with what nobody expects. Pure."""

import uuid
from dataclasses import dataclass

from ..errors import DeskError
from . import forms

_UNKNOWN_TYPES = ("Microsoft.Devices.DeviceRenamed", "Contoso.Items.ItemReceived")


@dataclass(frozen=True)
class Disorder:
    """
    Args:
        duplicates: share of the events that are posted twice, with the same ID; 0 to 1, as are all shares.
        unknown: share of the events beside which one of an unknown type is posted.
        trailing_commas: share of the events that are no JSON because of a trailing comma.
        is_shuffled: True if events that are there together are posted in any order.
        batch_max: how many events are in one body.

    Raises:
        DeskError: a share is not from 0 to 1, or a batch has no room.
    """

    duplicates: float = 0.0
    unknown: float = 0.0
    trailing_commas: float = 0.0
    is_shuffled: bool = False
    batch_max: int = 1

    def __post_init__(self):
        for name in ("duplicates", "unknown", "trailing_commas"):
            if not 0 <= getattr(self, name) <= 1:
                raise DeskError(f"{name} is {getattr(self, name)!r}; expected a share from 0 to 1.")
        if self.batch_max < 1:
            raise DeskError(f"batch_max is {self.batch_max!r}; expected at least 1.")

    def batches(self, events, schema, random):
        """The events as they are posted.

        Args:
            events: list of events in the Event Grid schema.
            schema: one of forms.SCHEMAS.
            random: random.Random.

        Returns:
            list of lists of texts, one for each body.
        """
        events = [each for event in events for each in self._with_stranger(event, random)]
        texts = [forms.text(event, schema, random.random() < self.trailing_commas) for event in events]
        texts += [each for each in texts if random.random() < self.duplicates]
        if self.is_shuffled:
            random.shuffle(texts)
        return [texts[start : start + self.batch_max] for start in range(0, len(texts), self.batch_max)]

    def _with_stranger(self, event, random):
        if random.random() >= self.unknown:
            return [event]
        stranger_id = str(uuid.UUID(int=random.getrandbits(128)))
        return [event, {**event, "id": stranger_id, "eventType": random.choice(_UNKNOWN_TYPES)}]


class StateSampler:
    """Merges connection states as the hub does that looks every 60 s (hub-dialects 5.4).

    Of each device there is at most the newest state of a period, and none that was told already.
    """

    def __init__(self):
        self._held, self._told = {}, {}  # subject -> event, subject -> eventType

    def __bool__(self):
        return bool(self._held)

    def takes(self, event):
        """True if it is a connection state, which is then held back until the next sample."""
        if "deviceConnectionStateEventInfo" not in event["data"]:
            return False
        self._held[event["subject"]] = event
        return True

    def sample(self):
        """list of the states that have changed since the last one."""
        changed = [event for key, event in self._held.items() if self._told.get(key) != event["eventType"]]
        self._held = {}
        self._told.update((event["subject"], event["eventType"]) for event in changed)
        return changed
