# session, outgoing messages: packet ids, the window by count and by bytes, what is sent again and when.
from hublink.limits import RECORD_COST_LEN
from hublink.outbox import Outbox
from hublink.protocol import packets
from hublink.protocol.session import DEAD, UP, Session

_NOW_MS = 0x3FFFFFFF - 4000
_PINGREQ = b"\xc0\x00"
_PINGRESP = b"\xd0\x00"


# Gives the session data, as much at a time as it asks for.
def _feed(to, data):
    at = 0
    while at < len(data) and to.may_read():
        n = min(to.reader.want, len(data) - at)
        for i in range(n):
            to.reader.into[i] = data[at + i]
        at += n
        to.received(n, _NOW_MS)


def _named(of):
    return bytes(of.tx_buf[of.tx_at : of.tx_at + of.tx_len])


# Everything the session wants to write now.
def _written(of):
    out = b""
    while of.tx(_NOW_MS):
        out += _named(of)
        of.sent(of.tx_len, _NOW_MS)
    return out


# Connects, up to the first packet that the session would write then.
def _connect(it):
    it.connect(_NOW_MS, b"d", None, None, 60, True, None)
    it.tx(_NOW_MS)
    it.sent(it.tx_len, _NOW_MS)
    _feed(it, b"\x20\x02\x00\x00")
    assert it.state == UP


def _up(outbox_len=512, window=8, unacked_max_len=65535):
    new = Session(Outbox(outbox_len), 256, window, unacked_max_len)
    _connect(new)
    return new


def _put(to, letters, qos=1):
    for letter in letters:
        assert to.outbox.put(b"t", letter.encode(), qos, False)


def _put_long(to, payload_len, qos):
    assert to.outbox.put(b"t", bytes(payload_len), qos, False)


# QoS 1 PUBLISH of one letter on "t", and its acknowledgement, by hand.
def _q1(packet_id, letter):
    return b"\x32\x06\x00\x01t" + bytes([packet_id >> 8, packet_id & 255]) + letter.encode()


def _q0(letter):
    return b"\x30\x04\x00\x01t" + letter.encode()


def _puback(packet_id):
    return b"\x40\x02" + bytes([packet_id >> 8, packet_id & 255])


# -- one message ---------------------------------------------------------------------------------


def case_qos_0_is_written_and_gone():
    at = _up()
    _put(at, "a", 0)
    assert _written(at) == _q0("a")
    assert (at.outbox.count, at.in_flight) == (0, 0)


def case_qos_1_is_kept_until_it_is_acknowledged():
    at = _up()
    _put(at, "a")
    assert _written(at) == _q1(1, "a")
    assert (at.outbox.count, at.in_flight) == (1, 1)
    _feed(at, _puback(1))
    assert (at.outbox.count, at.in_flight) == (0, 0)
    assert at.state == UP


def case_the_acknowledgement_is_told_once():
    at = _up()
    told = []
    at.on_ack = told.append
    _put(at, "ab")
    _written(at)
    _feed(at, _puback(2) + _puback(2) + _puback(1) + _puback(1))
    assert told == [2, 1]


def case_messages_are_written_in_order_with_ids_that_count():
    at = _up()
    _put(at, "ab")
    _put(at, "c", 0)
    _put(at, "d")
    assert _written(at) == _q1(1, "a") + _q1(2, "b") + _q0("c") + _q1(3, "d")


def case_one_packet_is_named_at_a_time():
    at = _up()
    _put(at, "ab")
    assert at.tx(_NOW_MS)
    assert _named(at) == _q1(1, "a")
    at.sent(at.tx_len, _NOW_MS)
    assert at.tx(_NOW_MS)
    assert _named(at) == _q1(2, "b")


def case_nothing_is_taken_while_paused():
    at = _up()
    at.paused = True
    _put(at, "ab")
    assert not at.tx(_NOW_MS)
    at.paused = False
    assert _written(at) == _q1(1, "a") + _q1(2, "b")


# -- the identical bytes until all are sent (platform-facts 1.4) -----------------------------------


def case_what_is_named_stays_until_it_is_sent():
    at = _up()
    _put(at, "a")
    at.tx(_NOW_MS)
    packet = _named(at)
    sent = b""
    while at.tx_len:
        before = _named(at)
        # All that could want to be written instead.
        at.ping()
        at.announce(b"s", b"x", False)
        _put(at, "b")
        _feed(at, b"\x32\x05\x00\x01t\x00\x09")
        assert at.tx(_NOW_MS)
        assert _named(at) == before
        sent += before[:1]
        at.sent(1, _NOW_MS)
    assert sent == packet == _q1(1, "a")


def case_a_full_outbox_leaves_the_packet_in_writing_alone():
    for qos in (0, 1):
        at = _up(64)
        _put(at, "a", qos)
        at.tx(_NOW_MS)
        at.sent(1, _NOW_MS)
        before = _named(at)
        for _ in range(20):
            at.outbox.put(b"t", b"x" * 9, 0, False)
        assert at.tx(_NOW_MS)
        assert _named(at) == before


