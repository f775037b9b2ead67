"""TCP between the device and a host: bytes in order, delayed, resent until they arrive or time is up.

A connection has two ways. The device's end is its socket, the far end a receiver that the host's
listener made; both are receivers: `room()` -> bytes it can take now, `received(data)`, `ended()` (FIN)
and `broken(reason)` ("reset", "aborted"); the device's has `opened()` too. The far end sends with
`to_device.send(data)`, and ends the connection with `close()` or `reset()`.
"""

_TRIES_MAX = 12  # lwIP: TCP_MAXRTX
_AGAIN_MS = 1500
_BACKOFF_MAX = 7  # lwIP: tcp_backoff
_CLOSE_MS = 10_000  # lwIP aborts a close that nobody acknowledged by then


class _Way:
    """One direction. Bytes stay in `waiting` until they have arrived.

    Attributes:
        writes: the lengths of which `waiting` is made, for stacks that keep them apart.
        dead: nothing arrives any more; finished: everything has, the end included.
    """

    def __init__(self, connection, receiver):
        self.waiting = bytearray()
        self.writes = []
        self.receiver = receiver
        self.finished = self.dead = False
        self._connection = connection
        self._net = connection.net
        self._end = None  # f(): what comes behind the last byte
        self._resends = True
        self._tries = 0  # > 0: something was lost, and all is sent again when the time comes
        self._shut = False  # the receiver has no room

    def send(self, data):
        self.waiting += data
        self.writes.append(len(data))
        self._fly(len(data))

    def finish(self):
        """FIN behind what was sent."""
        self._end = self._tell_end
        self._fly(0)

    def cut_off(self):
        """RST behind what is under way. Of all that nothing is sent twice."""
        self._end = self._tell_reset
        self._resends = self.finished = False
        self._fly(0)

    # The receiver of the moment: a socket may have been closed meanwhile.
    def _tell_end(self):
        self.receiver.ended()

    def _tell_reset(self):
        self.receiver.broken("reset")

    def has_room(self):
        """The receiver can take bytes again."""
        if self._shut:
            self._shut = False
            self._fly(len(self.waiting))

    def _fly(self, flying_len):
        if not (self._tries or self._shut or self.dead):
            self._net.clock.after(self._net.latency_ms, lambda: self._land(flying_len))

    def _land(self, flying_len):
        if self._tries or self._shut or self.dead or self.finished:
            return
        if not self._connection.passes():
            self._lose()
            return
        self._deliver(min(flying_len, len(self.waiting)))

    def _deliver(self, arriving_len):
        taken_len = min(arriving_len, self.receiver.room())
        self._shut = taken_len < arriving_len
        if self._shut:
            self._net.clock.after(_AGAIN_MS, self.has_room)  # the window is probed, in case nobody tells
        if taken_len:
            data = bytes(self.waiting[:taken_len])
            del self.waiting[:taken_len]
            self._forget(taken_len)
            self._net.moves += 1  # the sender has room again
            self.receiver.received(data)
        if self._end and not self.waiting and not self.dead:
            self.finished = True
            self._end()

    def _forget(self, taken_len):
        while self.writes and self.writes[0] <= taken_len:
            taken_len -= self.writes.pop(0)
        if taken_len:
            self.writes[0] -= taken_len

    def _lose(self):
        self._tries += 1
        if not self._resends:
            self.dead = True
        elif self._tries > _TRIES_MAX:
            self._connection.abort()
        else:
            self._net.clock.after(_AGAIN_MS * min(self._tries, _BACKOFF_MAX), self._try_again)

    def _try_again(self):
        if self.dead:
            return
        if self._connection.passes():
            self._tries = 0
            self._deliver(len(self.waiting))
        else:
            self._lose()


class _Nobody:
    """The receiver where a program has gone: bytes that arrive are answered with a reset."""

    def __init__(self, reset):
        self._reset = reset

    def room(self):
        return 1 << 30

    def received(self, _data):
        self._reset()

    def ended(self):
        pass

    def broken(self, _reason):
        pass


class Connection:
    """One TCP connection. to_host, to_device: its two ways. opened: the handshake is done."""

    def __init__(self, net, sock, host, port):
        self.net = net
        self.host = host
        self.opened = False
        self._port = port
        self.to_device = _Way(self, sock)
        self.to_host = _Way(self, _Nobody(self.reset))
        self._tries = 0
        net.clock.after(2 * net.latency_ms, self._knock)

    def passes(self):
        return self.net.passes(self.host)

    def _knock(self):
        if self.to_device.dead:
            return
        if not self.passes():
            self._tries += 1
            if self._tries > self.net.port.syn_tries:
                self.abort()
            else:
                self.net.clock.after(self.net.port.syn_again_ms, self._knock)
            return
        listener = self.host.tcp.get(self._port) if self.host.mode == "up" else None
        if listener is None:
            self.to_device.receiver.broken("reset")
            return
        self.opened = True
        self.to_host.receiver = listener(self)
        self.to_device.receiver.opened()

    # -- the far end's calls -------------------------------------------------------------------

    def close(self):
        """FIN, after what was sent; what still comes is answered with a reset."""
        self.to_host.receiver = _Nobody(self.reset)
        self.to_device.finish()

    def reset(self):
        """RST. It is sent once; if it does not get through, the device's next bytes find nobody."""
        self.to_host.receiver = _Nobody(self.reset)
        self.to_device.cut_off()

    def forget(self):
        """The host loses its memory: what it sent is lost; the device's next bytes are answered with RST."""
        self.to_host.receiver = _Nobody(self._answer_with_reset)
        self.to_device.dead = True

    def _answer_with_reset(self):
        sock = self.to_device.receiver
        self.net.clock.after(self.net.latency_ms, lambda: self.passes() and sock.broken("reset"))

    # -- the device's calls --------------------------------------------------------------------

    def device_closes(self, unread):
        """The socket was closed: FIN behind what is under way; RST, if bytes were left unread."""
        self.to_device.receiver = _Nobody(self._device_resets)
        if not self.opened:
            self.to_host.dead = self.to_device.dead = True
        elif unread:
            self._device_resets()
        else:
            self.to_host.finish()
            self.net.clock.after(_CLOSE_MS, self._give_up_closing)

    def _device_resets(self):
        self.to_device.dead = True
        self.to_host.cut_off()

    def device_dies(self):
        """Power or memory of the device is gone; nothing is sent."""
        self.to_device.receiver = _Nobody(self._device_resets)
        self.to_host.waiting.clear()
        if not self.opened:
            self.to_host.dead = self.to_device.dead = True

    def _give_up_closing(self):
        if not self.to_host.finished:
            self.to_host.dead = True

    def abort(self):
        """The device's stack gives up: no answer for too long."""
        self.to_device.dead = self.to_host.dead = True
        self.to_device.receiver.broken("aborted")
