"""The session against code that others wrote and against a hub that loses connections.

Packets are read and made with amqtt, topics matched with paho-mqtt, UTF-8 judged by CPython: none of
them shares a line with the firmware.
"""

import asyncio

from amqtt.adapters import BufferReader
from amqtt.mqtt import packet_class
from amqtt.mqtt.packet import MQTTFixedHeader
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.suback import SubackPacket
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from paho.mqtt.client import topic_matches_sub

from host_tests.shim import install

with install():
    from hublink import limits
    from hublink.outbox import Outbox
    from hublink.protocol import packets
    from hublink.protocol.session import DEAD, UP, Session

RX_LEN = 128
TICKS = 1 << 30
# The same examples every time: a test that fails now and then tells nothing.
ONCE = settings(max_examples=150, deadline=None, derandomize=True, database=None)

letters = st.characters(exclude_categories=("Cs",), exclude_characters="\0+#")
topics = st.text(letters, min_size=1, max_size=20)
payloads = st.binary(max_size=60)
sizes = st.lists(st.integers(1, 40), min_size=1, max_size=5)


def decoded(data):
    """The packets in data, as amqtt reads them."""

    async def read_all():
        reader = BufferReader(data)
        found = []
        while header := await MQTTFixedHeader.from_stream(reader):
            found.append(await packet_class(header).from_stream(reader, fixed_header=header))
        return found

    return asyncio.run(read_all())


def feed(session, data, sizes, now_ms=0):
    """Gives the session data in pieces of the sizes, in turn."""
    at = turn = 0
    while at < len(data) and session.may_read():
        n = min(session.reader.want, sizes[turn % len(sizes)], len(data) - at)
        turn += 1
        session.reader.into[:n] = data[at : at + n]
        at += n
        session.received(n, now_ms)
    return at


def written(session, now_ms=0):
    out = b""
    while session.tx(now_ms):
        out += bytes(session.tx_buf[session.tx_at : session.tx_at + session.tx_len])
        session.sent(session.tx_len, now_ms)
    return out


def connected(outbox_len=4096, **options):
    session = Session(Outbox(outbox_len), RX_LEN, **options)
    session.connect(0, b"d", None, None, 60, True, None)
    written(session)
    feed(session, b"\x20\x02\x00\x00", [4])
    assert session.state == UP
    return session


# -- what we write, as others read it --------------------------------------------------------------


@ONCE
@given(
    client_id=st.text(letters, min_size=1, max_size=30),
    login=st.tuples(st.none() | st.text(letters, max_size=20), st.none() | st.text(letters, max_size=20)),
    keepalive_s=st.integers(0, 65535),
    clean=st.booleans(),
    will=st.none() | st.tuples(topics, payloads, st.integers(0, 2), st.booleans()),
)
def test_connect_is_read_by_others(client_id, login, keepalive_s, clean, will):
    user = login[0]
    password = None if user is None else login[1]
    session = Session(Outbox(64))
    encoded = None if will is None else (will[0].encode(), *will[1:])
    session.connect(
        0, client_id.encode(), packets.to_bytes(user), packets.to_bytes(password), keepalive_s, clean, encoded
    )
    (packet,) = decoded(written(session))
    assert (packet.proto_name, packet.proto_level) == ("MQTT", 4)
    assert (packet.client_id, packet.keep_alive, packet.clean_session_flag) == (client_id, keepalive_s, clean)
    assert (packet.username, packet.password) == (user, password)
    assert not packet.reserved_flag
    if will:
        told = packet.will_topic, bytes(packet.will_message), packet.will_qos, packet.will_retain_flag
        assert told == will
    else:
        assert not packet.will_flag


@ONCE
@given(st.lists(st.tuples(topics, payloads, st.integers(0, 1), st.booleans()), max_size=12))
def test_publish_is_read_by_others(messages):
    session = connected(window=16)
    for topic, payload, qos, retain in messages:
        assert session.outbox.put(topic.encode(), payload, qos, retain)
    read = decoded(written(session))
    assert [(p.topic_name, p.data, p.qos, p.retain_flag) for p in read] == messages
    assert not any(p.dup_flag for p in read)
    ids = [p.packet_id for p in read if p.qos]
    assert ids == list(range(1, len(ids) + 1))