def case_an_acknowledgement_before_the_end_of_the_packet_changes_no_byte_of_it():
    # No honest hub can know the message yet; its room must not be given away under the writing.
    at = _up(64)
    _put(at, "a")
    at.tx(_NOW_MS)
    at.sent(1, _NOW_MS)
    before = _named(at)
    _feed(at, _puback(1))
    for _ in range(20):
        at.outbox.put(b"t", b"x" * 9, 0, False)
    if at.state != DEAD:
        assert at.tx(_NOW_MS)
        assert _named(at) == before


# -- the window ----------------------------------------------------------------------------------


def case_the_window_bounds_the_count():
    for window in (1, 2, 8):
        at = _up(window=window)
        _put(at, "abcdefghij")
        expected = b"".join([_q1(i + 1, "abcdefghij"[i]) for i in range(window)])
        assert _written(at) == expected
        assert at.in_flight == window
        _feed(at, _puback(1))
        assert _written(at) == _q1(window + 1, "abcdefghij"[window])


def case_acknowledgements_come_in_any_order():
    at = _up(window=3)
    _put(at, "abcdef")
    _written(at)
    _feed(at, _puback(2))
    assert _written(at) == _q1(4, "d")
    _feed(at, _puback(4) + _puback(3))
    assert _written(at) == _q1(5, "e") + _q1(6, "f")
    _feed(at, _puback(1) + _puback(6) + _puback(5))
    assert (at.outbox.count, at.outbox.used_len, at.in_flight) == (0, 0, 0)


# 8 bytes of packet and the TLS record's overhead.
_COST = 8 + RECORD_COST_LEN


def case_the_window_bounds_the_bytes():
    for fits, max_len in ((1, _COST), (1, 2 * _COST - 1), (2, 2 * _COST), (2, 3 * _COST - 1), (3, 3 * _COST)):
        at = _up(unacked_max_len=max_len)
        _put(at, "abcd")
        _written(at)
        assert at.in_flight == fits, max_len
        _feed(at, _puback(1))
        _written(at)
        assert at.in_flight == fits, max_len


def case_a_message_longer_than_the_bound_goes_alone():
    at = _up(unacked_max_len=50)
    _put_long(at, 100, 1)
    _put(at, "b")
    assert len(_written(at)) == 107
    assert at.in_flight == 1
    _feed(at, _puback(1))
    assert _written(at) == _q1(2, "b")


def case_bytes_come_back_in_full():
    at = _up(unacked_max_len=_COST * 2)
    for i in range(40):
        _put(at, "ab")
        _written(at)
        assert at.in_flight == 2
        _feed(at, _puback(2 * i + 2) + _puback(2 * i + 1))
    assert at.in_flight == 0
    assert at._unacked_len == 0


def case_no_message_overtakes_one_that_must_wait():
    at = _up(window=1)
    _put(at, "ab")
    _put(at, "c", 0)
    assert _written(at) == _q1(1, "a")
    _feed(at, _puback(1))
    assert _written(at) == _q1(2, "b") + _q0("c")


# -- QoS 0 is acknowledged by PINGRESP -------------------------------------------------------------

_COST0 = 6 + RECORD_COST_LEN


def case_a_ping_answers_for_qos_0_once_it_fills_half_the_bound():
    at = _up(unacked_max_len=_COST0 * 4)
    _put(at, "abcdefgh", 0)
    assert _written(at) == _q0("a") + _q0("b") + _q0("c") + _PINGREQ + _q0("d")
    assert not at.tx(_NOW_MS)
    _feed(at, _PINGRESP * 2)  # the second answers for nothing
    # "d" was behind the ping: it still counts.
    assert _written(at) == _q0("e") + _q0("f") + _PINGREQ + _q0("g")


def case_a_few_messages_of_qos_0_need_no_ping():
    at = _up(unacked_max_len=_COST0 * 4)
    _put(at, "ab", 0)
    assert _written(at) == _q0("a") + _q0("b")


def case_qos_0_and_1_share_the_bound():
    at = _up(unacked_max_len=_COST0 + _COST)
    _put(at, "a", 0)
    _put(at, "bc")
    assert _written(at) == _q0("a") + _q1(1, "b")
    _feed(at, _puback(1))
    assert _written(at) == _q1(2, "c")


# The first message fills less than half of the bound, the second more than what is left: only
# PINGRESP can make room, so it must be asked for.
def case_qos_0_that_cannot_go_on_asks_for_a_sign_of_life():
    for qos in (0, 1):
        at = _up(unacked_max_len=300)
        _put_long(at, 66, 0)  # 71 bytes of packet + 29
        _put_long(at, 200, qos)
        assert _written(at)[71:] == _PINGREQ
        _feed(at, _PINGRESP)
        assert len(_written(at)) >= 205
        assert at.outbox.waiting == 0


# -- packet ids ----------------------------------------------------------------------------------


def case_ids_start_anew_behind_65535():
    at = _up()
    at._last_id = 65533  # private, to save 65,533 messages
    _put(at, "abcd")
    assert _written(at) == _q1(65534, "a") + _q1(65535, "b") + _q1(1, "c") + _q1(2, "d")
    _feed(at, _puback(65535) + _puback(65534) + _puback(2) + _puback(1))
    assert at.outbox.count == 0


