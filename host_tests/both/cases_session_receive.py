# session, arriving messages: any split, too long ones, acknowledgements owed, everything malformed.
from hublink.limits import RECORD_COST_LEN
from hublink.outbox import Outbox
from hublink.protocol import packets
from hublink.protocol.session import DEAD, UP, Session

_NOW_MS = 0x3FFFFFFF - 4000
_RX_LEN = 64
# "hi" on "a/b": QoS 0; QoS 1 with packet id 10, and its acknowledgement.
_HI_0 = b"\x30\x07\x00\x03a/bhi"
_HI_1 = b"\x32\x09\x00\x03a/b\x00\x0ahi"
_PINGREQ = b"\xc0\x00"
_PINGRESP = b"\xd0\x00"
_HI_ACK = b"\x40\x02\x00\x0a"


# Gives the session data in pieces of at most piece_len; returns how much of it was taken.
def _feed(to, data, piece_len=100_000):
    at = 0
    while at < len(data) and to.may_read():
        n = min(to.reader.want, piece_len, len(data) - at)
        for i in range(n):
            to.reader.into[i] = data[at + i]
        at += n
        to.received(n, _NOW_MS)
    return at


# Everything the session wants to write now.
def _written(of):
    out = b""
    while of.tx(_NOW_MS):
        assert of.tx_at + of.tx_len <= len(of.tx_buf)
        out += bytes(of.tx_buf[of.tx_at : of.tx_at + of.tx_len])
        of.sent(of.tx_len, _NOW_MS)
    return out


# A connected session, and the list of what its handler is given: (topic, payload).
def _up(unacked_max_len=65535):
    new = Session(Outbox(256), _RX_LEN, unacked_max_len=unacked_max_len)
    heard = []
    new.on_message = lambda message: heard.append((message.topic(), message.payload()))
    new.connect(_NOW_MS, b"d", None, None, 60, True, None)
    _written(new)
    _feed(new, b"\x20\x02\x00\x00")
    assert new.state == UP
    return new, heard