@ONCE
@given(st.lists(st.tuples(topics, st.integers(0, 2)), min_size=1, max_size=6))
def test_subscribe_and_unsubscribe_are_read_by_others(wanted):
    filters = [(topic.encode(), qos) for topic, qos in wanted]
    session = connected()
    assert session.subscribe(packets.SUBSCRIBE, filters, 0) == 1
    (packet,) = decoded(written(session))
    assert packet.variable_header.packet_id == 1
    assert packet.payload.topics == wanted
    feed(session, SubackPacket.build(1, [qos for _, qos in wanted]).to_bytes(), [100])
    assert session.subscribe(packets.UNSUBSCRIBE, filters, 0) == 2
    (packet,) = decoded(written(session))
    assert packet.payload.topics == [topic for topic, _ in wanted]


# -- what others write, as we read it ----------------------------------------------------------------

# Topic, payload, retain; packet id and DUP of QoS 1, or None for QoS 0.
arriving = st.lists(
    st.tuples(
        topics,
        st.binary(max_size=200),
        st.booleans(),
        st.none() | st.tuples(st.integers(1, 65535), st.booleans()),
    ),
    max_size=10,
)


@ONCE
@given(arriving, sizes)
def test_messages_of_others_are_read_in_any_split(messages, sizes):
    session = connected()
    heard = []
    session.on_message = lambda m: heard.append((m.topic(), m.payload(), m.qos, m.retain, m.dup, m.packet_id))
    expected, owed, too_long, stream = [], [], 0, b""
    for topic, payload, retain, at_least_once in messages:
        qos = int(at_least_once is not None)
        packet_id, dup = at_least_once or (None, False)
        stream += PublishPacket.build(topic, payload, packet_id, dup, qos, retain).to_bytes()
        if qos:
            owed.append(packet_id)
        if 2 + len(topic.encode()) + 2 * qos + len(payload) > RX_LEN:
            too_long += 1
        else:
            expected.append((topic.encode(), payload, qos, retain, dup, packet_id or 0))
    assert feed(session, stream, sizes) == len(stream)
    assert (heard, session.oversized, session.error) == (expected, too_long, None)
    answers = decoded(written(session))
    assert all(isinstance(answer, PubackPacket) for answer in answers)
    assert [answer.packet_id for answer in answers] == owed


# First bytes of packets more often than chance would have them.
streams = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [
                b"\x30\x04\x00\x01tx",
                b"\x32\x06\x00\x01t\x00\x05x",
                b"\x40\x02\x00\x02",
                b"\x90\x03\x00\x01\x00",
                b"\xd0\x00",
            ]
        ),
    ),
    max_size=12,
).map(b"".join)


@ONCE
@given(streams, sizes)
def test_no_bytes_raise_and_no_split_matters(data, sizes):
    def outcome(sizes):
        session = connected()
        told = []
        session.on_message = lambda m: told.append((m.topic(), m.payload()))
        session.on_ack = told.append
        session.on_suback = lambda *answer: told.append(answer)
        assert session.subscribe(packets.SUBSCRIBE, [(b"t", 0)], 0)
        session.outbox.put(b"t", b"x", 1, False)
        written(session)
        feed(session, data, sizes)
        return session.state, session.error, told, written(session)

    assert outcome(sizes) == outcome([1]) == outcome([10_000])


# -- text ----------------------------------------------------------------------------------------------