def case_ids_in_flight_are_skipped():
    at = _up()
    _put(at, "abc")
    _written(at)
    _feed(at, _puback(2))
    at._last_id = 65534
    _put(at, "defg")
    assert _written(at) == _q1(65535, "d") + _q1(2, "e") + _q1(4, "f") + _q1(5, "g")


def case_the_id_of_a_subscription_is_skipped():
    at = _up()
    assert at.subscribe(packets.SUBSCRIBE, [(b"t", 0)], _NOW_MS) == 1
    _written(at)
    at._last_id = 65535
    _put(at, "a")
    assert _written(at) == _q1(2, "a")


def case_a_subscription_takes_no_id_in_flight():
    at = _up()
    _put(at, "a")
    _written(at)
    at._last_id = 0
    assert at.subscribe(packets.SUBSCRIBE, [(b"t", 0)], _NOW_MS) == 2


# -- acknowledgements of the hub -----------------------------------------------------------------


def case_an_unknown_acknowledgement_is_ignored():
    at = _up()
    told = []
    at.on_ack = told.append
    _put(at, "a")
    _written(at)
    _feed(at, _puback(2) + _puback(65535) + _puback(256))
    assert (at.state, at.in_flight, told) == (UP, 1, [])
    _feed(at, _puback(1))
    assert (at.state, at.in_flight, told) == (UP, 0, [1])


def case_malformed_acknowledgements_end_it():
    for packet in (
        b"\x40\x00",
        b"\x40\x01\x00",
        b"\x40\x03\x00\x01\x00",
        b"\x40\x02\x00\x00",  # packet id 0
    ):
        at = _up()
        told = []
        at.on_ack = told.append
        _put(at, "a")
        _written(at)
        _feed(at, packet)
        assert (at.state, at.error, told) == (DEAD, "bad_ack", []), packet


def case_a_handler_that_raises_leaves_the_session_in_order():
    at = _up()
    _put(at, "ab")
    _written(at)

    def raising(packet_id):
        raise RuntimeError(packet_id)

    at.on_ack = raising
    try:
        _feed(at, _puback(1))
    except RuntimeError as e:
        assert e.args == (1,)
    else:
        raise AssertionError("nothing came out")
    at.on_ack = None
    assert (at.state, at.in_flight, at.outbox.count) == (UP, 1, 1)
    _feed(at, _puback(2))
    assert (at.state, at.in_flight, at.outbox.count) == (UP, 0, 0)


def case_publishing_from_the_handler_of_an_acknowledgement():
    at = _up()
    at.on_ack = lambda packet_id: _put(at, "b", 0)
    _put(at, "a")
    _written(at)
    _feed(at, _puback(1))
    assert _written(at) == _q0("b")


# -- again, on the next connection ---------------------------------------------------------------


def case_what_was_not_acknowledged_is_sent_again_in_order():
    at = _up()
    _put(at, "abcd")
    _written(at)
    _feed(at, _puback(2))
    _put(at, "e")
    at.close()
    _connect(at)
    assert _written(at) == _q1(5, "a") + _q1(6, "c") + _q1(7, "d") + _q1(8, "e")
    assert at.in_flight == 4


def case_acknowledgements_of_an_earlier_connection_mean_nothing():
    at = _up()
    _put(at, "a")
    _written(at)
    at.close()
    _connect(at)
    _feed(at, _puback(1))
    assert (at.state, at.outbox.count) == (UP, 1)
    assert _written(at) == _q1(2, "a")


def case_qos_0_in_the_middle_of_writing_is_sent_again():
    for sent_len in (0, 1, 5):
        at = _up()
        _put(at, "ab", 0)
        at.tx(_NOW_MS)
        if sent_len:
            at.sent(sent_len, _NOW_MS)
        at.close()
        _connect(at)
        assert _written(at) == _q0("a") + _q0("b")
        assert at.outbox.count == 0


def case_qos_0_that_was_written_is_not_sent_again():
    at = _up()
    _put(at, "ab", 0)
    at.tx(_NOW_MS)
    at.sent(at.tx_len, _NOW_MS)
    at.close()
    _connect(at)
    assert _written(at) == _q0("b")


def case_a_window_full_of_lost_messages_is_free_again():
    at = _up(window=2, unacked_max_len=_COST * 2)
    _put(at, "abc")
    for i in range(5):
        assert _written(at) == _q1(2 * i + 1, "a") + _q1(2 * i + 2, "b")
        at.fail("reset")
        at.close()
        assert at.in_flight == 0
        _connect(at)


def case_a_new_connection_owes_no_ping_for_the_old_one():
    at = _up(unacked_max_len=_COST0 * 4)
    _put(at, "abc", 0)
    assert _written(at)[-2:] == _PINGREQ
    at.close()
    _connect(at)
    _put(at, "de", 0)
    assert _written(at) == _q0("d") + _q0("e")
