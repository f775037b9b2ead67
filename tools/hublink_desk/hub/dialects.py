"""The dialects by name, each loaded when it is asked for."""

import importlib

from ..errors import DeskError

_CLASSES = {
    "scaleway": "scaleway.dialect:Scaleway",
    "clearblade": "iotcore.dialect:ClearBlade",
    "omnicore": "iotcore.dialect:OmniCore",
    "azure": "azure.dialect:Azure",
    "generic": "generic:Generic",
}
DIALECTS = tuple(_CLASSES)


def find(name):
    """The subclass of Dialect with that name. Raises DeskError if there is none."""
    if name not in _CLASSES:
        raise DeskError(f"dialect is {name!r}; expected one of {', '.join(DIALECTS)}.")
    module, attribute = _CLASSES[name].split(":")
    return getattr(importlib.import_module(f".{module}", __package__), attribute)
