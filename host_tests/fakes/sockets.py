"""The device's `socket`: non-blocking sockets over the simulated internet, and the stack they share.

Stricter than a board: a call that could block (a socket left in blocking mode) breaks the world's
rule, since no limit of the device's own would hold it.
"""

from types import SimpleNamespace

from host_tests.shim.device.socket import to_device, to_host
from host_tests.shim.device.stream import Stream
from host_tests.shim.numbers import os_error

from .clock import WorldError
from .polling import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT

STREAM, DATAGRAM = 1, 2
_SEGMENT_LEN = 800  # rp2: TCP_MSS
_SEGMENTS_MAX = 32  # rp2: MEMP_NUM_TCP_SEG
_SEGMENT_COST_LEN = 80
_ARENA_TRIES, _ARENA_AGAIN_MS = 200, 50
_GAI_FAILED = {"unix": "[addrinfo error -2]", "rp2": -2, "esp32": -202}


class DeviceSocket(Stream):
    """One socket of the device, TCP or UDP. In `net.sockets` from the first moment until close()."""

    def __init__(self, stack, af=2, kind=STREAM, proto=0):
        self._stack = stack
        self.kind = kind
        self._blocking = True
        self._closed = False
        self._connection = None
        self._open = False
        self._ended = False  # the peer's FIN is here
        self._error = None  # "reset" or "aborted"
        self._inbox = bytearray()
        self._datagrams = []
        stack.opened(self)

    # -- what the device calls -----------------------------------------------------------------

    def setblocking(self, flag):
        self._check_open()
        self._blocking = bool(flag)

    def setsockopt(self, level, option, value):
        self._check_open()

    def connect(self, address):
        self._check_ready()
        ip, port = to_host(self._stack.port_name, address)
        if self._connection:
            raise self._stack.errno("EALREADY")
        if not self._stack.net.has_route():
            raise self._stack.errno("EHOSTUNREACH")
        self._connection = self._stack.net.connect(self, ip, port)
        raise self._stack.errno("EINPROGRESS")

    def sendto(self, data, address):
        self._check_ready()
        ip, port = to_host(self._stack.port_name, address)
        if not self._stack.net.has_route():
            raise self._stack.errno("EHOSTUNREACH")
        self._stack.net.send_datagram(bytes(data), ip, port, self._datagram)
        return len(data)

    def recv(self, n):
        self._check_ready()
        if self.kind == STREAM:
            got = self._read_some(n)
        else:
            got = self._datagrams.pop(0)[:n] if self._datagrams else None
        if got is None:
            raise self._stack.errno("EAGAIN")
        return got

    def send(self, data):
        self._check_ready()
        taken = self._write_some(memoryview(data))
        if taken is None:
            raise self._stack.errno("EAGAIN")
        return taken

    def close(self):
        if self._closed:
            return
        self._closed = True
        self._stack.closed(self)
        if self._connection and not self._error:
            self._connection.device_closes(bool(self._inbox))

    # Power is gone: no packet says so.
    def die(self):
        self._closed = True
        self._stack.closed(self)
        if self._connection:
            self._connection.device_dies()

    # The same as Stream's, without its detours: this is asked at every turn of the loop.
    def readinto(self, buf, n=-1):
        if not self._inbox and not self._ended and not self._error and not self._closed and self._open:
            return None
        return super().readinto(buf, n)

    # -- its end of the connection ---------------------------------------------------------------

    def room(self):
        return self._stack.limits.receive_window_len - len(self._inbox)

    def received(self, data):
        self._inbox += data
        self._stack.net.moves += 1

    def ended(self):
        self._ended = True
        self._stack.net.moves += 1

    def opened(self):
        self._open = True
        self._stack.net.moves += 1

    def broken(self, reason):
        self._error = reason
        self._stack.net.moves += 1

    def _datagram(self, data):
        if not self._closed and len(self._datagrams) < self._stack.limits.datagrams_max:
            self._datagrams.append(data)
            self._stack.net.moves += 1

    # -- bytes -----------------------------------------------------------------------------------

    def _check_open(self):
        if self._closed:
            raise self._stack.errno("EBADF")

    def _check_ready(self):
        self._check_open()
        if self._blocking:
            raise WorldError("a socket call in blocking mode: nothing bounds how long it takes")

    def _raise_error(self):
        if self._error:
            raise self._stack.errno("ECONNRESET" if self._error == "reset" else "ECONNABORTED")

    def _read_some(self, n):
        self._check_ready()
        if self._inbox:
            data = bytes(self._inbox[:n])
            del self._inbox[:n]
            self._connection.to_device.has_room()
            return data
        self._raise_error()
        if self._ended:
            return b""
        if not self._connection:
            raise self._stack.errno("ENOTCONN")
        return None

    def _write_some(self, view):
        self._check_ready()
        self._raise_error()
        if not self._connection:
            raise self._stack.errno("ENOTCONN")
        if not self._open:
            return None
        if not self._stack.net.has_route():
            raise self._stack.errno("EHOSTUNREACH")
        way = self._connection.to_host
        taken_len = min(len(view), self._stack.limits.send_buffer_len - len(way.waiting))
        if taken_len <= 0:
            return None
        self._stack.find_room(way, taken_len)
        way.send(view[:taken_len])
        self._stack.most_unsent_len = max(self._stack.most_unsent_len, len(way.waiting))
        return taken_len

    # platform-facts 2.4: rp2 IN|OUT after FIN, IN|OUT|ERR|HUP after RST; esp32 never says ERR.
    def _flags(self, mask):
        if not self._open or self._error or self._closed:
            return self._flags_of_no_connection(mask)
        flags = POLLIN if self._inbox or self._ended else 0
        if mask & POLLOUT and len(self._connection.to_host.waiting) < self._stack.limits.send_buffer_len:
            flags |= POLLOUT
        return flags & mask

    def _flags_of_no_connection(self, mask):
        esp32 = self._stack.port_name == "esp32"
        if self._closed:
            return POLLNVAL
        if self.kind == DATAGRAM:
            return mask & (POLLOUT | (POLLIN if self._datagrams else 0))
        if self._error:
            return mask & (POLLIN | POLLOUT) | POLLHUP | (0 if esp32 else POLLERR)
        if not self._connection:
            return POLLHUP | (mask & POLLOUT if esp32 else 0)
        return 0


