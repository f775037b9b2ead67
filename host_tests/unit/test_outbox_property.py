"""The outbox against a list: whatever is put, sent, finished and rewound, nothing is altered or lost."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from host_tests.shim import install

with install():
    from hublink.outbox import HEAD_LEN, Outbox
    from hublink.protocol import packets

QUEUED, SENT, DONE = "queued", "sent", "done"


def publish(topic, payload, qos, flags, packet_id):
    """A PUBLISH packet (MQTT 3.1.1, 3.3), written without the firmware's encoder."""
    body = len(topic).to_bytes(2, "big") + topic + (packet_id.to_bytes(2, "big") if qos else b"") + payload
    remaining, length = len(body), b""
    while remaining > 127:
        length += bytes([remaining % 128 | 128])
        remaining //= 128
    return bytes([0x30 | qos << 1 | flags]) + length + bytes([remaining]) + body


class Message:
    def __init__(self, number, topic, payload, qos, retain):
        self.fields = topic, payload, qos, retain
        self.number = number
        self.state = QUEUED
        self.record = -1
        self.packet_id = 0
        self.dup = False
        self.again = False  # sent before, and the session still knows

    # At QoS 2 the hub may hold what was sent before, until it is sent again.
    def may_be_dropped(self):
        return self.state == QUEUED and not (self.again and self.fields[2] == 2)

    def packet(self):
        topic, payload, qos, retain = self.fields
        return publish(topic, payload, qos, self.dup << 3 | retain, self.packet_id)


class OutboxAgainstList(RuleBasedStateMachine):
    @initialize(size_len=st.integers(64, 1000))
    def start(self, size_len):
        self.outbox = Outbox(size_len)
        self.messages = []  # that are not done, oldest first
        self.number = 0
        self.lost = 0

    def stored(self, record):
        at = record + HEAD_LEN
        return bytes(self.outbox.buf[at : at + self.outbox.packet_len(record)])

    def queued(self):
        return [m for m in self.messages if m.state == QUEUED]

    def in_flight(self):
        return [m for m in self.messages if m.state == SENT]

    @rule(
        topic_len=st.integers(1, 40),
        payload_len=st.one_of(st.integers(0, 30), st.integers(0, 300)),
        qos=st.integers(0, 2),
        retain=st.booleans(),
    )
    def put(self, topic_len, payload_len, qos, retain):
        self.number += 1
        # Bytes that differ from message to message and along each.
        payload = bytes((self.number * 31 + i * 7) % 256 for i in range(payload_len))
        new = Message(self.number, b"t" * topic_len, payload, qos, retain)
        length = len(new.packet())
        if length > len(self.outbox.buf) - HEAD_LEN:
            self.refuses(new)
            return
        before = self.outbox.dropped
        kept = self.outbox.put(*new.fields)
        self.lost += self.outbox.dropped - before
        # Only the oldest go, and none that is in flight.
        dropped = self.outbox.dropped - before - (not kept)
        gone, self.messages = self.messages[:dropped], self.messages[dropped:]
        assert all(m.may_be_dropped() for m in gone)
        if kept:
            self.messages.append(new)
        else:
            assert not self.messages[0].may_be_dropped()
            assert not self.has_room(length)

    # However the messages lie: half of what is neither used nor behind the longest record is in one piece.
    def has_room(self, length):
        longest = max((len(m.packet()) for m in self.messages), default=0)
        free = len(self.outbox.buf) - self.outbox.used_len - longest - HEAD_LEN
        return free > 2 * (length + HEAD_LEN)

    def refuses(self, new):
        try:
            self.outbox.put(*new.fields)
        except ValueError:
            # It is lost, and that is counted.
            self.lost += 1
            assert self.outbox.dropped == self.lost
        else:
            raise AssertionError("a message that can never fit was taken")

    @precondition(lambda self: self.queued())
    @rule(packet_id=st.integers(1, 65535))
    def send(self, packet_id):
        record = self.outbox.peek()
        message = self.queued()[0]
        assert self.stored(record) == message.packet()
        assert self.outbox.is_again(record) == message.again
        if message.fields[2]:
            message.dup = message.again
            message.packet_id = message.packet_id if message.again else packet_id
            at = record + HEAD_LEN
            packets.set_publish_id(self.outbox.buf, at, message.packet_id, message.dup)
            assert packets.publish_id(self.outbox.buf, at) == message.packet_id
        self.outbox.sent(record)
        message.state, message.record, message.again = SENT, record, False
        assert self.stored(record) == message.packet()

    @precondition(lambda self: self.in_flight())
    @rule(data=st.data())
    def finish(self, data):
        message = data.draw(st.sampled_from(self.in_flight()))
        self.outbox.done(message.record)
        self.messages.remove(message)

    @rule()
    def rewind(self):
        self.outbox.rewind()
        for message in self.messages:
            message.again = message.again or message.state == SENT
            message.state = QUEUED

    @rule()
    def forget_ids(self):
        self.outbox.forget_ids()
        for message in self.queued():
            message.again = False

    @rule(packet_id=st.integers(1, 65535))
    def ask_for_ids(self, packet_id):
        again = [m for m in self.queued() if m.again]
        held = {m.packet_id for m in again if m.fields[2]}
        # Where QoS 1 has its id, QoS 0 has the beginning of its payload.
        looks_like = {int.from_bytes(m.fields[1][:2], "big") for m in again if not m.fields[2]}
        for each in {packet_id, *held, *looks_like}:
            assert self.outbox.holds_id(each) == (each in held)

    @invariant()
    def counts_agree(self):
        if not hasattr(self, "outbox"):
            return
        assert self.outbox.count == len(self.messages)
        assert self.outbox.waiting == len(self.queued())
        assert self.outbox.dropped == self.lost
        assert (self.outbox.peek() >= 0) == bool(self.queued())
        assert sum(len(m.packet()) + HEAD_LEN for m in self.messages) <= self.outbox.used_len
        assert self.outbox.used_len <= len(self.outbox.buf)
        if not self.messages:
            assert self.outbox.used_len == 0

    @invariant()
    def what_is_in_flight_is_intact(self):
        for message in self.in_flight() if hasattr(self, "outbox") else ():
            assert self.stored(message.record) == message.packet()

    # Everything that is left comes out, whole and in order.
    def teardown(self):
        if not hasattr(self, "outbox"):
            return
        self.rewind()
        for message in self.messages:
            record = self.outbox.peek()
            assert self.stored(record) == message.packet()
            self.outbox.sent(record)
            self.outbox.done(record)
        assert self.outbox.peek() == -1
        assert self.outbox.used_len == 0


TestOutbox = OutboxAgainstList.TestCase
TestOutbox.settings = settings(
    max_examples=150, stateful_step_count=50, deadline=None, derandomize=True, database=None
)
