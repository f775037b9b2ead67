"""The wire between a node and its hub, as a TCP proxy on loopback that can be cut, stalled or slowed.

One thread owns all sockets; a caller's order is carried out on that thread and is in force when the
call returns. What waits to be passed on is bounded per direction, so a slow reader slows its writer
as on a real network. It does not look inside TLS; it counts records by their headers.
"""

import queue
import select
import socket
import struct
import threading
import time
from collections import deque
from concurrent.futures import Future

from .errors import DeskError
from .servers import LOOPBACK, lasting_listener

_WAITING_MAX_LEN = 256 * 1024  # bytes read and not yet passed on, per direction of a connection
_READ_MAX_LEN = 16 * 1024
_ORDER_MAX_S = 5  # an order takes microseconds; a limit so that a fault here cannot hang a test
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds
_RECORD_HEADER_LEN = 5  # TLS: type, version (2), length (2) (RFC 5246, section 6.2.1)

_OPEN, _STALLED, _CUT = "open", "stalled", "cut"


class Wire:
    """A proxy to a port on loopback, with faults to order. Use it in a `with` block, or `close` it.

    Args:
        target_port: TCP port on 127.0.0.1 to connect to for each connection that comes in.

    Attributes:
        port: TCP port on 127.0.0.1 to connect to instead; the same for the wire's whole life.
        connections: how many connections came in so far.
        open_connections: how many of them are there now.
        bytes_up, bytes_down: bytes taken from clients, from the target.
        records_up, records_down: TLS records begun in them; meaningless if it is not TLS.
        round_trips: how often bytes came from the target that followed bytes from a client; what two that
            wait for each other have waited for, but for TCP's own round trip at the start.
    """

    def __init__(self, target_port):
        self.connections = 0
        self._target_port = target_port
        self._up = _Tally()
        self._down = _Tally(answered=self._up)
        self._links = []
        self._mode = _OPEN
        self._delay_s = 0.0
        self._closed = False
        self._orders = queue.SimpleQueue()
        self._listener = lasting_listener()
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._wake_in, self._wake_out = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name=f"Wire:{self.port}", daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    open_connections = property(lambda self: len(self._links))
    bytes_up = property(lambda self: self._up.bytes_len)
    bytes_down = property(lambda self: self._down.bytes_len)
    records_up = property(lambda self: self._up.records)
    records_down = property(lambda self: self._down.records)
    round_trips = property(lambda self: self._down.answers)

    def cut(self, reset=True):
        """Close every connection on both sides and refuse new ones, until `restore`.

        Args:
            reset: True closes with RST, as a router that forgot; False with FIN, as a hub that ends.
        """
        self._order(lambda: self._set_mode(_CUT, reset))

    def stall(self):
        """Keep connections and accept new ones, but pass on nothing, not even an end, until `restore`."""
        self._order(lambda: self._set_mode(_STALLED))

    def restore(self):
        """End a cut or a stall; what a stall held back is passed on now. A delay stays.

        Raises:
            DeskError: after a cut, somebody else has taken the port.
        """
        self._order(lambda: self._set_mode(_OPEN))

    def delay(self, ms_each_way):
        """Pass on what arrives from now on so many milliseconds later; 0 for at once.

        This is for bytes and the ends of streams. Connecting is as quick as ever, and a reset too.
        """
        self._order(lambda: setattr(self, "_delay_s", ms_each_way / 1000))

    def corrupt_next(self, up=False):
        """Flip a bit in the last byte of what comes next from the target, or from a client if `up`."""
        self._order(lambda: setattr(self._up if up else self._down, "corrupt", True))

    def settle(self):
        """Return when what was counted until now has been passed on, as far as it could be."""
        self._order(lambda: None)

    def close(self):
        """Reset every connection; returns when thread and sockets are gone. A second call does nothing."""
        if not self._closed:
            self._order(lambda: setattr(self, "_closed", True))
            self._thread.join()

    # --- below here, everything but _order runs on the wire's thread ---

    def _order(self, action):
        if self._closed:
            raise DeskError("This wire is closed.")
        future = Future()
        self._orders.put((action, future))
        self._wake_out.send(b"x")
        future.result(_ORDER_MAX_S)

    def _run(self):
        try:
            while not self._closed:
                self._turn()
        finally:
            self._closed = True
            self._end_all(reset=True)
            self._close_listener()
            self._wake_in.close()
            self._wake_out.close()

    def _turn(self):
        ready = self._wait()
        if self._wake_in.fileno() in ready:
            self._wake_in.recv(_READ_MAX_LEN)
            self._obey()
        if self._mode == _OPEN:
            self._move(ready)
        if self._listener and self._listener.fileno() in ready:  # last: a new socket may bear an old number
            self._accept()

    def _wait(self):
        """The descriptors at which something happened, or none when a delay is over."""
        poll = select.poll()
        poll.register(self._wake_in, select.POLLIN)
        if self._listener:
            poll.register(self._listener, select.POLLIN)
        dues_s = []
        if self._mode == _OPEN:
            for link in self._links:
                for descriptor, events in link.interests():
                    poll.register(descriptor, events)
                dues_s += link.dues_s()
        timeout_ms = max(0, min(dues_s) - time.monotonic()) * 1000 if dues_s else None
        return {descriptor for descriptor, _ in poll.poll(timeout_ms)}

    def _obey(self):
        while not self._orders.empty():
            action, future = self._orders.get()
            try:
                future.set_result(action())
            except Exception as error:  # the caller's to hear, whatever it is
                future.set_exception(error)

    def _accept(self):
        try:
            client, _ = self._listener.accept()
            self.connections += 1  # before the target can see it
            self._links.append(_Link(client, self._target_port, self._up, self._down))
        except OSError:  # it has gone again
            return

    def _move(self, ready):
        for link in list(self._links):
            try:
                link.move(ready, self._delay_s)
            except OSError:  # reset or refused on one side: the other side hears it
                link.end(reset=True)
            if link.ended:
                self._links.remove(link)

    def _set_mode(self, mode, reset=True):
        if mode == _CUT:
            self._close_listener()
            self._end_all(reset)
        elif self._listener is None:
            self._listen_again()
        self._mode = mode

    def _listen_again(self):
        try:
            self._listener = socket.create_server((LOOPBACK, self.port))
        except OSError as error:
            message = f"The wire's port {self.port} cannot be opened again: {error.strerror}."
            raise DeskError(message) from error
        self._listener.setblocking(False)

    def _close_listener(self):
        if self._listener:
            self._listener.close()
            self._listener = None

    def _end_all(self, reset):
        while self._links:
            self._links.pop().end(reset)


