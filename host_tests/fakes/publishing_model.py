"""What a client may do with the messages that it publishes: MQTT 3.1.1, and the bounds of session.py.

A slow model: everything is a list of messages, and the rest is derived from it each time it is asked.
"""

from dataclasses import dataclass

from host_tests.shim import install

from . import codec

with install():
    from hublink import limits

TICKS = 1 << 30
_ANSWER = {codec.PUBACK: 1, codec.PUBREC: 2}  # to a message of this QoS


def passed_ms(now_ms, since_ms):
    return (now_ms - since_ms) % TICKS


@dataclass(eq=False)
class Message:
    """What the outbox holds; packet_id means something once it was named."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    packet_id: int = 0
    named_ms: int = -1  # on this connection
    again: bool = False  # named on an earlier one, of the same session

    def packet_len(self):
        return len(codec.publish(self.topic, self.payload, self.qos, 1))

    def cost(self):
        return self.packet_len() + limits.RECORD_COST_LEN


class Publishing:
    """The messages of one client.

    Attributes:
        messages: those that the outbox holds, oldest first.
        releases: [packet id, PUBREL was named on this connection] of QoS 2 messages that the hub has.
    """

    def __init__(self, window, unacked_max_len):
        self.messages, self.releases = [], []
        self._window, self._unacked_max_len = window, unacked_max_len
        self.begin()

    def begin(self):
        """A connection begins."""
        for message in self.messages:
            message.again = message.again or message.named_ms >= 0
            message.named_ms = -1
        for release in self.releases:
            release[1] = False
        self._loose_len = self._pinged_len = 0  # QoS 0 and answers that no PINGRESP has answered for

    def forget(self):
        """The hub has a new session."""
        for message in self.messages:
            message.again = False
        self.releases.clear()

    # -- the outbox ----------------------------------------------------------------------------

    def put(self, *fields):
        self.messages.append(Message(*fields))

    # Not what was sent, nor what the hub may hold until it is sent again (4.4).
    def _may_drop(self, message):
        return message.named_ms < 0 and not (message.again and message.qos == 2)

    def drop(self, count, enough):
        """The oldest are dropped, if that was enough, or else all that may be. Returns their payloads."""
        gone, self.messages = self.messages[:count], self.messages[count:]
        assert all(self._may_drop(message) for message in gone), "dropped in flight"
        assert enough or not self._may_drop(self.messages[0]), "there was something to drop"
        return [message.payload for message in gone]

    def waiting(self):
        return [message for message in self.messages if message.named_ms < 0]

    # -- bounds --------------------------------------------------------------------------------

    def in_flight(self):
        return len(self._unacknowledged()) + len(self.releases)

    def _unacknowledged(self):
        return [message for message in self.messages if message.qos and message.named_ms >= 0]

    def _unacked_len(self):
        return sum(message.cost() for message in self._unacknowledged())

    # What keeps the message from being sent; None if nothing does.
    def _why_not(self, message):
        if message.qos and self.in_flight() >= self._window:
            return "window"
        return None if self.has_room(message.packet_len()) else "bytes"

    def has_room(self, record_len):
        """Whether so long a record may join what is unacknowledged."""
        used_len = self._unacked_len() + self._loose_len
        return not used_len or used_len + record_len + limits.RECORD_COST_LEN <= self._unacked_max_len

    def used_ids(self):
        """Ids that no new exchange may have (2.3.1)."""
        used = {m.packet_id for m in self.messages if m.qos and (m.again or m.named_ms >= 0)}
        return used | {packet_id for packet_id, _ in self.releases} | {0}

    # -- what the session wants to write -------------------------------------------------------

    def named(self, packet, now_ms, asked_id):
        """PUBLISH; asked_id: that of a SUBSCRIBE or UNSUBSCRIBE under way."""
        message = self.waiting()[0]
        assert self._why_not(message) is None, "more than may be in flight"
        found = packet.topic, packet.payload, packet.qos, packet.retain
        assert found == (message.topic, message.payload, message.qos, message.retain), "out of order"
        assert packet.dup == bool(message.again and message.qos), "DUP (3.3.1.1)"
        if not message.qos:
            self._loose_len += message.cost()
        elif message.again:
            assert packet.packet_id == message.packet_id, "sent again under another id (4.4)"
        else:
            assert packet.packet_id not in self.used_ids() | {asked_id}, "an id that is in use"
            message.packet_id = packet.packet_id
        message.named_ms = now_ms

    def written(self):
        """A message of QoS 0 was, whole."""
        self.messages.remove(next(m for m in self.messages if m.named_ms >= 0 and not m.qos))

    def named_release(self, packet_id, now_ms):
        release = next(release for release in self.releases if not release[1])
        assert packet_id == release[0], "PUBREL out of order (4.6)"
        if release is self.releases[0]:
            self._release_ms = now_ms
        release[1] = True

    def answered(self, answers_len):
        """So many bytes of acknowledgements went, in one record."""
        self._loose_len += answers_len + limits.RECORD_COST_LEN

    def pinged(self):
        self._pinged_len = self._loose_len

    def may_be_silent(self, pinging, paused):
        """Raises AssertionError if there is something that should be written."""
        assert all(named for _, named in self.releases), "a PUBREL is to be sent"
        if self.waiting() and not paused:
            why = self._why_not(self.waiting()[0])
            assert why, "a message may go"
            assert why == "window" or self._unacked_len() or pinging, "nothing will ever make room"

    # -- what the hub has written ----------------------------------------------------------------

    def expects(self, kind, packet_id):
        """Whether an honest hub may send this acknowledgement now."""
        if kind == codec.PUBCOMP:
            return [packet_id, True] in self.releases
        return any((m.packet_id, m.qos) == (packet_id, _ANSWER[kind]) for m in self._unacknowledged())

    def acknowledged(self, kind, packet_id, writing_id):
        """PUBACK or PUBREC; writing_id: of a half-written message. Returns the id if it is delivered."""
        message = next((m for m in self._unacknowledged() if m.packet_id == packet_id), None)
        if message is None:
            return None
        if message.qos != _ANSWER[kind]:
            raise codec.Violation("the answer to another QoS (4.3)")
        if packet_id == writing_id:
            raise codec.Violation("an answer to what it has not got (4.3)")
        self.messages.remove(message)
        if kind == codec.PUBACK:
            return packet_id
        self.releases.append([packet_id, False])
        return None

    def completed(self, packet_id, now_ms):
        """PUBCOMP. Returns the id if it is delivered."""
        if [packet_id, True] not in self.releases:
            return None
        if self.releases[0][0] == packet_id:
            self._release_ms = now_ms
        self.releases.remove([packet_id, True])
        return packet_id

    def ponged(self):
        self._loose_len -= self._pinged_len
        self._pinged_len = 0

    def deadlines(self):
        """[(name, since when, how long)]."""
        found = [("puback_timeout", m.named_ms, limits.PUBACK_MS) for m in self._unacknowledged()]
        if any(named for _, named in self.releases):
            found.append(("pubcomp_timeout", self._release_ms, limits.PUBACK_MS))
        return found
