# express: what goes past the outbox, byte for byte what would go by way of it, and what must not.
import errno

from hublink import limits, ticks
from hublink.limits import RECORD_COST_LEN
from hublink.net import express
from hublink.net.stream import FAILED
from hublink.outbox import Outbox
from hublink.protocol import packets
from hublink.protocol.session import UP, Session
from micropython import heap_lock, heap_unlock

_NOW_MS = 0x3FFFFFFF - 4000
_TOPIC = b"plant/7/telemetry"


class _Stream:
    """Takes `takes` bytes of each write (None: all), or raises."""

    def __init__(self):
        self.takes = None
        self.raises = self.error = None
        self.writes = []

    def io_write(self, buf, at, n):
        if self.raises:
            raise self.raises
        taken = n if self.takes is None else self.takes
        self.writes.append(bytes(buf[at : at + taken]))
        return taken or None

    def failed(self, e):
        self.error = e
        return FAILED


class _Node:
    def __init__(self, unacked_max_len=2048):
        self.session = Session(Outbox(1024), 256, 8, unacked_max_len)
        self.session.connect(_NOW_MS, b"d", None, None, 60, True, None)
        self.turn()
        self.hear(b"\x20\x02\x00\x00")
        assert self.session.state == UP
        self.stream = _Stream()
        self.express = express.Express(self.session, self.stream)
        self.turn()

    # Everything the session itself wants to write.
    def turn(self):
        out = b""
        session = self.session
        while session.tx(_NOW_MS):
            out += bytes(session.tx_buf[session.tx_at : session.tx_at + session.tx_len])
            session.sent(session.tx_len, _NOW_MS)
        return out

    def hear(self, data):
        reader = self.session.reader
        at = 0
        while at < len(data):
            n = min(reader.want, len(data) - at)
            for i in range(n):
                reader.into[i] = data[at + i]
            at += n
            self.session.received(n, _NOW_MS)

    # Makes the topic the last one's.
    def prepare(self, topic=_TOPIC):
        self.express.send(topic, b"")
        self.turn()
        assert self.stream.writes == []


def _packet(topic, payload, qos=0, retain=False):
    buf = bytearray(1024)
    return bytes(buf[: packets.put_publish(buf, 0, topic, payload, qos, retain, 1024)])


def case_the_bytes_are_those_of_the_outbox():
    for n in (0, 1, 15, 16, 17, 105, 106, 107, 108, 109, 110, 240, 241, 256):
        node = _Node()
        node.prepare()
        payload = bytes([65 + i % 26 for i in range(n)])
        assert node.express.send(_TOPIC, payload)
        assert node.stream.writes == [_packet(_TOPIC, payload)]
        assert node.session.outbox.count == 0
        assert node.turn() == b""


def case_a_shorter_message_after_a_longer_one():
    node = _Node()
    node.prepare()
    for payload in (b"x" * 200, b"y" * 3, b"z" * 126):
        node.express.send(_TOPIC, payload)
    assert node.stream.writes == [_packet(_TOPIC, each) for each in (b"x" * 200, b"yyy", b"z" * 126)]


def case_what_is_not_plain_goes_by_the_outbox():
    for topic, payload, qos, retain in (
        (bytes(bytearray(_TOPIC)), b"a", 0, False),  # equal, but another object
        (b"other", b"a", 0, False),
        (_TOPIC, b"a" * 257, 0, False),
        (_TOPIC, b"a", 1, False),
        (_TOPIC, b"a", 2, False),
        (_TOPIC, b"a", 0, True),
    ):
        node = _Node()
        node.prepare()
        assert node.express.send(topic, payload, qos, retain)
        assert node.stream.writes == []
        assert node.session.outbox.waiting == 1
        assert node.turn()[-len(payload) :] == payload


def case_a_topic_too_long_to_stand_ready_goes_by_the_outbox_always():
    node = _Node()
    topic = b"t" * 300
    for _ in range(2):
        assert node.express.send(topic, b"a")
        assert node.turn() == _packet(topic, b"a")
    assert node.stream.writes == []


def case_two_topics_take_turns_by_the_outbox():
    node = _Node()
    for topic in (b"a", b"b") * 2:
        node.express.send(topic, b"1")
        assert node.turn() == _packet(topic, b"1")


