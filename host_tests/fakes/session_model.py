"""A Session next to a slow model of what MQTT 3.1.1 and session.py promise, compared byte by byte.

The model reads every packet of both sides with `codec`, remembers everything, and derives the rest each
time it is asked. What goes out must be allowed then; what must go out must not wait; what handlers are
told, and the counts that the session shows, must be what the packets amount to.
"""

from host_tests.shim import install

from . import codec
from .publishing_model import Publishing, passed_ms

with install():
    from hublink import limits
    from hublink.protocol.session import CONNECTING, DEAD, UP

TICKS = 1 << 30
FOREVER_MS = (TICKS - 1) >> 2  # what check() answers when there is no deadline
EVERYTHING = 1 << 20
_ANSWERS = (codec.PUBACK, codec.PUBREC, codec.PUBCOMP)  # to what the hub sends
_ANSWERS_MAX, _ANSWER_LEN = 32, 4
HELD_MAX = 32  # QoS 2 messages of the hub that may wait for their release


class SessionModel:
    """Owner of a Session: all that reaches it and leaves it goes through here.

    Attributes:
        up: whether the hub has accepted the connection, and it has not ended.
        publishing: Publishing, all that concerns our messages.
        told: (name of the handler, what it was told ...).
        oversized: how many were too long for it.
        lost: payloads that the outbox has dropped.
    """

    def __init__(self, session, rx_len, window, unacked_max_len):
        self.session = session
        self.rx_len = rx_len
        self.publishing = Publishing(window, unacked_max_len)
        self.told, self.lost = [], []
        self.oversized = 0
        self._told = []  # what handlers were told, and
        self._to_tell = []  # what they must have been told
        self._held = set()  # ids of the hub's QoS 2 messages that are not released
        # Methods, so that a copy of the model belongs to the copy of its session.
        session.on_message, session.on_ack = self._on_message, self._on_ack
        session.on_suback, session.on_unsuback = self._on_suback, self._on_unsuback
        self._begin()

    def _on_message(self, m):
        self._told.append(("message", m.topic(), m.payload(), m.qos, m.packet_id, m.dup, m.retain))

    def _on_ack(self, packet_id):
        self._told.append(("ack", packet_id))

    def _on_suback(self, packet_id, index, code):
        self._told.append(("suback", packet_id, index, code))

    def _on_unsuback(self, packet_id):
        self._told.append(("unsuback", packet_id))

    # A connection begins, or there is none.
    def _begin(self):
        self.publishing.begin()
        self._from_session = codec.Decoder()
        self._from_hub = codec.Decoder(from_server=True)
        self._writing = None  # the packet that tx named last,
        self._left = b""  # what of it was not taken,
        self._writing_control = False  # and whether it is such a packet:
        self.up = False
        self._control = None  # kind of the packet of ours that is to be written before all others
        self._asked = None  # (kind, packet id, filters) that an answer is awaited for, and
        self._asked_ms = 0  # since when
        self._owed = []  # (kind, packet id)
        self._ping_wanted = self._pinging = False

    @property
    def heard(self):
        """Payloads that on_message was told."""
        return [each[2] for each in self.told if each[0] == "message"]

    @property
    def writing_id(self):
        """Packet id of the message that is half written; 0 if none is."""
        return self._writing.packet_id if self._left and self._writing.kind == codec.PUBLISH else 0

    # -- the owner's calls ---------------------------------------------------------------------

    def connect(self, now_ms, keepalive_s=0, clean=False):
        self.session.connect(now_ms, b"d", None, None, keepalive_s, clean, None)
        self._begin()
        self._control = codec.CONNECT
        self._half_ms = keepalive_s * 500
        self._rx_ms = self._tx_ms = self._asked_ms = now_ms
        self.agree()

    def put(self, payload, qos, retain=False, topic="t"):
        """Returns whether the outbox took it."""
        outbox = self.session.outbox
        before = outbox.dropped
        kept = outbox.put(topic.encode(), payload, qos, retain)
        self.lost += self.publishing.drop(outbox.dropped - before - (not kept), kept)
        if kept:
            self.publishing.put(topic, payload, qos, retain)
        else:
            self.lost.append(payload)
        self.agree()
        return kept

    def subscribe(self, kind, filters, now_ms):
        """kind: as in codec. Returns whether it was begun."""
        packet_id = self.session.subscribe(kind << 4, [(text.encode(), qos) for text, qos in filters], now_ms)
        assert bool(packet_id) == (self.up and self._control is None and self._asked is None)
        if packet_id:
            assert packet_id not in self.publishing.used_ids(), "an id that is in use"
            self._control = kind
            self._asked, self._asked_ms = (kind, packet_id, filters), now_ms
        return bool(packet_id)

    def announce(self, payload):
        begun = self.session.announce(b"s", payload, False)
        assert begun == (self.up and self._control is None)
        if begun:
            self._control = codec.PUBLISH

    def ping(self):
        self.session.ping()
        self._ping_wanted = True

    def disconnect(self):
        """Returns whether it says goodbye."""
        begun = self.session.disconnect()
        assert begun == (self.up and not self._left)
        if begun:
            self.up, self._control = False, codec.DISCONNECT
        return begun

    # -- bytes out -----------------------------------------------------------------------------

    def take(self, now_ms, limit_len=EVERYTHING):
        """What the socket takes: at most so many bytes. It is offered the next ones, too."""
        session, out = self.session, b""
        while session.tx(now_ms):
            offered = bytes(session.tx_buf[session.tx_at : session.tx_at + session.tx_len])
            if self._left:
                assert offered == self._left, "other bytes than were refused"
            else:
                self._offer_ms = now_ms
                self._offered(list(self._from_session.packets(offered)), now_ms)
            n = min(len(offered), limit_len - len(out))
            self._left = offered[n:]
            if n:
                session.sent(n, now_ms)
                self._tx_ms = self._offer_ms = now_ms
                out += offered[:n]
            if self._left:
                break
            self._taken(now_ms)
        else:
            self._may_be_silent(now_ms)
        self.agree()
        return out

    # The session wants to write these packets in one go. Raises AssertionError unless it may.
    def _offered(self, packets, now_ms):
        self._writing = packets[0]
        self._writing_control = self._control is not None
        if self._writing.kind in _ANSWERS and not self._writing_control:
            assert self.up
            answers = [(packet.kind, packet.packet_id) for packet in packets]
            assert answers == self._owed, "not what is owed, or not in order (4.6)"
            assert not self._must_hold(len(answers)), "more than may be unacknowledged"
            self._owed.clear()
            self.publishing.answered(_ANSWER_LEN * len(answers))
        else:
            (packet,) = packets
            self._named(packet, now_ms)

    def _must_hold(self, answers):
        return answers < _ANSWERS_MAX and not self.publishing.has_room(_ANSWER_LEN * answers)

    def _named(self, packet, now_ms):
        kind = packet.kind
        if self._writing_control:
            assert kind == self._control, "it overtakes what was asked for"
            if kind in (codec.SUBSCRIBE, codec.UNSUBSCRIBE):
                filters = [(text, qos if kind == codec.SUBSCRIBE else 0) for text, qos in self._asked[2]]
                assert (kind, packet.packet_id, packet.filters) == (*self._asked[:2], filters)
            return
        assert self.up
        if kind == codec.PUBLISH:
            assert not self.session.paused
            self.publishing.named(packet, now_ms, self._asked and self._asked[1])
        elif kind == codec.PINGREQ:
            assert not self._pinging, "a second ping"
            self._pinging, self._ping_wanted = True, False
            self._ping_ms = now_ms
            self.publishing.pinged()
        else:
            assert kind == codec.PUBREL
            self.publishing.named_release(packet.packet_id, now_ms)

    # All of it was taken.
    def _taken(self, now_ms):
        if self._writing_control:
            if self._control != codec.PUBLISH:
                self._asked_ms = now_ms
            self._control = None
        elif self._writing.kind == codec.PUBLISH and not self._writing.qos:
            self.publishing.written()

    # Nothing more is written: is there nothing that should be?
    def _may_be_silent(self, now_ms):
        if not self.up:
            return
        assert self._control is None
        held = self._owed and self._must_hold(len(self._owed))
        assert not self._owed or (held and self._pinging), "an answer is owed"
        assert self._pinging or not self._ping_wanted
        assert self._pinging or self._silence_left_ms(now_ms) > 0, "the keep-alive"
        self.publishing.may_be_silent(self._pinging, self.session.paused)

    # -- bytes in ------------------------------------------------------------------------------

    def give(self, data, now_ms, sizes=(EVERYTHING,)):
        """Bytes that the hub wrote, in pieces of the sizes in turn. Returns how many were read."""
        session, at, turn = self.session, 0, 0
        while at < len(data) and session.may_read():
            n = min(session.reader.want, sizes[turn % len(sizes)], len(data) - at)
            assert 0 < n <= len(session.reader.into)
            piece = data[at : at + n]
            session.reader.into[:n] = piece
            at += n
            turn += 1
            session.received(n, now_ms)
            self._reached(piece, now_ms)
        self.agree()
        return at

    def _reached(self, piece, now_ms):
        try:
            for packet in self._from_hub.packets(piece):
                self._read(packet, now_ms)
        except codec.Violation as violation:
            self.up, self._control = False, None
            assert self.session.state == DEAD, f"it bears with the hub: {violation}"
            assert self.session.error, violation
        self._compare_told()

    def _compare_told(self):
        assert self._told == self._to_tell
        self.told += self._told
        self._told.clear()
        self._to_tell.clear()

    # Raises Violation where the session must drop the link.
    def _read(self, packet, now_ms):
        self._rx_ms = now_ms
        kind, packet_id = packet.kind, packet.packet_id
        if (kind == codec.CONNACK) == self.up:
            raise codec.Violation("CONNACK comes first, and once (3.2)")
        if kind == codec.CONNACK:
            self._connected(packet)
        elif kind == codec.PUBLISH:
            self._hear(packet)
        elif kind in (codec.PUBACK, codec.PUBREC):
            self._tell_ack(self.publishing.acknowledged(kind, packet_id, self.writing_id))
        elif kind == codec.PUBREL:
            self._held.discard(packet_id)
            self._owed.append((codec.PUBCOMP, packet_id))
        elif kind == codec.PUBCOMP:
            self._tell_ack(self.publishing.completed(packet_id, now_ms))
        elif kind == codec.PINGRESP:
            self._pinging = False
            self.publishing.ponged()
        else:
            self._answered(packet)

    def _connected(self, packet):
        if packet.code:
            raise codec.Violation("refused")
        self.up = True
        if not packet.present:
            self.publishing.forget()
            self._held.clear()

    def _hear(self, packet):
        topic = packet.topic.encode()
        head_len = 2 + len(topic) + (2 if packet.qos else 0)
        if head_len > self.rx_len:
            raise codec.Violation("a topic longer than the buffer")
        if packet.qos:
            self._owed.append((codec.PUBACK if packet.qos == 1 else codec.PUBREC, packet.packet_id))
        if packet.qos == 2:
            if packet.packet_id in self._held:
                return
            if len(self._held) == HELD_MAX:
                raise codec.Violation("more than can be remembered")
            self._held.add(packet.packet_id)
        if head_len + len(packet.payload) > self.rx_len:
            self.oversized += 1
        else:
            self._to_tell.append(
                ("message", topic, packet.payload, packet.qos, packet.packet_id, packet.dup, packet.retain)
            )

    def _tell_ack(self, packet_id):
        if packet_id:
            self._to_tell.append(("ack", packet_id))

    def _answered(self, packet):
        kind, packet_id, filters = self._asked or (None, 0, [])
        expected = {codec.SUBSCRIBE: codec.SUBACK, codec.UNSUBSCRIBE: codec.UNSUBACK}.get(kind)
        if (packet.kind, packet.packet_id) != (expected, packet_id):
            raise codec.Violation("an answer to nothing that was asked")
        if packet.kind == codec.UNSUBACK:
            self._to_tell.append(("unsuback", packet_id))
        elif len(packet.codes) != len(filters):
            raise codec.Violation("codes for other filters (3.9.3)")
        self._to_tell += [("suback", packet_id, i, code) for i, code in enumerate(packet.codes)]
        self._asked = None

    # -- time ----------------------------------------------------------------------------------

    def check(self, now_ms):
        """Lets deadlines pass. Returns what the session answers."""
        due = self._deadlines(now_ms)
        was_dead = self.session.state == DEAD
        left_ms = self.session.check(now_ms)
        late = {reason for reason, due_ms in due if due_ms <= 0}
        if was_dead:
            pass
        elif late:
            assert (self.session.state, left_ms) == (DEAD, 0)
            assert self.session.error in late
            self.up, self._control = False, None
        else:
            assert self.session.state != DEAD, self.session.error
            quiet_ms = [max(0, self._silence_left_ms(now_ms))] if self.up and not self._pinging else []
            assert left_ms == min([due_ms for _, due_ms in due] + quiet_ms + [FOREVER_MS])
        return left_ms

    # (its name, ms left) of each.
    def _deadlines(self, now_ms):
        since = []
        if self._control is None and self.session.state == CONNECTING:
            since = [("connack_timeout", self._asked_ms, limits.CONNACK_MS)]
        if self.up:
            since = self.publishing.deadlines()
            if self._left:
                since.append(("write_timeout", self._offer_ms, limits.WRITE_MS))
            if self._asked:
                since.append(("suback_timeout", self._asked_ms, limits.SUBACK_MS))
            if self._pinging:
                since.append(("ping_timeout", self._ping_ms, limits.PING_REPLY_MS))
        return [(name, limit_ms - passed_ms(now_ms, since_ms)) for name, since_ms, limit_ms in since]

    # Until a ping is due: half the keep-alive without a byte to the hub, or without a packet from it.
    def _silence_left_ms(self, now_ms):
        if not self._half_ms:
            return TICKS
        return self._half_ms - max(passed_ms(now_ms, self._rx_ms), passed_ms(now_ms, self._tx_ms))

    # -- comparison ----------------------------------------------------------------------------

    def agree(self):
        """Raises AssertionError where the session shows something else than the model."""
        session = self.session
        self._compare_told()
        assert session.outbox.count == len(self.publishing.messages)
        assert session.oversized == self.oversized
        if self.up:
            assert session.state == UP, session.error
            assert session.in_flight == self.publishing.in_flight()
            assert session.outbox.waiting == len(self.publishing.waiting())
