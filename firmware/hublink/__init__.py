# The public names, each loaded when it is first used.
VERSION = "0.1.0"

_NAMES = {
    "Node": "node",
    "start": "node",
    "maintenance": "device.maintenance",
    "MQTTClient": "net.mqtt",
}


# MicroPython asks here for submodules too ("from . import config") before it looks for their files.
def __getattr__(name):
    if name not in _NAMES:
        return _submodule(name)
    found = getattr(__import__("hublink." + _NAMES[name], None, None, (name,)), name)
    globals()[name] = found
    return found


def _submodule(name):
    try:
        return __import__("hublink." + name, None, None, (name,))
    except ImportError:
        raise AttributeError(name)