@settings(ONCE, max_examples=600)
@given(st.binary(max_size=12) | st.text(max_size=6).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_utf8_is_what_cpython_says(data):
    try:
        good = "\0" not in data.decode()
    except UnicodeDecodeError:
        good = False
    assert packets.is_utf8(data, 0, len(data)) == good


levels = st.sampled_from(["", "a", "b", "ab", "$SYS"])
paths = st.lists(levels, min_size=1, max_size=4).map("/".join).filter(bool)


@settings(ONCE, max_examples=600)
@given(
    st.lists(st.one_of(levels, st.just("+")), min_size=1, max_size=4),
    st.booleans(),
    paths,
)
def test_topics_match_as_with_others(wanted, everything_below, topic):
    topic_filter = "/".join([*wanted[: 3 if everything_below else 4], *(["#"] if everything_below else [])])
    if not topic_filter:
        return
    assert packets.is_filter(topic_filter.encode())
    found = packets.matches(topic_filter.encode(), b"x" + topic.encode() + b"x", 1, 1 + len(topic))
    assert bool(found) == topic_matches_sub(topic_filter, topic), (topic_filter, topic)


# -- a hub that loses connections ------------------------------------------------------------------------


def number_of(packet):
    """The number that a PUBLISH on "t" shorter than 128 bytes begins its payload with."""
    return int(packet[7 if packet[0] & 6 else 5 :].split(b":")[0])


def packet_of(first, packet_id):
    return bytes([first, 2]) + packet_id.to_bytes(2, "big")


class Hub:
    """A broker with one client: remembers QoS 2 as long as the session, answers when it is told to."""

    def __init__(self):
        self.heard = {}  # number -> how often
        self.forget()

    # The session ends, with all it knew.
    def forget(self):
        self.held = {}  # packet id -> number of a QoS 2 message that is not released
        self.connect()

    def connect(self):
        self.last = 0
        self.answers = []  # packets that are ready to be sent
        self.open = {}  # packet id -> (length, number) of messages of this connection, until answered

    def read(self, packet):
        kind = packet[0] & 0xF0
        if packet == b"\xc0\x00":
            self.answers.append(b"\xd0\x00")
        elif kind == packets.PUBREL:
            assert packet[0] == 0x62
            packet_id = int.from_bytes(packet[2:], "big")
            self.held.pop(packet_id, None)
            self.answers.append(packet_of(packets.PUBCOMP, packet_id))
        else:
            assert kind == packets.PUBLISH
            self.publish(packet, packet[0] >> 1 & 3, packet[0] >> 3 & 1)

    def publish(self, packet, qos, dup):
        assert len(packet) == 2 + packet[1]
        number = number_of(packet)
        assert number > self.last, "out of order"
        self.last = number
        packet_id = int.from_bytes(packet[5:7], "big") if qos else 0
        if qos == 2 and packet_id in self.held:
            assert dup, "the id of a message that is not released"
            assert self.held[packet_id] == number
        else:
            self.heard[number] = self.heard.get(number, 0) + 1
        if qos:
            assert packet_id not in self.open
            self.open[packet_id] = len(packet) + limits.TLS_RECORD_LEN, number
            self.answers.append(packet_of(packets.PUBACK if qos == 1 else packets.PUBREC, packet_id))
        if qos == 2:
            self.held[packet_id] = number

    # Takes this answer out; the number of the message that the client may forget with it, or None.
    def answer(self, packet):
        self.answers.remove(packet)
        if packet[0] in (packets.PUBACK, packets.PUBREC):
            return self.open.pop(int.from_bytes(packet[2:], "big"))[1]
        return None


class SessionAgainstHub(RuleBasedStateMachine):
    """Messages go to a hub that answers when it likes, in any order, over connections that break.

    Promised: the hub gets every message of QoS 1 and 2 that the outbox took and did not report as
    dropped, QoS 2 once as long as the session lives; what is sent keeps its order within a connection;
    the window holds in count and in bytes.
    """

    @initialize(
        start_ms=st.sampled_from([0, TICKS - 30_000, TICKS // 2 - 5]),
        outbox_len=st.integers(128, 700),
        window=st.integers(1, 5),
        unacked_max_len=st.integers(60, 500),
    )
    def start(self, start_ms, outbox_len, window, unacked_max_len):
        self.now_ms = start_ms
        self.window, self.unacked_max_len = window, unacked_max_len
        self.session = Session(Outbox(outbox_len), RX_LEN, window, unacked_max_len)
        self.hub = Hub()
        self.number = 0
        self.stored = {}  # number -> QoS of what the outbox holds, oldest first
        self.qos2 = set()
        self.maybe_twice = set()  # they were under way when a session ended
        self.connect(False)

    def connect(self, present):
        self.session.connect(self.now_ms, b"d", None, None, 60, False, None)
        written(self.session, self.now_ms)
        feed(self.session, bytes([0x20, 2, present, 0]), [4], self.now_ms)
        self.partial = b""  # the beginning of a packet that the socket has taken
        self.door = []  # whole packets that the hub has not read

    # The socket takes up to n bytes. What was taken of QoS 0 is the hub's to lose.
    def move(self, n):
        while n and self.session.tx(self.now_ms):
            taken = min(n, self.session.tx_len)
            at = self.session.tx_at
            self.partial += bytes(self.session.tx_buf[at : at + taken])
            self.session.sent(taken, self.now_ms)
            n -= taken
            if not self.session.tx_len:
                packet, self.partial = self.partial, b""
                self.door.append(packet)
                if packet[0] >> 4 == 3 and not packet[0] & 6:
                    del self.stored[number_of(packet)]

    @rule(payload_len=st.integers(0, 90), qos=st.integers(0, 2))
    def put(self, payload_len, qos):
        self.number += 1
        before = self.session.outbox.dropped
        payload = b"%d:" % self.number + b"x" * payload_len
        if packets.publish_len(1, len(payload), qos) > self.session.outbox.packet_max():
            return
        if self.session.outbox.put(b"t", payload, qos, False):
            for number in list(self.stored)[: self.session.outbox.dropped - before]:
                del self.stored[number]
            self.stored[self.number] = qos
            if qos == 2:
                self.qos2.add(self.number)

    @rule(n=st.one_of(st.integers(1, 20), st.just(2000)))
    def write(self, n):
        self.move(n)

    @rule()
    def read(self):
        for packet in self.door:
            self.hub.read(packet)
        self.door = []
        assert len(self.hub.open) <= self.window
        lengths = [length for length, _ in self.hub.open.values()]
        assert sum(lengths) <= self.unacked_max_len or len(lengths) == 1

    def hear(self, packet):
        number = self.hub.answer(packet)
        self.stored.pop(number, None)
        feed(self.session, packet, [3], self.now_ms)

    @precondition(lambda self: self.hub.answers)
    @rule(data=st.data())
    def answer(self, data):
        self.hear(data.draw(st.sampled_from(self.hub.answers)))

    @rule(wait_ms=st.integers(0, 3000))
    def wait(self, wait_ms):
        self.now_ms = (self.now_ms + wait_ms) % TICKS
        self.session.check(self.now_ms)
        if self.session.state == DEAD:
            assert self.session.error.endswith("_timeout")
            self.lose(True)

    @rule(present=st.booleans())
    def lose(self, present):
        self.session.close()
        if present:
            self.hub.connect()
        else:
            self.hub.forget()
            self.maybe_twice |= set(self.stored)
        self.connect(present)

    @invariant()
    def the_outbox_holds_what_the_hub_has_not_confirmed(self):
        if hasattr(self, "session"):
            assert self.session.state == UP
            assert self.session.outbox.count == len(self.stored)
            assert self.session.in_flight <= self.window

    @invariant()
    def qos_2_comes_once(self):
        if hasattr(self, "session"):
            often = {number for number, times in self.hub.heard.items() if times > 1}
            assert not often & self.qos2 - self.maybe_twice

    # A hub that answers everything gets everything.
    def teardown(self):
        if not hasattr(self, "session"):
            return
        expected = set(self.stored)
        for _ in range(4 * len(expected) + 4):
            self.move(5000)
            self.read()
            for packet in list(self.hub.answers):
                self.hear(packet)
        assert expected <= set(self.hub.heard)
        assert self.session.outbox.count == self.session.in_flight == 0
        assert not self.hub.held


TestSession = SessionAgainstHub.TestCase
TestSession.settings = settings(ONCE, max_examples=150, stateful_step_count=50)