class Stack:
    """The device's IP stack: its sockets, its memory, its port's habits.

    Attributes:
        sockets: open ones.
        most_streams, most_datagrams: how many were open at a time, at most.
        most_unsent_len: how many bytes were in one TCP send buffer, at most.
        full: there is no memory for another socket.
    """

    def __init__(self, device, net, limits):
        self.port_name = device.port
        self.errno = device.errno
        self.net = net
        self.limits = limits
        self.sockets = []
        self.most_streams = self.most_datagrams = self.most_unsent_len = 0
        self.full = False
        self._lingering = 0

    def opened(self, sock):
        streams = sum(each.kind == STREAM for each in self.sockets) + (sock.kind == STREAM)
        if self.full or streams + self._lingering > self.limits.tcp_max:
            raise self.errno("ENOMEM")
        self.sockets.append(sock)
        self.most_streams = max(self.most_streams, streams)
        self.most_datagrams = max(self.most_datagrams, len(self.sockets) - streams)

    # A close that nobody acknowledges keeps its place for a while (lwIP: FIN_WAIT).
    def closed(self, sock):
        self.sockets.remove(sock)
        if self.limits.linger_ms and sock._connection and not sock._connection.passes():
            self._lingering += 1
            self.net.clock.after(self.limits.linger_ms, self._forget_one)

    def _forget_one(self):
        self._lingering -= 1

    def lose_power(self):
        for sock in list(self.sockets):
            sock.die()

    # When the stack's memory is gone, a write waits for it, non-blocking or not (platform-facts 2.2).
    def find_room(self, way, new_len):
        if not self.limits.arena_len:
            return
        for tries in range(_ARENA_TRIES + 1):
            segments = sum(1 + n // _SEGMENT_LEN for n in (*way.writes, new_len))
            used_len = len(way.waiting) + new_len + segments * _SEGMENT_COST_LEN
            if segments <= _SEGMENTS_MAX and used_len <= self.limits.arena_len:
                self.net.clock.note("write", tries * _ARENA_AGAIN_MS)
                return
            self.net.clock.wait(_ARENA_AGAIN_MS)
        raise self.errno("ENOMEM")


def socket_module(stack, names, resolve):
    """The module `socket` of the stack's port. resolve(host) -> list of addresses, [] if there are none."""

    def getaddrinfo(host, port, af=0, kind=0):
        addresses = resolve(host)
        if not addresses:
            raise os_error(_GAI_FAILED[stack.port_name])
        return [(2, STREAM, 0, "", to_device(stack.port_name, (address, port))) for address in addresses]

    module = SimpleNamespace(
        AF_INET=2,
        SOCK_STREAM=STREAM,
        SOCK_DGRAM=DATAGRAM,
        socket=lambda *args: DeviceSocket(stack, *args),
        getaddrinfo=getaddrinfo,
        **names,
    )
    return module
