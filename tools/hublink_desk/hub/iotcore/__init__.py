"""ClearBlade IoT Core and KORE OmniCore, which differ in data only (hub-dialects, sections 3 and 4)."""

from .devices import Device

__all__ = ["Device"]
