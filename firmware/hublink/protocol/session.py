# One MQTT 3.1.1 connection as a state machine: bytes and time in, bytes and callbacks out (pure).
# The owner moves the bytes:
#   to read:  while may_read(): read at most reader.want bytes into reader.into, call received(n, now_ms);
#   to write: while tx(now_ms): write tx_buf[tx_at : tx_at + tx_len], call sent(n, now_ms).
#             What tx names stays the same until all of it was sent (platform-facts 1.4: after a
#             refused TLS write the identical bytes must be offered again).
# Messages to publish come from the outbox, and stay there until they are acknowledged. While it has nothing
# to send there is `credit`: so many bytes of QoS 0 the owner may write past it, taking them off the credit.
# Between connect() and close() nothing here allocates; remote input never raises: it ends in `error`.
from array import array

from micropython import const

from .. import limits, ticks
from ..limits import RECORD_COST_LEN
from ..outbox import HEAD_LEN
from . import packets
from .message import Message
from .reader import Reader

IDLE = const(0)
CONNECTING = const(1)  # CONNECT is on its way, CONNACK is not here
UP = const(2)
DEAD = const(3)  # see error; only close() leads out

# ticks.MASK; what passed since a moment of less than 2**30 ms ago is (now_ms - moment) & _MASK.
_MASK = const(0x3FFFFFFF)
# Acknowledgements that can be owed, in bytes: 32 packets; beyond it nothing is read.
_ACKS_LEN = const(128)
# Arrived QoS 2 messages whose PUBREL is outstanding. A hub that has more under way is cut off.
_HELD = const(32)


# Where packet_id stands in the first length entries of ids; -1 if it does not.
def _find(ids, length, packet_id):
    for i in range(length):
        if ids[i] == packet_id:
            return i
    return -1


# Takes packet_id out of them, keeping the order of the others; returns how many are left.
def _remove(ids, length, packet_id):
    at = _find(ids, length, packet_id)
    if at < 0:
        return length
    for i in range(at, length - 1):
        ids[i] = ids[i + 1]
    return length - 1


