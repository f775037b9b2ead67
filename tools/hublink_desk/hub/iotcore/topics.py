"""The fixed topics of the IoT Core family (hub-dialects 3.3): `ROOT/DEVICE/KIND`, some with subfolders."""

from typing import NamedTuple

from .devices import is_id

_UP = ("events", "state", "attach", "detach")
_DOWN = ("config", "commands", "errors")
_WITH_SUBFOLDERS = ("events", "commands")


class Place(NamedTuple):
    """What a topic says."""

    device: str
    kind: str
    subfolder: str


class Topics:
    """
    Args:
        root: what stands before the device ID, without the slash between.
    """

    def __init__(self, root):
        self._root = root + "/"

    def of(self, device, kind, subfolder=""):
        """The text of a topic."""
        return self._root + "/".join([device, kind, *filter(None, [subfolder])])

    def published(self, topic):
        """The Place that a device publishes to, or None if there is no such topic."""
        return self._place(topic, _UP)

    def subscribed(self, wanted, is_wildcard_required):
        """The Place that a device subscribes to, or None if it may not. `+` is nowhere part of it.

        Args:
            is_wildcard_required: True if of commands only `commands/#` will do.
        """
        place = self._place(wanted, _DOWN)
        if place is None or "+" in place.subfolder:
            return None
        is_narrow = place.kind == "commands" and place.subfolder != "#"
        return None if is_narrow and is_wildcard_required else place

    def _place(self, text, kinds):
        if not text.startswith(self._root):
            return None
        device, _, rest = text[len(self._root) :].partition("/")
        kind, slash, subfolder = rest.partition("/")
        if kind not in kinds or not is_id(device) or (slash and kind not in _WITH_SUBFOLDERS):
            return None
        return Place(device, kind, subfolder)
