# A session over a stream: the steps of connecting, and the moving of bytes. Nothing here blocks.
from micropython import const

from .. import limits, ticks
from ..protocol import session as mqtt
from . import tls
from .express import Express
from .stream import CLOSED, FAILED, NOTHING, Stream

IDLE = const(0)
RESOLVING = const(1)
TCP = const(2)
OPENING = const(3)  # TLS handshake, driven by writing CONNECT; then CONNACK
UP = const(4)
BROKEN = const(5)  # see error

# How often the session's deadlines are looked at, at most.
_CHECK_MS = const(250)
# Reads in one turn: a hub that floods us must not keep the loop from its other work.
_READS = const(32)


class Connection:
    """session: a Session. resolver: a Resolver. reserve: a tls.Reserve. heap_low: f() -> bool."""

    def __init__(self, session, resolver, reserve, heap_low):
        self.session = session
        self.state = IDLE
        self.error = None  # one word
        self.detail = None  # the exception behind it, if there is one
        self._resolver = resolver
        self._reserve = reserve
        self._heap_low = heap_low
        self._stream = Stream()
        self.express = Express(session, self._stream)
        self._addresses = None
        self._checked_ms = self._left_ms = 0
        self._unread = False  # the last turn ended at packets_max: what a deadline waits for may be here

    # Begins to connect; the session's CONNECT must be ready. context None: plain TCP.
    def start(self, now_ms, host, port, context, name):
        self._stream.close()
        self._host = host
        self._port = port
        self._context = context
        self._name = name
        self.error = self.detail = None
        self._resolver.start(host)
        self._enter(RESOLVING, now_ms)

    # One turn, that ends behind packets_max packets of the hub's (0: it only writes). Returns the state.
    def poll(self, now_ms, uptime_s, packets_max=_READS):
        if self.state == RESOLVING:
            self._resolve(now_ms, uptime_s)
        if self.state == TCP:
            self._connect(now_ms)
        if self.state >= OPENING and self.state != BROKEN:
            self._transfer(now_ms, packets_max)
        return self.state

    # Milliseconds until poll has something to do, if no byte arrives before and no write is held up.
    # Deadlines may be late by a socket step.
    def due_in(self, now_ms):
        if self.state == UP:
            if self._unread or (not self.session.tx_len and self.session.tx(now_ms)):
                return 0
            left_ms = self._left_ms - ((now_ms - self._checked_ms) & ticks.MASK)
            return min(max(0, left_ms), limits.SOCKET_STEP_MS)
        return limits.POLL_MS if self.state in (RESOLVING, TCP) else limits.SOCKET_STEP_MS

    # Sleeps until bytes can be moved, at most wait_ms. False when there is no socket to sleep on.
    def wait(self, wait_ms):
        if not self._stream.is_open():
            return False
        self._stream.wait(wait_ms, self.state == TCP or self.session.tx_len > 0)
        return True

    # The socket to poll on, None while there is none.
    def socket(self):
        return self._stream.socket()

    # Ends it. With goodbye the hub is told, and drops the will.
    def close(self, now_ms, goodbye=False):
        if goodbye and self.state == UP and self.session.disconnect():
            self._write(now_ms)
        self._resolver.stop()
        self._stream.close()
        self.session.close()
        self._reserve.take()
        self.state = IDLE

    def _enter(self, state, now_ms):
        self.state = state
        self._since_ms = now_ms

    # The connection is of no more use; close() leads out. Returns the state.
    def give_up(self, reason, detail=None):
        if not self.session.connect_sent():  # nobody there has proved to be the hub
            self._resolver.distrust(self._host)
        self.state = BROKEN
        self.error = reason
        self.detail = detail
        return BROKEN

    def _resolve(self, now_ms, uptime_s):
        if not self._resolver.poll(now_ms, uptime_s):
            return
        if self._resolver.error:
            self.give_up(self._resolver.error)
            return
        self._addresses = list(self._resolver.addresses)
        self._next_address("dns_no_address", None, now_ms)

    def _next_address(self, reason, detail, now_ms):
        if not self._addresses:
            self.give_up(reason, detail)
            return
        try:
            self._stream.open(self._addresses.pop(0), self._port)
        except (OSError, MemoryError) as e:
            self.give_up(tls.classify(e, False), e)
            return
        self._enter(TCP, now_ms)

    def _connect(self, now_ms):
        answer = self._stream.connected()
        if answer == FAILED:
            error = self._stream.error
            self._next_address(tls.classify(error, False), error, now_ms)
        elif answer == NOTHING:
            if ticks.diff(now_ms, self._since_ms) >= limits.TCP_CONNECT_MS:
                self._next_address("tcp_timeout", None, now_ms)
        else:
            if self._context:
                self._reserve.release()
                self._stream.start_tls(self._context, self._name)
            self._enter(OPENING, now_ms)

    def _transfer(self, now_ms, packets_max):
        session = self.session
        if self._write(now_ms) and session.connect_sent() and self._read(now_ms, packets_max):
            self._write(now_ms)
        if self.state == BROKEN:
            return
        # Deadlines are seconds long.
        passed_ms = (now_ms - self._checked_ms) & ticks.MASK
        if not self._unread and passed_ms >= min(_CHECK_MS, self._left_ms):
            self._checked_ms = now_ms
            self._left_ms = session.check(now_ms)
        if session.error:
            self.give_up(session.error)
        elif session.state == mqtt.UP:
            if self.state != UP:
                self._enter(UP, now_ms)
        elif not session.connect_sent() and ticks.diff(now_ms, self._since_ms) >= limits.TLS_HANDSHAKE_MS:
            self.give_up("tls_timeout")

    # True unless the stream is gone.
    def _write(self, now_ms):
        session = self.session
        while session.tx(now_ms):
            n = self._stream.write(session.tx_buf, session.tx_at, session.tx_len)
            if n == FAILED:
                return self._failed()
            if n == NOTHING:
                return True
            session.sent(n, now_ms)
        return True

    # True if something arrived that may have to be answered, and the stream is well.
    def _read(self, now_ms, packets_max):
        session = self.session
        reader = session.reader
        self._unread = not packets_max
        if self._unread or not session.may_read():
            return True
        for i in range(_READS):
            n = self._stream.readinto(reader.into, reader.want)
            if n == NOTHING:
                return i > 0
            if n == CLOSED:
                self.give_up("closed_by_hub")
                return False
            if n == FAILED:
                return self._failed()
            if session.received(n, now_ms):
                packets_max -= 1
                self._unread = not packets_max
                if self._unread or not session.may_read():
                    return True
        return True

    def _failed(self):
        error = self._stream.error
        reason = tls.classify(error, self._heap_low())
        if reason == "reset" and self.state == OPENING and self._context:
            reason = "reset_in_handshake"  # more often than not: the hub refuses our certificate
        self.give_up(reason, error)
        return False
