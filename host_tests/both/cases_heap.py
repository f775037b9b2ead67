# Sending and receiving allocate nothing: each scenario runs with the heap locked, where MicroPython
# raises MemoryError at the first allocation. (CPython runs them too, but cannot tell.) Everything is
# prepared before the lock and judged behind it: an AssertionError would itself need the heap.
from hublink import limits, ticks
from hublink.outbox import Outbox
from hublink.protocol import packets
from hublink.protocol.session import UP, Session
from micropython import heap_lock, heap_unlock

_NOW_MS = 0x3FFFFFFF - 4000
_TOPIC = b"plant/line-7/telemetry"
_PAYLOAD = b'{"time":1798761600,"boot":7,"seq":12,"name":"memory","data":{"free":97344,"used":63136}}'
# QoS 1, packet id 10, "a/b", 60 bytes of payload: arrives in a few pieces at most.
_MESSAGE = b"\x32\x43\x00\x03a/b\x00\x0a" + b"0123456789" * 6


# Runs function() with the heap locked. It takes no arguments: to pass them on would need the heap.
def _without_heap(function):
    heap_lock()
    try:
        function()
    finally:
        heap_unlock()


# Gives the session data[at:end]; itself without the heap.
def _feed(to, data, at, end):
    while at < end and to.may_read():
        n = min(to.reader.want, end - at)
        into = to.reader.into
        for i in range(n):
            into[i] = data[at + i]
        at += n
        to.received(n, _NOW_MS)


# Writes all that the session wants to write, three bytes at a time at most; returns the last one.
def _write(of):
    last = -1
    while of.tx(_NOW_MS):
        n = min(of.tx_len, 3)
        last = of.tx_buf[of.tx_at + n - 1]
        of.sent(n, _NOW_MS)
    return last


def _up():
    new = Session(Outbox(512), 100, 4, 2048)
    new.connect(_NOW_MS, b"d", None, None, 60, True, None)
    _write(new)
    _feed(new, b"\x20\x02\x00\x00", 0, 4)
    assert new.state == UP
    return new


class _Counter:
    """A handler that allocates nothing: how many messages came, and how long they were together."""

    def __init__(self, session):
        self.count = self.total_len = self.matched = 0
        session.on_message = self.message
        session.on_ack = self.acked
        self.acks = 0

    def message(self, message):
        self.count += 1
        self.total_len += message.payload_end - message.payload_at
        if message.matches(b"a/+"):
            self.matched += 1

    def acked(self, _packet_id):
        self.acks += 1


# -- sending -------------------------------------------------------------------------------------


def case_a_message_is_put_into_the_outbox_without_the_heap():
    outbox = Outbox(512)

    def put():
        outbox.put(_TOPIC, _PAYLOAD, 1, False)

    for _ in range(12):
        _without_heap(put)
    assert outbox.count == 4
    assert outbox.dropped == 8


def case_messages_are_sent_dropped_and_rewound_without_the_heap():
    outbox = Outbox(512)
    for _ in range(5):
        outbox.put(b"t", b"x", 0, False)

    def run():
        outbox.sent(outbox.peek())
        outbox.sent(outbox.peek())
        outbox.rewind()
        outbox._drop_oldest()
        record = outbox.peek()
        outbox.sent(record)
        outbox.done(record)

    _without_heap(run)
    assert (outbox.count, outbox.waiting, outbox.dropped) == (3, 3, 1)


def case_a_message_is_written_and_acknowledged_without_the_heap():
    at = _up()
    counter = _Counter(at)
    for i in range(6):
        at.outbox.put(_TOPIC, _PAYLOAD, 1, False)
        puback = b"\x40\x02\x00" + bytes([i + 1])

        def run(puback=puback):
            _write(at)
            _feed(at, puback, 0, 4)

        _without_heap(run)
    assert (at.state, at.outbox.count, counter.acks) == (UP, 0, 6)


def case_messages_of_qos_0_and_their_ping_go_without_the_heap():
    at = _up()
    pingresp = b"\xd0\x00"
    for _ in range(30):
        at.outbox.put(_TOPIC, _PAYLOAD, 0, False)

        def run():
            _write(at)
            _feed(at, pingresp, 0, 2)

        _without_heap(run)
    assert (at.state, at.outbox.count) == (UP, 0)


def case_a_message_of_qos_2_goes_and_comes_without_the_heap():
    at = _up()
    counter = _Counter(at)
    at.outbox.put(_TOPIC, _PAYLOAD, 2, False)
    answers = b"\x50\x02\x00\x01" + b"\x70\x02\x00\x01"
    message = b"\x34\x09\x00\x03a/b\x00\x0ahi" + b"\x62\x02\x00\x0a"

    def run():
        _write(at)
        _feed(at, answers, 0, 4)
        _write(at)
        _feed(at, answers, 4, 8)
        _feed(at, message, 0, 11)
        _feed(at, message, 11, 15)
        _write(at)

    _without_heap(run)
    assert (at.state, at.outbox.count, counter.acks, counter.count) == (UP, 0, 1, 1)


