# The short way of a QoS 0 message: while nothing waits it is written at once, past the outbox. The packet of
# the last topic stands ready but for its remaining length and its payload. Calls and look-ups are what costs
# time on a board, so there are few: over TLS they cost less than half of what encrypting does.
import struct
import time

from micropython import const

from .. import limits, ticks
from ..protocol import packets
from .stream import ERRORS

_BUF_LEN = const(512)
_PAYLOAD_MAX = const(256)
# Before the topic stand its length, and before that the remaining length (one byte or two), ending at 4.
_TOPIC_AT = const(7)
_TOPIC_MAX = const(_BUF_LEN - _TOPIC_AT - _PAYLOAD_MAX)
_COPY = packets.COPY
_pack_into = struct.pack_into


class Express:
    """session: a Session. stream: a Stream. put: f(topic, payload, qos, retain) -> bool, settable."""

    def __init__(self, session, stream):
        self._session = session
        self._stream = stream
        self.put = session.outbox.put  # what cannot be sent at once
        self._buf = bytearray(_BUF_LEN)
        self._topic = self  # none yet
        self._cost = 0  # bytes that may stay unacknowledged with a message, but for its payload

    # Sends a message (bytes): now, or by way of the outbox. False if that has no room for it. Now means:
    # it is of QoS 0 and not retained, its topic is the same object as the last one's, and there is credit.
    def send(self, topic, payload, qos=0, retain=False):
        n = len(payload)
        session = self._session
        credit = session.credit - n - self._cost
        if credit < 0 or topic is not self._topic or qos or retain or n > _PAYLOAD_MAX:
            return self._post(topic, payload, qos, retain)
        buf = self._buf
        payload_at = self._payload_at
        _pack_into(_COPY[n + 15 >> 4], buf, payload_at, payload)
        session.credit = credit
        n += payload_at - (_TOPIC_AT - 2)
        if n < 128:
            at = 3
            buf[4] = n
            n += 2
        else:
            at = 2
            buf[3] = n & 127 | 128
            buf[4] = n >> 7
            n += 3
        buf[at] = 0x30
        try:
            taken = self._stream.io_write(buf, at, n)
        except ERRORS as e:
            self._stream.failed(e)  # the next turn will find it
            session.settle()
            return self.put(topic, payload, 0, False)
        if taken != n:
            session.settle()
            taken = taken or 0
            session.name(buf, at + taken, n - taken, time.ticks_ms() & ticks.MASK)
        return True

    def _post(self, topic, payload, qos, retain):
        session = self._session
        session.settle()
        taken = self.put(topic, payload, qos, retain)  # it may refuse the topic
        # What is under way may be our buffer's.
        if not (qos or session.tx_len or topic is self._topic) and len(topic) <= _TOPIC_MAX:
            self._prepare(topic)
        return taken

    # The connection is about to end: what was written in part only waits for the next one.
    def keep(self):
        session = self._session
        if session.tx_len and session.tx_buf is self._buf:
            self.put(self._topic, self._buf[self._payload_at : session.tx_at + session.tx_len], 0, False)

    def _prepare(self, topic):
        packets.put_u16(self._buf, _TOPIC_AT - 2, len(topic))
        self._payload_at = packets.put(self._buf, _TOPIC_AT, topic, _BUF_LEN)
        self._cost = self._payload_at + limits.RECORD_COST_LEN
        self._topic = topic