class _Link:
    """One connection: the client's socket, ours to the target, and a lane each way."""

    def __init__(self, client, target_port, up, down):
        self._client = client
        self._target = socket.socket()
        self._target.setblocking(False)
        self._client.setblocking(False)
        for each in (client, self._target):  # the wire's own delays only
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._target.connect_ex((LOOPBACK, target_port))  # its outcome shows when it is writable
        self._is_connecting = True
        self._lanes = (_Lane(client, self._target, up), _Lane(self._target, client, down))
        self.ended = False

    def interests(self):
        """(descriptor, poll events) for what can go on."""
        if self._is_connecting:
            return [(self._target.fileno(), select.POLLOUT)]
        wanted = {}
        for lane in self._lanes:
            if lane.can_read():
                wanted[lane.source.fileno()] = wanted.get(lane.source.fileno(), 0) | select.POLLIN
            if lane.is_blocked:
                wanted[lane.sink.fileno()] = wanted.get(lane.sink.fileno(), 0) | select.POLLOUT
        return wanted.items()

    def dues_s(self):
        return [lane.waiting[0][0] for lane in self._lanes if lane.waiting and not lane.is_blocked]

    def move(self, ready, delay_s):
        """Take in what is there and pass on what is due. OSError: one side has failed."""
        if self._is_connecting:
            self._connected(ready)
            return
        for lane in self._lanes:
            if lane.source.fileno() in ready and lane.can_read():
                lane.take(delay_s)
            lane.give()
        if all(lane.is_over for lane in self._lanes):
            self.end(reset=False)

    def _connected(self, ready):
        if self._target.fileno() in ready:
            error = self._target.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, "target")
            self._is_connecting = False

    def end(self, reset):
        self.ended = True
        for each in (self._client, self._target):
            if reset:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            else:
                _discard_input(each)  # else the system would send RST in spite of us
            each.close()


