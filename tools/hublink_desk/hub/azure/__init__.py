"""Azure IoT Hub (hub-dialects, section 5)."""

from .devices import Device
from .endpoint import Telemetry

__all__ = ["Device", "Telemetry"]