class Session:
    """outbox: an Outbox. rx_len: longest packet body kept, bytes. unacked_max_len: bytes in flight."""

    def __init__(self, outbox, rx_len=limits.RX_LEN, window=limits.WINDOW, unacked_max_len=65535):
        self.outbox = outbox
        self.on_message = None  # f(message)
        self.on_ack = None  # f(packet_id): a QoS 1 or 2 message is delivered for good
        self.on_suback = None  # f(packet_id, index, code): for each filter; code 128 is a refusal
        self.on_unsuback = None  # f(packet_id)
        self.paused = False  # set by the owner: leave the outbox alone for now
        self.oversized = 0  # messages not delivered because they are longer than rx_len
        self.reader = Reader(rx_len)
        self._rx_len = rx_len
        self._message = Message(self.reader.body)
        self._control = bytearray(limits.CONTROL_LEN)
        self._rel = bytearray(4)  # the PUBREL that goes out
        self._acks = bytearray(_ACKS_LEN)  # the packets that are owed, _acks_len bytes of them
        self._held = array("H", [0] * _HELD)  # packet ids of QoS 2 messages delivered, not yet released
        self._window = window
        self._ids = array("H", [0] * window)  # packet id of each message in flight, 0: free
        self._records = array("H", [0] * window)  # its record in the outbox
        self._times = array("i", [0] * window)  # when it was sent
        # QoS 2 messages that the hub has (PUBREC), in that order; PUBREL was sent for the first _rels_sent.
        self._rels = array("H", [0] * window)
        self._unacked_max_len = unacked_max_len
        self._last_id = 0
        self._forget_qos2()
        self._reset()

    # -- connection --------------------------------------------------------------------------

    # Begins a connection over a new byte stream. client_id, user, password: bytes (the last two or
    # None); will: None or (topic, payload, qos, retain). Raises ValueError if it does not fit.
    def connect(self, now_ms, client_id, user, password, keepalive_s, clean, will):
        self.close()
        length = packets.connect_len(client_id, user, password, will)[0]
        self._check_fits("CONNECT", length)
        packets.put_connect(self._control, client_id, user, password, keepalive_s, clean, will)
        self._control_len = length
        self._quiet_ms = keepalive_s * 500 - 1 if keepalive_s else _MASK
        self.state = CONNECTING
        self._rx_ms = self._tx_ms = self._wait_ms = now_ms

    # Forgets the connection, not the session: the outbox will send again what was not acknowledged,
    # and QoS 2 handshakes go on if the hub says that it has the session too.
    def close(self):
        if self.state != IDLE and self.connack_code < 0 and not self._control_len:
            self._in_doubt = True
        self.outbox.rewind()
        self._reset()

    def _forget_qos2(self):
        # A CONNECT was not answered. If the hub began a session with it, the next one finds that session, and
        # packet ids that are held from the one before stand for new messages: those come without DUP.
        self._in_doubt = False
        self._held_len = 0
        self._rels_len = 0

    def _reset(self):
        self.state = IDLE
        self.error = None
        self.connack_code = -1
        self.session_present = False
        self.reader.reset()
        self._name(self._control, 0, 0)
        self._loose = -1  # the same while tx names it, if it is of QoS 0
        self._control_len = 0
        self._acks_len = 0
        self._waits_for = 0  # CONNACK aside: SUBACK or UNSUBACK, for packet _wait_id, since _wait_ms
        self._wait_id = 0
        self.asked_id = 0  # of the request that is not acknowledged, made at _asked_ms
        self._pinging = False  # since _ping_ms
        self._want_ping = False
        self._unacked_len = 0  # QoS 1 bytes in flight, with what records cost
        # The same of QoS 0 and of acknowledgements, since the last answered ping: only that answers for them.
        self._loose_len = 0
        self.credit = self._granted = 0  # what is left of what was granted
        self._pinged_len = 0  # those of them that the ping under way will answer for
        self.in_flight = self._rels_len  # messages whose handshake is under way
        self._rels_sent = 0
        self._rel_ms = 0  # since when the oldest of them, PUBREL sent, has not been answered
        self._quiet_ms = _MASK  # nothing may come, or go, for longer: less than half the keep-alive
        for i in range(self._window):
            self._ids[i] = 0

    def fail(self, reason):
        if self.state != DEAD:
            self.state = DEAD
            self.error = reason

    def _check_fits(self, what, length):
        if length > len(self._control):
            raise ValueError("%s of %d bytes, expected at most %d" % (what, length, len(self._control)))

    # Has the whole CONNECT been written (so, over TLS, is the handshake done)?
    def connect_sent(self):
        return not self._control_len or self.state != CONNECTING

    # -- what the owner asks for -------------------------------------------------------------

    # SUBSCRIBE or UNSUBSCRIBE (kind) with a list of (filter bytes, qos). Returns the packet id, 0
    # while that cannot be sent yet.
    def subscribe(self, kind, filters, now_ms):
        self.check_filters(kind, filters)
        if self.state != UP or self._waits_for or self._control_len:
            return 0
        self._wait_id = self._new_id()
        self._waits_for = packets.SUBACK if kind == packets.SUBSCRIBE else packets.UNSUBACK
        self._wait_len = 2 + (len(filters) if kind == packets.SUBSCRIBE else 0)
        self._wait_ms = now_ms
        self._message.expect(filters)
        self._control_len = packets.put_subscribe(self._control, kind, self._wait_id, filters)
        return self._wait_id

    # Raises ValueError if such a packet is too long.
    def check_filters(self, kind, filters):
        self._check_fits("SUBSCRIBE", packets.subscribe_len(kind, filters)[0])

    # A QoS 0 message that overtakes the outbox (presence). False while it cannot be sent yet.
    def announce(self, topic, payload, retain):
        self._check_fits("PUBLISH", packets.publish_len(len(topic), len(payload), 0))
        if self.state != UP or self._control_len:
            return False
        control = self._control
        self._control_len = packets.put_publish(control, 0, topic, payload, 0, retain, len(control))
        return True

    # A QoS 1 message past the outbox: a request, one at a time. on_ack tells when the hub has taken it, if it
    # does; one that the connection ends under is forgotten. Returns the packet id, 0 while it cannot be sent.
    def ask(self, topic, payload, now_ms, retain=False):
        self.check_request(topic, payload)
        if self.state != UP or self._control_len or self.asked_id:
            return 0
        control = self._control
        self.asked_id = self._new_id()
        self._asked_ms = now_ms
        self._control_len = packets.put_publish(control, 0, topic, payload, 1, retain, len(control))
        packets.set_publish_id(control, 0, self.asked_id, False)
        return self.asked_id

    # Raises ValueError if ask() could never send it.
    def check_request(self, topic, payload):
        self._check_fits("PUBLISH", packets.publish_len(len(topic), len(payload), 1))

    # The hub will not acknowledge the message of this packet id (0: none), or those on the topics of this
    # filter (bytes): they are over. Returns how many of the outbox.
    def refused(self, what):
        count = 0
        if what and what == self.asked_id:
            self.asked_id = 0
        for slot in range(self._window):
            packet_id = self._ids[slot]
            if packet_id and (what == packet_id or self._is_on(slot, what)):
                if not self.tx_len or self._records[slot] != self._writing:
                    self._leave(slot)
                    self._delivered(packet_id)
                    count += 1
        return count

    def _is_on(self, slot, what):
        if not isinstance(what, bytes):
            return False
        buf, packet = self.outbox.buf, self._records[slot] + HEAD_LEN
        at, end = packets.publish_topic_at(buf, packet), packets.publish_topic_end(buf, packet)
        return packets.matches(what, buf, at, end)

    # Asks the hub for a sign of life, whatever the keep-alive says.
    def ping(self):
        self._want_ping = True

    # Has a ping been asked for, or sent, that is not answered yet?
    def is_pinging(self):
        return self._want_ping or self._pinging

    # DISCONNECT as the last packet: the hub then drops the will (3.14). False: not connected, or
    # in the middle of another packet, whose end the hub would miss.
    def disconnect(self):
        if self.state != UP or self.tx_len:
            return False
        self.fail("disconnected")
        self._name(packets.DISCONNECT_PACKET, 0, 2)
        return True

    # -- bytes out ---------------------------------------------------------------------------

    # Is there something to write? Then tx_buf, tx_at, tx_len name it.
    def tx(self, now_ms):  # noqa: C901 - the order of what goes out, in one place
        if self.tx_len:
            return True
        if self.state != UP and (self.state != CONNECTING or not self._control_len):
            return False
        if self._granted:
            self.settle()
        self._offer_ms = now_ms
        if self._control_len:
            self._name(self._control, 0, self._control_len)
        elif self._acks_len and not self._must_hold_acks():
            self._loose_len += self._acks_len + RECORD_COST_LEN
            self._name(self._acks, 0, self._acks_len)
        elif self._rels_sent < self._rels_len:
            self._name_rel(now_ms)
        # A ping is due when nothing came, or nothing went, for half the keep-alive, and when what only
        # PINGRESP acknowledges fills half of what may be unacknowledged, or keeps acknowledgements back.
        elif not self._pinging and (
            self._want_ping
            or self._acks_len
            or self._loose_len * 2 > self._unacked_max_len
            or (now_ms - self._rx_ms) & _MASK > self._quiet_ms
            or (now_ms - self._tx_ms) & _MASK > self._quiet_ms
        ):
            self._name_ping(now_ms)
        elif self.paused:
            return False
        elif self.outbox.waiting:
            if self._name_record(now_ms) and not self._pinging:
                self._name_ping(now_ms)
        else:
            room_len = self._unacked_max_len - self._unacked_len - self._loose_len
            self.credit = self._granted = max(0, room_len)
            return False
        return self.tx_len > 0

    # Takes the credit back, and counts what was used of it.
    def settle(self):
        self._loose_len += self._granted - self.credit
        self.credit = self._granted = 0

    # As if tx had named these bytes: the owner, using credit, could not write them all.
    def name(self, buf, at, length, now_ms):
        self._offer_ms = now_ms
        self._name(buf, at, length)

    # n bytes of what tx named were written.
    def sent(self, n, now_ms):
        self._tx_ms = self._offer_ms = now_ms
        self.tx_len -= n
        if self.tx_len:
            self.tx_at += n
        elif self._loose >= 0:
            self.outbox.done(self._loose)
            self._loose = -1
        elif self.tx_buf is self._acks:
            self._acks_sent(self.tx_at + n)
        elif self.tx_buf is self._control:
            self._control_len = 0
            if self._control[0] & 0xF0 != packets.PUBLISH:
                self._wait_ms = now_ms

    def _name(self, buf, at, length):
        self._writing = -1  # the record that tx names
        self.tx_buf = buf
        self.tx_at = at
        self.tx_len = length

    # All that are owed go in one record. When that is too much unacknowledged, they wait for more; as many as
    # can be owed wait for nothing, for what makes room is still to be read.
    def _must_hold_acks(self):
        used = self._unacked_len + self._loose_len
        cost = self._acks_len + RECORD_COST_LEN
        return used and used + cost > self._unacked_max_len and self._acks_len < _ACKS_LEN

    # The first length bytes were: what came to be owed meanwhile is next.
    def _acks_sent(self, length):
        acks = self._acks
        for i in range(length, self._acks_len):
            acks[i - length] = acks[i]
        self._acks_len -= length

    def _owe(self, kind, packet_id):
        self._acks_len = packets.put_ack(self._acks, self._acks_len, kind, packet_id)

    def _name_rel(self, now_ms):
        packets.put_ack(self._rel, 0, packets.PUBREL, self._rels[self._rels_sent])
        if not self._rels_sent:
            self._rel_ms = now_ms
        self._rels_sent += 1
        self._name(self._rel, 0, 4)

    def _name_ping(self, now_ms):
        self._want_ping = False
        self._pinging = True
        self._ping_ms = now_ms
        self._pinged_len = self._loose_len
        self._name(packets.PINGREQ_PACKET, 0, 2)

    # Names the next message, if it may go. True if only a ping's answer can make room for it.
    def _name_record(self, now_ms):
        outbox = self.outbox
        buf = outbox.buf
        record = outbox.peek()
        at = record + HEAD_LEN
        length = buf[record] | buf[record + 1] << 8
        cost = length + RECORD_COST_LEN
        used = self._unacked_len + self._loose_len
        if used and used + cost > self._unacked_max_len:
            return self._loose_len > 0 and not self._unacked_len
        if buf[at] & 6:  # QoS 1 or 2
            if self.in_flight == self._window:
                return False
            self._track(record, at, now_ms)
            self._unacked_len += cost
        else:
            self._loose_len += cost
            self._loose = record
        outbox.sent(record)
        self._writing = record
        self.tx_buf = buf
        self.tx_at = at
        self.tx_len = length
        return False

    # A message that was sent before goes out under its old packet id, as a duplicate, if the hub has
    # kept the session; else it is a new message to the hub (3.3.1.1, 4.4).
    def _track(self, record, at, now_ms):
        outbox = self.outbox
        again = outbox.is_again(record)
        packet_id = packets.publish_id(outbox.buf, at) if again else self._new_id()
        slot = self._slot(0)
        self._ids[slot] = packet_id
        self._records[slot] = record
        self._times[slot] = now_ms
        self.in_flight += 1
        packets.set_publish_id(outbox.buf, at, packet_id, again)

    # Which slot holds this packet id (0: a free one); -1 if none does.
    def _slot(self, packet_id):
        return _find(self._ids, self._window, packet_id)

    # 1..65535, none that is in use (2.3.1).
    def _new_id(self):
        while True:
            self._last_id = self._last_id % 65535 + 1
            if not self._is_used(self._last_id):
                return self._last_id

    def _is_used(self, packet_id):
        return (
            packet_id == self._wait_id
            or packet_id == self.asked_id
            or (self.in_flight and self._slot(packet_id) >= 0)
            or _find(self._rels, self._rels_len, packet_id) >= 0
            or self.outbox.holds_id(packet_id)
        )

    # -- bytes in ----------------------------------------------------------------------------

    # False while more acknowledgements are owed than can be remembered.
    def may_read(self):
        return self._acks_len < _ACKS_LEN and (self.state == UP or self.state == CONNECTING)

    # n > 0 bytes were read into reader.into. Handlers run from here; what they raise comes out of
    # here, with the session in order (the message counts as delivered). True at the end of a packet.
    def received(self, n, now_ms):
        if self.reader.received(n):
            self._rx_ms = now_ms  # only now: garbage that looks like a long packet's head is no sign of life
            self._packet(self.reader.first, self.reader.length)
            return True
        if self.reader.error:
            self.fail(self.reader.error)
        return False

    def _packet(self, first, length):
        kind = first & 0xF0
        if self.state == CONNECTING:
            self._connack(first, length)
        elif kind == packets.PUBLISH:
            self._publish(first, length)
        elif first & 15 != (2 if kind == packets.PUBREL else 0):
            self.fail("bad_flags")
        elif self.reader.cut:
            self.fail("packet_too_long")
        elif packets.PUBACK <= kind <= packets.PUBCOMP:
            self._handshake(kind, length)
        elif kind == packets.PINGRESP:
            self._pingresp(length)
        elif kind == packets.SUBACK or kind == packets.UNSUBACK:
            self._suback(kind, length)
        else:
            self.fail("unexpected_packet")

    def _connack(self, first, length):
        body = self.reader.body
        if first != packets.CONNACK or length != 2 or body[0] > 1 or (body[0] and body[1]):
            self.fail("bad_connack")
            return
        self.connack_code = body[1]
        self.session_present = body[0] == 1
        if body[1]:
            self.fail("refused")
            return
        self.state = UP
        if not self.session_present:
            self.outbox.forget_ids()
            self._forget_qos2()
            self.in_flight = 0

    def _publish(self, first, length):
        message = self._message
        error = message.parse(first, length, self._rx_len if self.reader.cut else length)
        if error:
            self.fail(error)
            return
        if message.qos == 1:
            self._owe(packets.PUBACK, message.packet_id)
        elif message.qos == 2:
            is_held = _find(self._held, self._held_len, message.packet_id) >= 0
            if not is_held:
                if self._held_len == _HELD:
                    self.fail("too_many_qos2")
                    return
                self._held[self._held_len] = message.packet_id
                self._held_len += 1
            self._owe(packets.PUBREC, message.packet_id)
            if is_held and (message.dup or not self._in_doubt):  # delivered before
                return
        # A message too long for the buffer is acknowledged, or it would come again for ever.
        if self.reader.cut:
            self.oversized += 1
        elif self.on_message:
            self.on_message(message)

    # PUBACK, PUBREC, PUBREL, PUBCOMP.
    def _handshake(self, kind, length):
        packet_id = packets.get_u16(self.reader.body, 0)
        if length != 2 or not packet_id:
            self.fail("bad_ack")
        elif kind == packets.PUBREL:
            self._held_len = _remove(self._held, self._held_len, packet_id)
            self._owe(packets.PUBCOMP, packet_id)
        elif kind == packets.PUBCOMP:
            self._pubcomp(packet_id)
        else:
            self._received_by_hub(kind, packet_id)

    # The hub has a message: with PUBACK that is all, with PUBREC the second half begins. Answers to
    # what is not in flight are second answers to what was sent twice.
    def _received_by_hub(self, kind, packet_id):
        slot = self._slot(packet_id)
        if slot < 0:
            if packet_id == self.asked_id and kind == packets.PUBACK:
                self.asked_id = 0
                self._told(packet_id)
            return
        record = self._records[slot]
        qos = self.outbox.buf[record + HEAD_LEN] >> 1 & 3
        # No honest hub acknowledges what it has not got whole, or the wrong way.
        if qos != (1 if kind == packets.PUBACK else 2) or (self.tx_len and record == self._writing):
            self.fail("bad_ack")
            return
        self._leave(slot)
        if qos == 2:
            self._rels[self._rels_len] = packet_id
            self._rels_len += 1
        else:
            self._delivered(packet_id)

    # The message in this slot is not in flight any more.
    def _leave(self, slot):
        record = self._records[slot]
        self._ids[slot] = 0
        self._unacked_len -= self.outbox.packet_len(record) + RECORD_COST_LEN
        self.outbox.done(record)

    def _pubcomp(self, packet_id):
        at = _find(self._rels, self._rels_len, packet_id)
        if 0 <= at < self._rels_sent:
            if at == 0:
                self._rel_ms = self._rx_ms
            self._rels_len = _remove(self._rels, self._rels_len, packet_id)
            self._rels_sent -= 1
            self._delivered(packet_id)

    def _delivered(self, packet_id):
        self.in_flight -= 1
        self._told(packet_id)

    def _told(self, packet_id):
        if self.on_ack:
            self.on_ack(packet_id)

    def _pingresp(self, length):
        if length:
            self.fail("bad_pingresp")
            return
        self._pinging = False
        self._loose_len -= self._pinged_len
        self._pinged_len = 0

    def _suback(self, kind, length):
        body = self.reader.body
        if kind != self._waits_for or length != self._wait_len or packets.get_u16(body, 0) != self._wait_id:
            self.fail("bad_suback")
            return
        for i in range(2, length):  # a code for each filter, in order (3.9.3)
            if body[i] > 2 and body[i] != 128:
                self.fail("bad_suback")
                return
        packet_id = self._wait_id
        self._waits_for = self._wait_id = 0
        if kind == packets.UNSUBACK:
            if self.on_unsuback:
                self.on_unsuback(packet_id)
            return
        if self.on_suback:
            for i in range(2, length):
                self.on_suback(packet_id, i - 2, body[i])

    # -- time --------------------------------------------------------------------------------

    # Fails the session when a deadline has passed. Returns milliseconds until the next deadline or
    # ping; a very large number when there is none.
    def check(self, now_ms):  # noqa: C901 - one line for each deadline
        left = ticks.MASK >> 2
        if self.state == CONNECTING:
            if not self._control_len:
                left = self._deadline("connack_timeout", self._wait_ms, limits.CONNACK_MS, left, now_ms)
            return left
        if self.state != UP:
            return left
        if self.tx_len:
            left = self._deadline("write_timeout", self._offer_ms, limits.WRITE_MS, left, now_ms)
        if self._waits_for:
            left = self._deadline("suback_timeout", self._wait_ms, limits.SUBACK_MS, left, now_ms)
        if self._pinging:
            left = self._deadline("ping_timeout", self._ping_ms, limits.PING_REPLY_MS, left, now_ms)
        else:
            idle_ms = max(ticks.diff(now_ms, self._rx_ms), ticks.diff(now_ms, self._tx_ms))
            left = min(left, max(0, self._quiet_ms + 1 - idle_ms))
        if self.asked_id:
            left = self._deadline("puback_timeout", self._asked_ms, limits.PUBACK_MS, left, now_ms)
        if self._rels_sent:
            left = self._deadline("pubcomp_timeout", self._rel_ms, limits.PUBACK_MS, left, now_ms)
        if self.in_flight:
            for i in range(self._window):
                if self._ids[i]:
                    left = self._deadline("puback_timeout", self._times[i], limits.PUBACK_MS, left, now_ms)
        return left

    def _deadline(self, reason, since_ms, limit_ms, left, now_ms):
        due = limit_ms - ticks.diff(now_ms, since_ms)
        if due <= 0:
            self.fail(reason)
            return 0
        return min(left, due)