def _discard_input(sock):
    """What has come in so far; bounded, should the other side never stop."""
    try:
        for _ in range(_WAITING_MAX_LEN // _READ_MAX_LEN):
            if not sock.recv(_READ_MAX_LEN):
                return
    except OSError:  # nothing more, or not connected
        pass


class _Lane:
    """One direction of a connection: what was taken and waits to be given, with its due time.

    An empty piece stands for the end of the stream.
    """

    def __init__(self, source, sink, tally):
        self.source, self.sink = source, sink
        self.waiting = deque()  # (due_s, bytes)
        self.is_blocked = False  # the sink would not take more
        self.is_over = False  # the end was given on
        self._waiting_len = 0
        self._has_ended = False  # the end was taken
        self._tally = tally
        self._records = _RecordCount()

    def can_read(self):
        return not self._has_ended and self._waiting_len < _WAITING_MAX_LEN

    def take(self, delay_s):
        try:
            data = self.source.recv(_READ_MAX_LEN)
        except BlockingIOError:
            return
        self._has_ended = not data
        data = self._tally.add(data, self._records)
        self._waiting_len += len(data)
        self.waiting.append((time.monotonic() + delay_s, data))

    def give(self):
        self.is_blocked = False
        while self.waiting and self.waiting[0][0] <= time.monotonic() and not self.is_blocked:
            due_s, data = self.waiting.popleft()
            if not data:
                self.sink.shutdown(socket.SHUT_WR)
                self.is_over = True
                return
            given_len = self._send(data)
            self._waiting_len -= given_len
            if given_len < len(data):
                self.waiting.appendleft((due_s, data[given_len:]))
                self.is_blocked = True

    def _send(self, data):
        try:
            return self.sink.send(data)
        except BlockingIOError:
            return 0


class _Tally:
    """What went one way through the wire, over all connections; `answered`: what went the other way."""

    def __init__(self, answered=None):
        self.bytes_len = 0
        self.records = 0
        self.answers = 0
        self.corrupt = False
        self._answered = answered
        self._answered_len = 0

    def add(self, data, records):
        """Count it; returns it, corrupted where that was ordered."""
        self.bytes_len += len(data)
        self.records += records.begun_in(data)
        if data and self._answered and self._answered.bytes_len > self._answered_len:
            self._answered_len = self._answered.bytes_len
            self.answers += 1
        if self.corrupt and data:
            self.corrupt = False
            return data[:-1] + bytes([data[-1] ^ 1])
        return data


class _RecordCount:
    """Finds the headers of TLS records in a byte stream that comes in arbitrary pieces."""

    def __init__(self):
        self._header = b""
        self._rest_len = 0

    def begun_in(self, data):
        """How many headers were completed by this piece."""
        count = at = 0
        while at < len(data):
            if self._rest_len:
                step = min(self._rest_len, len(data) - at)
                self._rest_len -= step
                at += step
                continue
            piece = data[at : at + _RECORD_HEADER_LEN - len(self._header)]
            self._header += piece
            at += len(piece)
            if len(self._header) == _RECORD_HEADER_LEN:
                self._rest_len = int.from_bytes(self._header[3:], "big")
                self._header = b""
                count += 1
        return count
