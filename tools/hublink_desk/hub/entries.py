"""What a registry of devices is at its core: entries by the ID of their device."""

from ..errors import DeskError


class Entries:
    """Each entry has a `device`, which has an `id`."""

    def __init__(self):
        self._entries = {}

    def find(self, device_id):
        """The entry of a device, or None."""
        return self._entries.get(device_id)

    def entry(self, device_id):
        """The entry of a device. Raises DeskError if there is none."""
        entry = self._entries.get(device_id)
        if entry is None:
            raise DeskError(f"device {device_id!r} is not in the registry.")
        return entry

    def entries(self):
        return self._entries.values()
