"""The desk hub: an MQTT hub on loopback that behaves as the hubs of the field do."""

from .devices import Device, Filter
from .limits import Limits
from .server import DeskHub

__all__ = ["DeskHub", "Device", "Filter", "Limits"]
