"""The devices of an Azure hub, and all that the hub keeps for each while it is connected or not."""

from dataclasses import dataclass, field, replace

from ..entries import Entries
from ..tables import check_unique
from ..topics import covers
from .devices import Device, proof
from .twin import Twin


@dataclass(eq=False)
class Session:
    """One connection of a device.

    Attributes:
        entry: of the device.
        credential: the key or thumbprint that let it in; "" for a certificate of the CA.
        filters: topic filter -> granted QoS.
        offered: topics of the messages that it got, or that were before its time.
        is_reported: True once the device was reported as connected.
    """

    entry: "Entry"
    credential: str
    filters: dict = field(default_factory=dict)
    offered: set = field(default_factory=set)
    is_reported: bool = False


@dataclass(eq=False)
class Entry:
    """One device.

    Attributes:
        device: Device.
        proofs: its primary and its secondary Proof.
        etag: number that only grows, over all devices.
        twin: Twin.
        pending: topic -> Message of each that waits for the device, the oldest first.
        kept: filters of its kept session, as Session.filters; None: none is kept.
        session: Session of its connection, or None.
        telemetry_count: messages.
    """

    device: Device
    proofs: tuple
    etag: int
    twin: Twin = field(default_factory=Twin)
    pending: dict = field(default_factory=dict)
    kept: dict | None = None
    session: Session | None = None
    telemetry_count: int = 0

    @property
    def credentials(self):
        return [each.value for each in self.proofs if each.value]

    def due(self):
        """The pending Messages that the connected device is subscribed to and was not given yet.

        At QoS 0 nobody acknowledges them, so they no longer wait.
        """
        found = []
        for topic, message in list(self.pending.items()) if self.session else ():
            granted = [qos for wanted, qos in self.session.filters.items() if covers(wanted, topic)]
            if granted and topic not in self.session.offered:
                self.session.offered.add(topic)
                found.append(replace(message, qos=max(granted)))
                if not max(granted):
                    del self.pending[topic]
        return tuple(found)


class Registry(Entries):
    """All devices, by ID."""

    def __init__(self):
        super().__init__()
        self._etag = 0

    def add(self, devices):
        """Take in Devices, all or none.

        Returns:
            list of their Entries.

        Raises:
            DeskError: an ID is known already, or a key or a certificate cannot be read.
        """
        check_unique(devices, (entry.device for entry in self._entries.values()), ("id",))
        fresh = [Entry(device, _proofs(device), self.next_etag()) for device in devices]
        self._entries.update({entry.device.id: entry for entry in fresh})
        return fresh

    def remove(self, device_id):
        """Forget a device. Returns its Entry. Raises DeskError if there is none."""
        entry = self.entry(device_id)
        entry.etag = self.next_etag()
        del self._entries[device_id]
        return entry

    def next_etag(self):
        self._etag += 1
        return self._etag


def _proofs(device):
    if device.auth == "ca":
        return ()
    return tuple(proof(device.auth, given) for given in (device.primary, device.secondary))
