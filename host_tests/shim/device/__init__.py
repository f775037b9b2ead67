"""The device's modules, one file each (the plain ones in `pure.py`), built anew for every world."""

from types import ModuleType

from . import asyncio, chips, gc, machine, micropython, network, os, pure, select, socket, sys, time, tls

# Device module -> what makes its contents from a world: an object whose public names are the module's.
_MODULES = {
    "asyncio": asyncio.Asyncio,
    "esp32": chips.Esp32,
    "gc": gc.Gc,
    "machine": machine.Machine,
    "micropython": micropython.Micropython,
    "network": network.Network,
    "os": os.Os,
    "rp2": chips.Rp2,
    "select": select.Select,
    "socket": socket.Socket,
    "sys": sys.Sys,
    "time": time.Time,
    "tls": tls.Tls,
    "vfs": chips.Vfs,
    **pure.MODULES,
}

# What a port lacks of the above: whole modules, or names of a module.
_LACKS = {
    "unix": {
        "esp32": None,
        "rp2": None,
        "micropython": ("alloc_emergency_exception_buf",),
        "os": ("sync", "uname"),
        "socket": ("IPPROTO_TCP", "TCP_NODELAY"),
    },
    "esp32": {"rp2": None, "os": ("getenv",), "machine": ("mem32",), "socket": ("sockaddr",)},
    "rp2": {"esp32": None, "os": ("getenv",), "socket": ("sockaddr",)},
}


def build(world):
    """Device module name -> fresh module of this world."""
    lacks = _LACKS[world.port]
    names = [name for name in _MODULES if lacks.get(name, ()) is not None]
    return {name: _module(name, _MODULES[name](world), lacks.get(name, ())) for name in names}


def _module(name, contents, hidden):
    module = ModuleType(name)
    for public in dir(contents):
        if not public.startswith("_") and public not in hidden:
            setattr(module, public, getattr(contents, public))
    if hasattr(contents, "_late"):
        module.__getattr__ = contents._late
    return module