def case_a_connection_is_lost_without_the_heap():
    at = _up()
    for _ in range(3):
        at.outbox.put(_TOPIC, _PAYLOAD, 1, False)
    _write(at)
    _without_heap(at.close)
    assert at.outbox.waiting == 3


def case_presence_is_announced_without_the_heap():
    at = _up()

    def run():
        at.announce(_TOPIC, _PAYLOAD, True)
        _write(at)

    _without_heap(run)
    assert at.state == UP


# -- receiving -----------------------------------------------------------------------------------


def case_a_message_that_comes_whole_is_heard_without_the_heap():
    at = _up()
    counter = _Counter(at)

    def run():
        _feed(at, _MESSAGE, 0, len(_MESSAGE))
        _write(at)

    for _ in range(3):
        _without_heap(run)
    assert (at.state, counter.count, counter.total_len, counter.matched) == (UP, 3, 180, 3)


def case_a_message_split_anywhere_is_heard_without_the_heap():
    for split in range(1, len(_MESSAGE)):
        at = _up()
        counter = _Counter(at)

        def run(at=at, split=split):
            _feed(at, _MESSAGE, 0, split)
            _feed(at, _MESSAGE, split, len(_MESSAGE))
            _write(at)

        _without_heap(run)
        assert (at.state, counter.count, counter.total_len) == (UP, 1, 60)


def case_a_message_too_long_is_skipped_without_the_heap():
    message = b"\x32\xe8\x07\x00\x03a/b\x00\x0a" + bytes(993)
    for split in (0, 1, 2, 3, 50):
        at = _up()
        counter = _Counter(at)

        def run(at=at, split=split):
            _feed(at, message, 0, split)
            _feed(at, message, split, len(message))
            _write(at)

        _without_heap(run)
        assert (at.state, at.oversized, counter.count) == (UP, 1, 0)


def case_a_malformed_message_ends_it_without_the_heap():
    at = _up()
    message = b"\x30\x05\x00\x03a/#"

    def run():
        _feed(at, message, 0, 7)

    _without_heap(run)
    assert at.error == "bad_topic"


# Messages of each QoS, a release, acknowledgements and a pong.
_TALK = (
    b"\x30\x04\x00\x01tx\x32\x06\x00\x01t\x00\x05x\x34\x06\x00\x01t\x00\x06x\x62\x02\x00\x06"
    b"\x40\x02\x00\x01\x50\x02\x00\x02\x70\x02\x00\x02\xd0\x00"
)


def case_any_bytes_are_read_without_the_heap():
    at = _up()
    counter = _Counter(at)
    data = bytearray(_TALK)
    random = 1
    ended = 0

    def run():
        _feed(at, data, 0, len(data))
        _write(at)

    for _ in range(1000):
        at.connect(_NOW_MS, b"d", None, None, 60, True, None)
        _write(at)
        _feed(at, b"\x20\x02\x00\x00", 0, 4)
        data[:] = _TALK
        for _ in range(2):
            random = (random * 75 + 74) % 65537
            data[random % len(data)] = random >> 8 & 255
        _without_heap(run)
        ended += at.error is not None
    assert counter.count > 1000, counter.count
    assert 300 < ended < 1000, ended


# -- time ----------------------------------------------------------------------------------------


def case_waiting_and_pinging_need_no_heap():
    at = _up()
    pingresp = b"\xd0\x00"

    def run():
        now_ms = _NOW_MS
        for _ in range(200):
            now_ms = ticks.add(now_ms, 1000)
            at.check(now_ms)
            if at.tx(now_ms):
                at.sent(at.tx_len, now_ms)
                _feed(at, pingresp, 0, 2)
                at._rx_ms = now_ms

    _without_heap(run)
    assert at.state == UP


def case_a_deadline_passes_without_the_heap():
    at = _up()
    at.outbox.put(b"t", b"x", 1, False)
    _write(at)
    late_ms = ticks.add(_NOW_MS, limits.PUBACK_MS)

    def run():
        at.check(late_ms)

    _without_heap(run)
    assert at.error == "puback_timeout"


def case_ticks_need_no_heap_on_either_side_of_the_wrap():
    times = (0, 1, 0x1FFFFFFF, 0x20000000, 0x3FFFFFFE, 0x3FFFFFFF)

    def run():
        for a in times:
            for b in times:
                ticks.diff(a, b)
            ticks.add(a, 0x1FFFFFFF)
            ticks.add(a, -0x1FFFFFFF)

    _without_heap(run)


# -- matching ------------------------------------------------------------------------------------


def case_filters_are_matched_without_the_heap():
    filters = (b"#", b"+/line-7/+", b"plant/#", b"plant/+/status", b"$SYS/#")

    def run():
        for topic_filter in filters:
            packets.matches(topic_filter, _TOPIC, 0, len(_TOPIC))

    _without_heap(run)


def case_topics_are_judged_without_the_heap():
    topics = (b"plant/gr\xc3\xbcn", b"\xe0\xa0\x80", b"\xf4\x8f\xbf\xbf", b"\xed\xa0\x80", b"a/#")

    def run():
        for topic in topics:
            packets.is_topic(topic, 0, len(topic))

    _without_heap(run)
