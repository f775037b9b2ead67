"""What a registry knows: devices and their keys, who is bound to whom, configurations and states."""

from collections import deque
from dataclasses import dataclass, field

from ...errors import DeskError
from ..entries import Entries
from ..tables import check_unique
from .devices import Device, read_key

_STATES_KEPT = 10  # KO-REG


@dataclass
class Entry:
    """One device.

    Attributes:
        device: Device, as it was added.
        keys: its public keys.
        bound: IDs of the devices bound to it.
        config: payload of its configuration; None until it got one.
        config_version: counts configurations.
        states: payloads, the newest last.
    """

    device: Device
    keys: tuple
    bound: set = field(default_factory=set)
    config: bytes | None = None
    config_version: int = 0
    states: deque = field(default_factory=lambda: deque(maxlen=_STATES_KEPT))


class Registry(Entries):
    """
    Args:
        settings: Settings.
    """

    def __init__(self, settings):
        super().__init__()
        self._settings = settings

    def add(self, devices):
        """Take in Devices, all or none.

        Raises:
            DeskError: an ID is known already, a key cannot be read, or a binding cannot be.
        """
        check_unique(devices, (entry.device for entry in self._entries.values()), ("id",))
        fresh = {device.id: Entry(device, tuple(map(read_key, device.keys))) for device in devices}
        before, self._entries = self._entries, {**self._entries, **fresh}
        try:
            for device in devices:
                for bound in device.bound:
                    self.bind(device.id, bound)
        except DeskError:
            self._entries = before
            raise

    def gateway(self, gateway_id):
        """The Entry of a gateway. Raises DeskError if there is none."""
        entry = self.entry(gateway_id)
        if not entry.device.gateway:
            raise DeskError(f"device {gateway_id!r} is no gateway.")
        return entry

    def bind(self, gateway_id, device_id):
        """Bind a device to a gateway; twice is once. Raises DeskError if it may not be."""
        gateway, device = self.gateway(gateway_id), self.entry(device_id).device
        if device.gateway:
            raise DeskError(f"device {device_id!r} is a gateway; expected a device that is none.")
        gateways = self.gateways_of(device_id)
        if gateway_id in gateways:
            return
        if len(gateway.bound) >= self._settings.bound_max:
            raise DeskError(f"gateway {gateway_id!r} has as many bound devices as it may.")
        if len(gateways) >= self._settings.gateways_max:
            raise DeskError(f"device {device_id!r} has as many gateways as it may.")
        gateway.bound.add(device_id)

    def unbind(self, gateway_id, device_id):
        """End that. Raises DeskError if it was not bound."""
        gateway = self.gateway(gateway_id)
        if device_id not in gateway.bound:
            raise DeskError(f"device {device_id!r} is not bound to gateway {gateway_id!r}.")
        gateway.bound.remove(device_id)

    def gateways_of(self, device_id):
        """IDs of the gateways to which a device is bound."""
        return [entry.device.id for entry in self.entries() if device_id in entry.bound]