# A QoS 1 message by hand, its remaining length below 128 or below 16,384.
def _message(packet_id, payload):
    remaining = 5 + len(payload)
    length = [remaining] if remaining < 128 else [remaining % 128 + 128, remaining // 128]
    return b"\x32" + bytes(length) + b"\x00\x01t" + bytes([0, packet_id]) + payload


def _acks(packet_ids):
    return b"".join([b"\x40\x02\x00" + bytes([packet_id]) for packet_id in packet_ids])


# -- well-formed messages ------------------------------------------------------------------------


def case_a_message_of_qos_0_is_heard():
    for piece_len in range(1, 10):
        at, heard = _up()
        assert _feed(at, _HI_0, piece_len) == 9
        assert heard == [(b"a/b", b"hi")]
        assert _written(at) == b""


def case_a_message_of_qos_1_is_heard_and_acknowledged():
    for piece_len in range(1, 12):
        at, heard = _up()
        _feed(at, _HI_1, piece_len)
        assert heard == [(b"a/b", b"hi")]
        assert _written(at) == _HI_ACK
        assert _written(at) == b""


def case_messages_split_at_every_position():
    stream = _HI_0 + _HI_1 + b"\xd0\x00" + _message(7, b"x" * 50)
    for at_len in range(len(stream) + 1):
        at, heard = _up()
        _feed(at, stream[:at_len])
        _feed(at, stream[at_len:])
        assert heard == [(b"a/b", b"hi"), (b"a/b", b"hi"), (b"t", b"x" * 50)], at_len
        assert _written(at) == _HI_ACK + b"\x40\x02\x00\x07"


def case_a_truncated_message_is_not_heard():
    for packet in (_HI_0, _HI_1, _message(7, b"x" * 100)):
        for length in range(len(packet)):
            at, heard = _up()
            assert _feed(at, packet[:length]) == length
            assert (at.state, heard, _written(at)) == (UP, [], b""), length


# What the handler is told of one packet: (QoS, retain, DUP, packet id), (topic end, payload bounds).
def _told(packet):
    told = []

    def note(m):
        told.append((m.qos, m.retain, m.dup, m.packet_id))
        told.append((m.topic_at, m.topic_end, m.payload_at, m.payload_end))

    at, _ = _up()
    at.on_message = note
    _feed(at, packet)
    return told


def case_the_bounds_and_flags_are_told():
    assert _told(_HI_0) == [(0, False, False, 0), (2, 5, 5, 7)]
    assert _told(b"\x31" + _HI_0[1:]) == [(0, True, False, 0), (2, 5, 5, 7)]
    assert _told(_HI_1) == [(1, False, False, 10), (2, 5, 7, 9)]
    assert _told(b"\x33" + _HI_1[1:]) == [(1, True, False, 10), (2, 5, 7, 9)]
    assert _told(b"\x3a" + _HI_1[1:]) == [(1, False, True, 10), (2, 5, 7, 9)]


def case_the_handler_can_ask_what_a_message_matches():
    filters = (b"a/+", b"a/#", b"a", b"a/bh")
    matched = []
    at, _ = _up()
    at.on_message = lambda m: matched.extend([bool(m.matches(f)) for f in filters])
    _feed(at, _HI_0)
    assert matched == [True, True, False, False]


def case_an_empty_payload_is_a_payload():
    at, heard = _up()
    _feed(at, b"\x30\x03\x00\x01t\x32\x05\x00\x01t\x00\x01")
    assert heard == [(b"t", b""), (b"t", b"")]


def case_a_payload_may_be_any_bytes():
    payload = bytes(range(256))[-50:] + b"\0\xff"
    at, heard = _up()
    _feed(at, _message(1, payload))
    assert heard == [(b"t", payload)]


def case_a_topic_of_several_bytes_a_character():
    at, heard = _up()
    _feed(at, b"\x30\x08\x00\x04\xf0\x9f\x98\x80ok")
    assert heard == [(b"\xf0\x9f\x98\x80", b"ok")]


def case_a_session_without_handler_acknowledges_all_the_same():
    at, _ = _up()
    at.on_message = None
    _feed(at, _HI_1)
    assert _written(at) == _HI_ACK


def case_a_handler_that_raises_has_had_its_message():
    at, heard = _up()

    def raising(message):
        raise RuntimeError(message.payload())

    hear = at.on_message
    at.on_message = raising
    try:
        _feed(at, _HI_1)
    except RuntimeError as e:
        assert e.args == (b"hi",)
    else:
        raise AssertionError("nothing came out")
    assert (at.state, at.error) == (UP, None)
    assert _written(at) == _HI_ACK
    at.on_message = hear
    _feed(at, _HI_0)
    assert heard == [(b"a/b", b"hi")]


def case_a_handler_may_publish():
    at, _ = _up()
    at.on_message = lambda message: at.outbox.put(b"r", message.payload(), 0, False)
    _feed(at, _HI_1)
    assert _written(at) == _HI_ACK + b"\x30\x05\x00\x01rhi"


def case_a_handler_may_close():
    at, _ = _up()
    at.on_message = lambda message: at.close()
    _feed(at, _HI_1 + _HI_1)
    assert not at.may_read()
    assert not at.tx(_NOW_MS)


# -- too long for the buffer ---------------------------------------------------------------------


def case_the_longest_message_that_fits_is_heard():
    at, heard = _up()
    _feed(at, _message(1, b"x" * (_RX_LEN - 5)))
    assert heard == [(b"t", b"x" * (_RX_LEN - 5))]
    assert at.oversized == 0


def case_a_longer_one_is_skipped_counted_and_acknowledged():
    for payload_len in (_RX_LEN - 4, 100, 128, 200, 5000):
        for piece_len in (1, 7, 64, 100_000):
            at, heard = _up()
            _feed(at, _message(5, b"x" * payload_len) + _HI_0, piece_len)
            assert heard == [(b"a/b", b"hi")]
            assert (at.state, at.oversized) == (UP, 1)
            assert _written(at) == b"\x40\x02\x00\x05"


def case_a_long_message_of_qos_0_is_counted_too():
    at, heard = _up()
    _feed(at, b"\x30\xe8\x07\x00\x01t" + bytes(997) + _HI_0)
    assert heard == [(b"a/b", b"hi")]
    assert (at.state, at.oversized) == (UP, 1)
    assert _written(at) == b""


def case_a_long_message_is_acknowledged_when_its_end_has_come():
    at, _ = _up()
    packet = _message(5, b"x" * 200)
    _feed(at, packet[:-1])
    assert _written(at) == b""
    _feed(at, packet[-1:])
    assert _written(at) == b"\x40\x02\x00\x05"


def case_a_long_message_with_a_bad_topic_is_malformed_nevertheless():
    at, _ = _up()
    _feed(at, b"\x30\xe8\x07\x00\x01#" + bytes(997))
    assert (at.state, at.error) == (DEAD, "bad_topic")


def case_a_topic_that_the_buffer_does_not_hold_ends_it():
    # Its packet id is behind it, so it cannot even be acknowledged.
    for topic_len in (_RX_LEN - 1, 200):
        at, heard = _up()
        _feed(at, b"\x32\xe8\x07" + bytes([0, topic_len]) + b"x" * 998)
        assert (at.state, at.error, heard) == (DEAD, "topic_too_long", [])


def case_any_other_long_packet_ends_it():
    for first in (b"\x40", b"\x50", b"\x62", b"\x70", b"\x90", b"\xb0", b"\xd0"):
        at, _ = _up()
        _feed(at, first + b"\x80\x01" + bytes(128))
        assert (at.state, at.error) == (DEAD, "packet_too_long"), first


# -- acknowledgements owed -----------------------------------------------------------------------


def case_32_acknowledgements_are_owed_at_most():
    at, heard = _up()
    stream = b"".join([_message(i + 1, b"") for i in range(40)])
    assert _feed(at, stream) == 32 * 7
    assert len(heard) == 32
    assert not at.may_read()
    assert at.tx(_NOW_MS)
    at.sent(5, _NOW_MS)
    assert not at.may_read()  # until all of them are written
    at.sent(at.tx_len, _NOW_MS)
    assert _feed(at, stream[32 * 7 :]) == 8 * 7


def case_acknowledgements_are_written_in_order():
    at, _ = _up()
    _feed(at, b"".join([_message(i + 1, b"") for i in range(32)]))
    assert at.tx(_NOW_MS)
    assert at.tx_len == 32 * 4  # one record, not 32
    assert _written(at) == _acks(range(1, 33))


def case_acknowledgements_that_come_to_be_owed_during_a_write_go_behind_it():
    for first_len in range(1, 12):
        at, _ = _up()
        _feed(at, b"".join([_message(i, b"") for i in range(1, 4)]))
        assert at.tx(_NOW_MS)
        out = bytes(at.tx_buf[:first_len])
        at.sent(first_len, _NOW_MS)
        _feed(at, b"".join([_message(i, b"") for i in range(4, 7)]))
        assert out + _written(at) == _acks(range(1, 7))


# A hub that sends much while nothing of ours arrives: the stack's memory must not fill up.
def case_acknowledgements_wait_for_each_other_while_much_is_unacknowledged():
    cost_len = RECORD_COST_LEN + 4
    at, _ = _up(unacked_max_len=10 * cost_len)
    numbers = []  # of acknowledgements in each record; 0 for a ping
    for i in range(250):
        _feed(at, _message(i + 1, b""))
        while at.tx(_NOW_MS):
            numbers.append(at.tx_len // 4)
            at.sent(at.tx_len, _NOW_MS)
    # Alone while there is room, with a ping on the way; then 32 at a time.
    assert numbers == [1] * 6 + [0] + [1] * 4 + [32] * 7, numbers
    assert at.error is None


def case_a_ping_makes_room_for_acknowledgements():
    at, _ = _up(unacked_max_len=50)
    _feed(at, _message(1, b""))
    assert _written(at) == _acks([1]) + _PINGREQ
    _feed(at, _message(2, b"") + _message(3, b""))
    assert _written(at) == b""
    _feed(at, _PINGRESP)
    assert _written(at) == _acks([2, 3]) + _PINGREQ


def case_acknowledgements_go_before_messages_of_our_own():
    at, _ = _up()
    at.outbox.put(b"t", b"x", 0, False)
    at.ping()
    _feed(at, _HI_1)
    assert _written(at) == _HI_ACK + b"\xc0\x00" + b"\x30\x04\x00\x01tx"


def case_a_message_that_comes_twice_is_acknowledged_twice():
    at, heard = _up()
    _feed(at, _HI_1 + b"\x3a" + _HI_1[1:])
    assert len(heard) == 2
    assert _written(at) == _HI_ACK * 2


def case_packet_ids_of_the_hub_may_be_any():
    for packet_id in (b"\x00\x01", b"\x00\xff", b"\x01\x00", b"\xff\xff"):
        at, _ = _up()
        _feed(at, b"\x32\x05\x00\x01t" + packet_id)
        assert _written(at) == b"\x40\x02" + packet_id


# -- malformed -----------------------------------------------------------------------------------

_MALFORMED = (
    # packet, error
    (b"\x36\x09\x00\x03a/b\x00\x0ahi", "bad_flags"),  # QoS 3 (3.3.1-4)
    (b"\x3e\x09\x00\x03a/b\x00\x0ahi", "bad_flags"),
    (b"\x38\x07\x00\x03a/bhi", "bad_flags"),  # DUP on QoS 0 (3.3.1-2)
    (b"\x30\x00", "bad_publish"),
    (b"\x30\x01\x00", "bad_publish"),
    (b"\x30\x02\x00\x03", "bad_publish"),
    (b"\x30\x04\x00\x03a/", "bad_publish"),  # the topic is longer than the packet
    (b"\x30\x04\xff\xffa/", "bad_publish"),
    (b"\x32\x05\x00\x03a/b", "bad_publish"),  # no room for the packet id
    (b"\x32\x06\x00\x03a/b\x00", "bad_publish"),
    (b"\x32\x03\x00\x01t", "bad_publish"),
    (b"\x30\x02\x00\x00", "bad_topic"),  # 4.7.3-1
    (b"\x30\x05\x00\x03a/#", "bad_topic"),  # 3.3.2-2
    (b"\x30\x05\x00\x03+/b", "bad_topic"),
    (b"\x30\x05\x00\x03a\x00b", "bad_topic"),  # 1.5.3-2
    (b"\x30\x05\x00\x03a\xffb", "bad_topic"),
    (b"\x30\x05\x00\x03\xed\xa0\x80", "bad_topic"),  # a surrogate, 1.5.3-1
    (b"\x30\x06\x00\x03ab\xc3\xa4", "bad_topic"),  # cut within a character
    (b"\x32\x07\x00\x03a/b\x00\x00", "bad_packet_id"),  # 2.3.1-1
    (b"\x10\x02\x00\x00", "unexpected_packet"),  # CONNECT
    (b"\x20\x02\x00\x00", "unexpected_packet"),
    (b"\x80\x02\x00\x01", "unexpected_packet"),
    (b"\xa0\x02\x00\x01", "unexpected_packet"),
    (b"\xc0\x00", "unexpected_packet"),
    (b"\xe0\x00", "unexpected_packet"),
    (b"\x00\x00", "unexpected_packet"),  # reserved types (2.2.1)
    (b"\xf0\x00", "unexpected_packet"),
    (b"\x60\x02\x00\x01", "bad_flags"),  # reserved flags (2.2.2): PUBREL has one set, others none
    (b"\x63\x02\x00\x01", "bad_flags"),
    (b"\x52\x02\x00\x01", "bad_flags"),
    (b"\x72\x02\x00\x01", "bad_flags"),
    (b"\x41\x02\x00\x01", "bad_flags"),
    (b"\x4f\x02\x00\x01", "bad_flags"),
    (b"\x92\x03\x00\x01\x00", "bad_flags"),
    (b"\xb8\x02\x00\x01", "bad_flags"),
    (b"\xd1\x00", "bad_flags"),
    (b"\x50\x02\x00\x00", "bad_ack"),  # packet id 0
    (b"\x62\x02\x00\x00", "bad_ack"),
    (b"\x70\x02\x00\x00", "bad_ack"),
    (b"\x50\x03\x00\x01\x00", "bad_ack"),
    (b"\x62\x00", "bad_ack"),
    (b"\x70\x01\x00", "bad_ack"),
    (b"\xd0\x01\x00", "bad_pingresp"),
    (b"\x30\x80\x80\x80\x80\x01", "bad_length"),  # 2.2.3
    (b"\xd0\xff\xff\xff\xff", "bad_length"),
)


def case_everything_malformed_ends_it_with_its_own_word():
    for packet, error in _MALFORMED:
        for piece_len in (100, 1):
            at, heard = _up()
            _feed(at, packet, piece_len)
            assert (at.state, at.error, heard) == (DEAD, error, []), packet


# A session with these subscriptions.
def _subscribed(filters):
    at, heard = _up()
    at.subscribe(packets.SUBSCRIBE, [(topic_filter, 0) for topic_filter in filters], _NOW_MS)
    packet_id = _written(at)[2:4]
    _feed(at, bytes([0x90, 2 + len(filters)]) + packet_id + bytes(len(filters)))
    return at, heard


# Topics that begin as a filter does are not checked so far, and only so far.
def case_a_subscription_makes_no_bad_topic_good():
    filters = b"a/b", b"a/+", b"+/b", b"a/b/#", b"#", b"a/#", b"\xc3\xa4/#"
    bad = [b"", b"+", b"#", b"a/#", b"a/+", b"+/b", b"a/b/#", b"a/b/\x00", b"a/b/\xff", b"a/b/\xed\xa0\x80"]
    bad += [b"a/b/c+", b"a/b/\xc3", b"\xc3", b"\xc3\xa4/\xc3", b"\xc3\xa4/\x00", b"\xc3\xa4/#"]
    good = [b"a", b"a/", b"a/b", b"a/b/", b"a/b/c", b"a/bc", b"b", b"a/b/\xc3\xa4", b"\xc3\xa4/"]
    good += [b"\xc3\xa4/\xc3\xa4", b"\xc3\xa4"]
    for topic in bad + good:
        at, heard = _subscribed(filters)
        # Behind the topic stands what would make a filter of it, or a character.
        _feed(at, bytes([0x30, 4 + len(topic), 0, len(topic)]) + topic + b"/b")
        expected = (UP, [(topic, b"/b")]) if topic in good else (DEAD, [])
        assert (at.state, heard) == expected, topic


def case_more_filters_than_are_remembered():
    filters = [b"%02d" % i + last for i in range(20) for last in (b"/x", b"/+/y")]
    at, heard = _up()
    for _ in range(3):
        for topic_filter in filters:
            at.subscribe(packets.SUBSCRIBE, [(topic_filter, 0)], _NOW_MS)
            _feed(at, b"\x90\x03" + _written(at)[2:4] + b"\x00")
    for i in range(20):
        _feed(at, b"\x30\x08\x00\x06%02d/n/y" % i)
    assert (at.state, len(heard)) == (UP, 20)


def case_nothing_happens_after_an_error():
    for packet, error in _MALFORMED:
        at, heard = _up()
        at.outbox.put(b"t", b"x", 1, False)
        at.ping()
        _feed(at, packet + _HI_0 + _HI_1)
        assert heard == [], packet
        assert not at.may_read()
        assert not at.tx(_NOW_MS)
        assert not at.announce(b"s", b"x", False)
        assert not at.disconnect()
        at.check(_NOW_MS)
        assert at.error == error
        assert at.outbox.count == 1


def case_messages_before_the_bad_one_are_heard():
    for packet, _ in _MALFORMED:
        at, heard = _up()
        _feed(at, _HI_0 + _HI_0 + packet)
        assert len(heard) == 2
        assert at.state == DEAD


def case_any_two_bytes_may_begin_a_packet():
    for first in range(256):
        for second in (0, 1, 2, 3, 5, 127, 128, 255):
            at, _ = _up()
            _feed(at, bytes([first, second]) + b"\x00\x01t\x00\x01" * 40)
            assert at.state in (UP, DEAD)


def case_any_byte_of_a_message_may_be_wrong():
    for position in range(len(_HI_1)):
        for value in (0, 1, 2, 0x23, 0x2B, 0x7F, 0x80, 0xC3, 0xFF):
            damaged = bytearray(_HI_1)
            damaged[position] = value
            at, _ = _up()
            _feed(at, bytes(damaged) + b"\x00" * 10)
            assert at.state in (UP, DEAD)
