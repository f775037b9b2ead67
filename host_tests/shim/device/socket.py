"""`socket`: the calls that the unix port, rp2 and esp32 have in common, over the host's sockets.

Errors are plain OSError with the device's numbers. Addresses are what the port has: the unix port
wants the bytes that getaddrinfo gave, boards want (IP literal, port).
"""

import socket
import struct
from functools import partial

from ..numbers import os_error
from .stream import Stream

_GAI_FAILED = {"unix": "[addrinfo error -2]", "rp2": -2, "esp32": -202}
_SOCKADDR = struct.Struct("<H2s4s8x")  # family, port in network order, IPv4 address
_PROTO_OF = {socket.SOCK_STREAM: socket.IPPROTO_TCP, socket.SOCK_DGRAM: socket.IPPROTO_UDP}


class Socket:
    AF_INET = 2
    SOCK_STREAM = int(socket.SOCK_STREAM)
    SOCK_DGRAM = int(socket.SOCK_DGRAM)
    SOL_SOCKET = socket.SOL_SOCKET
    SO_REUSEADDR = socket.SO_REUSEADDR
    SO_BROADCAST = socket.SO_BROADCAST
    IPPROTO_TCP = socket.IPPROTO_TCP
    TCP_NODELAY = socket.TCP_NODELAY

    def __init__(self, world):
        self._world = world
        self.socket = partial(DeviceSocket, world)

    # No keywords, no timeout: the device has neither.
    def getaddrinfo(self, host, port, af=0, type=0, /):
        self._world.look()
        host = bytes(host).decode() if not isinstance(host, str) else host
        try:
            found = socket.getaddrinfo(host, port, socket.AF_INET, type or socket.SOCK_STREAM)
        except socket.gaierror:
            raise os_error(_GAI_FAILED[self._world.port]) from None
        return [self._entry(entry) for entry in found]

    # (family, IP address as bytes, port number) of the unix port's address.
    @staticmethod
    def sockaddr(address, /):
        family, number, ip = _SOCKADDR.unpack(address)
        return family, ip, int.from_bytes(number, "big")

    def _entry(self, entry):
        kind = int(entry[1])
        address = to_device(self._world.port, entry[4])
        if self._world.port == "unix":
            return (2, kind, int(_PROTO_OF[kind]), None, address)
        return (2, kind, 0, "", address)


def to_device(port, address):
    """Host address (ip, port) -> the port's address."""
    if port != "unix":
        return address[:2]
    return bytearray(_SOCKADDR.pack(2, address[1].to_bytes(2, "big"), socket.inet_aton(address[0])))


def to_host(port, address):
    """The port's address -> host address; refuses what the port refuses."""
    if port != "unix":
        if not isinstance(address, tuple):
            raise TypeError("object isn't a tuple")
        return (_literal(address[0]), address[1])
    if isinstance(address, tuple):
        raise TypeError("object with buffer protocol required")
    _, number, ip = _SOCKADDR.unpack(address)
    return (socket.inet_ntoa(ip), int.from_bytes(number, "big"))


# Boards do not resolve names in connect() and sendto() (rp2: ValueError).
def _literal(host):
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        raise ValueError("invalid arguments") from None


class DeviceSocket(Stream):
    def __init__(self, world, af=socket.AF_INET, type=socket.SOCK_STREAM, proto=0, /, *, _host=None):
        self._world = world
        self._host = _host or socket.socket(af, type)
        world.sockets[id(self)] = self

    # One host call: no bytes from a closed socket, and every failure as the device's plain OSError.
    def _call(self, name, *args):
        if self._closed():
            raise self._world.errno("EBADF")
        try:
            return getattr(self._host, name)(*args)
        except OSError as exc:
            raise self._world.error(exc) from None
        finally:
            self._world.look()

    def _closed(self):
        return self._host.fileno() < 0

    # A timeout in recv and its kin is EAGAIN on the unix port, ETIMEDOUT on boards.
    def _receive(self, name, *args):
        try:
            return self._call(name, *args)
        except OSError as exc:
            if self._world.port == "unix" and exc.args[0] == self._world.number("ETIMEDOUT"):
                raise self._world.errno("EAGAIN") from None
            raise

    def bind(self, address, /):
        self._call("bind", to_host(self._world.port, address))

    def listen(self, backlog=2, /):
        self._call("listen", backlog)

    def accept(self):
        host, address = self._receive("accept")
        return DeviceSocket(self._world, _host=host), to_device(self._world.port, address)

    def connect(self, address, /):
        self._call("connect", to_host(self._world.port, address))

    def send(self, data, /):
        return self._receive("send", data)

    def sendto(self, data, address, /):
        return self._receive("sendto", data, to_host(self._world.port, address))

    def recv(self, n, /):
        return self._receive("recv", n)

    def recvfrom(self, n, /):
        data, address = self._receive("recvfrom", n)
        return data, to_device(self._world.port, address)

    # Clears a timeout, as boards do (the unix port keeps it).
    def setblocking(self, flag, /):
        self._call("setblocking", bool(flag))

    def settimeout(self, s, /):
        self._call("settimeout", None if s is None or s < 0 else s)

    def setsockopt(self, level, option, value, /):
        self._call("setsockopt", level, option, value)

    def close(self):
        self._host.close()
        self._world.sockets.pop(id(self), None)

    def _read_some(self, n):
        return self._unless_blocked("recv", n)

    def _write_some(self, view):
        return self._unless_blocked("send", view)

    def _unless_blocked(self, name, argument):
        try:
            return self._call(name, argument)
        except OSError as exc:
            if exc.args[0] == self._world.number("EAGAIN"):
                return None
            raise

    # What poll must do for this object: (file number or None, mask, known at once, faked when mask is met).
    def _polled(self, mask):
        return None if self._closed() else (self._host.fileno(), mask, 0, 0)