def case_nothing_overtakes_what_waits():
    node = _Node()
    node.prepare()
    node.express.send(_TOPIC, b"first", 1)
    node.express.send(_TOPIC, b"second")
    assert node.stream.writes == []
    sent = node.turn()
    assert sent.index(b"first") < sent.index(b"second")
    node.express.send(_TOPIC, b"third")
    assert node.stream.writes == [_packet(_TOPIC, b"third")]


def case_nothing_goes_while_paused_or_closed():
    node = _Node()
    node.prepare()
    node.session.paused = True
    node.turn()
    node.express.send(_TOPIC, b"a")
    node.session.paused = False
    assert node.turn() == _packet(_TOPIC, b"a")
    node.session.close()
    node.express.send(_TOPIC, b"b")
    assert node.stream.writes == []
    assert node.session.outbox.waiting == 1


def case_a_topic_that_is_refused_is_not_made_ready():
    def refuse(_topic, _payload, _qos, _retain):
        raise ValueError

    node = _Node()
    node.express.put = refuse
    for _ in range(2):
        try:
            node.express.send(b"bad/#", b"a")
            raise AssertionError("was sent")
        except ValueError:
            pass
        node.turn()
    assert node.stream.writes == []


def case_what_the_stream_leaves_comes_first_in_the_next_turn():
    for takes in (0, 1, 10):
        for topic in (_TOPIC, b"other"):
            node = _Node()
            node.prepare()
            node.stream.takes = takes
            assert node.express.send(_TOPIC, b"first")
            node.session.ping()
            assert node.express.send(topic, b"second")
            assert len(node.stream.writes) == 1
            first = _packet(_TOPIC, b"first")
            assert node.stream.writes[0] == first[:takes]
            assert node.turn() == first[takes:] + b"\xc0\x00" + _packet(topic, b"second")


def case_what_the_stream_leaves_has_a_deadline_of_its_own():
    late_ms = ticks.add(_NOW_MS, 20000)  # since the last turn

    class Clock:
        def ticks_ms(self):
            return late_ms

    node = _Node()
    node.prepare()
    node.stream.takes = 0
    before, express.time = express.time, Clock()
    try:
        node.express.send(_TOPIC, b"first")
    finally:
        express.time = before
    assert node.session.check(late_ms) == limits.WRITE_MS
    assert node.session.check(ticks.add(late_ms, limits.WRITE_MS)) == 0
    assert node.session.error == "write_timeout"


def case_what_a_broken_stream_refuses_waits_in_the_outbox():
    node = _Node()
    node.prepare()
    error = node.stream.raises = OSError(errno.ECONNRESET)
    assert node.express.send(_TOPIC, b"a")
    assert node.stream.error is error
    node.stream.raises = None
    node.express.send(_TOPIC, b"b")
    assert node.stream.writes == []
    assert node.turn() == _packet(_TOPIC, b"a") + _packet(_TOPIC, b"b")


def case_no_more_bytes_than_may_be_unacknowledged():
    node = _Node(unacked_max_len=500)
    node.prepare()
    payload = b"x" * 50
    cost = len(_packet(_TOPIC, payload)) + RECORD_COST_LEN
    for _ in range(12):
        assert node.express.send(_TOPIC, payload)
    used = sum([len(written) + RECORD_COST_LEN for written in node.stream.writes])
    assert 500 - 2 * cost < used <= 500
    assert node.turn() == b"\xc0\x00"  # only its answer makes room
    node.hear(b"\xd0\x00")
    assert node.turn().count(_TOPIC) == 500 // cost


def case_what_went_express_counts_until_a_ping_is_answered():
    cost = len(_packet(_TOPIC, b"x" * 50)) + RECORD_COST_LEN
    node = _Node(unacked_max_len=4 * cost)
    node.prepare()
    for _ in range(3):
        node.express.send(_TOPIC, b"x" * 50)
    assert node.turn() == b"\xc0\x00"  # more than half of what may be unacknowledged
    node.hear(b"\xd0\x00")
    node.turn()
    for _ in range(3):
        node.express.send(_TOPIC, b"x" * 50)
    assert len(node.stream.writes) == 6


def case_sending_allocates_nothing():
    node = _Node()
    node.prepare()
    node.stream.io_write = _take_all
    payload = b"x" * 100
    heap_lock()
    try:
        sent = node.express.send(_TOPIC, payload)
    finally:
        heap_unlock()
    assert sent
    assert node.session.outbox.count == 0


def _take_all(_buf, _at, n):
    return n
