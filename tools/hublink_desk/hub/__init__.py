"""The desk hub: an MQTT hub on loopback that behaves as the hubs of the field do."""

from .hub import DeskHub
from .limits import Limits
from .scaleway.devices import Device, Filter

__all__ = ["DeskHub", "Device", "Filter", "Limits"]
