# outbox: what is put comes out whole and in order; room is exact; the oldest unsent message goes first.
from hublink.outbox import HEAD_LEN, Outbox
from hublink.protocol import packets


# PUBLISH of QoS 0 on topic "t", written by hand: 0x30, remaining length, 0 1 't', payload.
def _packet(payload):
    return b"\x30" + bytes([3 + len(payload)]) + b"\0\x01t" + payload


# A payload that makes a record of record_len bytes, filled with the letter.
def _payload(record_len, letter):
    return letter * (record_len - HEAD_LEN - 5)


def _put(outbox, record_len, letter):
    return outbox.put(b"t", _payload(record_len, letter), 0, False)


def _letter(outbox, record):
    at = record + HEAD_LEN
    return bytes(outbox.buf[at + outbox.packet_len(record) - 1 : at + outbox.packet_len(record)])


# Sends and finishes all that waits; the letters in the order of sending.
def _drain(outbox):
    letters = b""
    while outbox.peek() >= 0:
        record = outbox.peek()
        outbox.sent(record)
        letters += _letter(outbox, record)
        outbox.done(record)
    return letters


def _counts(outbox):
    return outbox.count, outbox.waiting, outbox.used_len, outbox.dropped


def case_a_new_outbox_is_empty():
    outbox = Outbox(64)
    assert outbox.peek() == -1
    assert _counts(outbox) == (0, 0, 0, 0)
    assert outbox.packet_max() == 60


def case_sizes_outside_64_to_65536_are_refused():
    for size_len in (63, 0, -1, 65537):
        try:
            Outbox(size_len)
        except ValueError as e:
            assert "64..65536" in str(e)
        else:
            raise AssertionError(size_len)
    assert len(Outbox(64).buf) == 64
    assert len(Outbox(65536).buf) == 65536


def case_the_record_holds_the_packet_itself():
    outbox = Outbox(64)
    assert outbox.put(b"t", b"hello", 0, False) is True
    record = outbox.peek()
    at = record + HEAD_LEN
    assert bytes(outbox.buf[at : at + outbox.packet_len(record)]) == _packet(b"hello")


def case_qos_and_retain_are_in_the_packet():
    for qos, retain, first in ((0, False, 0x30), (0, True, 0x31), (1, False, 0x32), (1, True, 0x33)):
        outbox = Outbox(64)
        outbox.put(b"t", b"x", qos, retain)
        assert outbox.buf[outbox.peek() + HEAD_LEN] == first


def case_messages_come_out_in_the_order_they_went_in():
    outbox = Outbox(200)
    for letter in (b"a", b"b", b"c"):
        assert _put(outbox, 20, letter)
    assert _counts(outbox) == (3, 3, 60, 0)
    assert _drain(outbox) == b"abc"
    assert _counts(outbox) == (0, 0, 0, 0)


def case_peek_changes_nothing():
    outbox = Outbox(64)
    _put(outbox, 20, b"a")
    assert outbox.peek() == outbox.peek()
    assert _counts(outbox) == (1, 1, 20, 0)


def case_a_message_that_fills_the_outbox_to_the_last_byte_fits():
    outbox = Outbox(64)
    assert _put(outbox, 64, b"a")
    assert outbox.used_len == 64
    assert _drain(outbox) == b"a"


def case_a_message_one_byte_too_long_can_never_be_stored():
    outbox = Outbox(64)
    _put(outbox, 20, b"a")
    try:
        _put(outbox, 65, b"b")
    except ValueError as e:
        assert "61 bytes, expected at most 60" in str(e)
    else:
        raise AssertionError("it was taken")
    assert _counts(outbox) == (1, 1, 20, 1)
    assert _drain(outbox) == b"a"


def case_the_longest_packet_of_the_largest_outbox_keeps_its_length():
    outbox = Outbox(65536)
    # 0x30, three bytes of remaining length (65,528), topic of 3 bytes in all.
    assert outbox.put(b"t", bytes(65525), 0, False)
    assert outbox.packet_len(outbox.peek()) == 65532 == outbox.packet_max()


def case_records_fill_the_outbox_exactly_without_a_drop():
    outbox = Outbox(64)
    for letter in (b"a", b"b", b"c", b"d"):
        assert _put(outbox, 16, letter)
    assert _counts(outbox) == (4, 4, 64, 0)
    assert _drain(outbox) == b"abcd"


def case_the_oldest_goes_when_there_is_no_room():
    outbox = Outbox(64)
    for letter in (b"a", b"b", b"c", b"d", b"e"):
        assert _put(outbox, 16, letter)
    assert outbox.dropped > 0
    left = _drain(outbox)
    assert left == b"abcde"[outbox.dropped :]


def case_several_go_for_a_long_one():
    outbox = Outbox(100)
    for letter in (b"a", b"b", b"c", b"d", b"e"):
        _put(outbox, 20, letter)
    assert _put(outbox, 50, b"L")
    assert outbox.dropped in (3, 4)
    assert _drain(outbox) == b"abcde"[outbox.dropped :] + b"L"


def case_all_go_for_one_that_needs_everything():
    outbox = Outbox(64)
    for letter in (b"a", b"b", b"c"):
        _put(outbox, 20, letter)
    assert _put(outbox, 64, b"L")
    assert outbox.dropped == 3
    assert _counts(outbox) == (1, 1, 64, 3)
    assert _drain(outbox) == b"L"


def case_a_message_in_flight_is_never_dropped():
    outbox = Outbox(64)
    for letter in (b"a", b"b", b"c", b"d"):
        _put(outbox, 16, letter)
    first = outbox.peek()
    outbox.sent(first)
    assert _put(outbox, 16, b"e") is False
    assert _counts(outbox) == (4, 3, 64, 1)
    assert _letter(outbox, first) == b"a"
    outbox.done(first)
    assert _drain(outbox) == b"bcd"


def case_room_comes_back_only_behind_the_oldest_in_flight():
    outbox = Outbox(64)
    for letter in (b"a", b"b", b"c", b"d"):
        _put(outbox, 16, letter)
    records = []
    for _ in range(3):
        records.append(outbox.peek())
        outbox.sent(records[-1])
    outbox.done(records[1])
    assert outbox.used_len == 64
    outbox.done(records[0])
    assert outbox.used_len == 32
    assert outbox.count == 2


def case_a_record_fits_where_the_ring_starts_anew():
    outbox = Outbox(64)
    for letter in (b"a", b"b", b"c"):
        _put(outbox, 20, letter)
    record = outbox.peek()
    outbox.sent(record)
    outbox.done(record)
    # Four bytes are left at the end, twenty at the start; nineteen is the most that keeps the two
    # ends apart.
    assert _put(outbox, 19, b"d")
    assert outbox.dropped == 0
    assert _drain(outbox) == b"bcd"


def case_records_follow_each_other_up_to_the_head():
    for last_len, fits in ((39, True), (40, False)):
        outbox = Outbox(100)
        for record_len, letter in ((30, b"a"), (30, b"b"), (40, b"c")):
            _put(outbox, record_len, letter)
        for _ in range(2):
            record = outbox.peek()
            outbox.sent(record)
            outbox.done(record)
        outbox.sent(outbox.peek())
        assert _put(outbox, 20, b"d")
        # Sixty bytes lie before "c"; one of them must stay free.
        assert _put(outbox, last_len, b"e") is fits
        outbox.rewind()
        assert _drain(outbox) == (b"cde" if fits else b"cd")


def case_every_remainder_at_the_end_of_the_ring_is_stepped_over():
    # From 0 to 12 bytes are left behind the last record: with and without room for a mark.
    for left_len in range(13):
        outbox = Outbox(100)
        for record_len, letter in ((30, b"a"), (30, b"b"), (40 - left_len, b"c")):
            _put(outbox, record_len, letter)
        record = outbox.peek()
        outbox.sent(record)
        outbox.done(record)
        assert _put(outbox, 20, b"d"), left_len
        assert outbox.dropped == 0
        assert _drain(outbox) == b"bcd", left_len


def case_rewind_sends_again_in_the_same_order():
    outbox = Outbox(200)
    for letter in (b"a", b"b", b"c", b"d"):
        _put(outbox, 20, letter)
    records = []
    for _ in range(3):
        records.append(outbox.peek())
        outbox.sent(records[-1])
    outbox.done(records[1])
    outbox.rewind()
    assert _counts(outbox) == (3, 3, 80, 0)
    assert _drain(outbox) == b"acd"


def case_rewind_of_nothing_is_nothing():
    outbox = Outbox(64)
    outbox.rewind()
    assert outbox.peek() == -1
    _put(outbox, 20, b"a")
    outbox.rewind()
    assert _drain(outbox) == b"a"


def case_rewind_across_the_end_of_the_ring():
    outbox = Outbox(64)
    for letter in (b"a", b"b", b"c"):
        _put(outbox, 20, letter)
    for _ in range(2):
        outbox.sent(outbox.peek())
    outbox.rewind()
    record = outbox.peek()
    outbox.sent(record)
    outbox.done(record)
    _put(outbox, 15, b"d")
    while outbox.peek() >= 0:
        outbox.sent(outbox.peek())
    outbox.rewind()
    assert _drain(outbox) == b"bcd"


def case_what_was_rewound_may_be_dropped():
    outbox = Outbox(64)
    for letter in (b"a", b"b", b"c", b"d"):
        _put(outbox, 16, letter)
    outbox.sent(outbox.peek())
    outbox.rewind()
    assert _put(outbox, 16, b"e")
    assert outbox.dropped == 2
    assert _drain(outbox) == b"cde"


# Puts a QoS 1 message and sends it under this packet id.
def _send_under(outbox, packet_id, letter):
    assert outbox.put(b"t", letter, 1, False)
    record = outbox.peek()
    packets.set_publish_id(outbox.buf, record + HEAD_LEN, packet_id, False)
    outbox.sent(record)
    return record


def case_what_was_sent_before_is_known_by_its_packet_id():
    outbox = Outbox(200)
    first = _send_under(outbox, 7, b"a")
    second = _send_under(outbox, 300, b"b")
    assert outbox.put(b"t", b"c", 1, False)
    assert not outbox.holds_id(7)  # in flight: the session knows that one itself
    outbox.rewind()
    assert (outbox.is_again(first), outbox.is_again(second)) == (True, True)
    assert [outbox.holds_id(i) for i in (7, 300, 0, 1, 8)] == [True, True, False, False, False]
    outbox.sent(outbox.peek())
    assert [outbox.holds_id(i) for i in (7, 300)] == [False, True]
    outbox.sent(outbox.peek())
    assert not outbox.holds_id(300)
    assert not outbox.is_again(outbox.peek())


def case_ids_can_be_forgotten():
    outbox = Outbox(200)
    first = _send_under(outbox, 7, b"a")
    outbox.rewind()
    outbox.forget_ids()
    assert not outbox.is_again(first)
    assert not outbox.holds_id(7)
    assert _drain(outbox) == b"a"


def case_forgetting_touches_nothing_in_flight():
    outbox = Outbox(200)
    first = _send_under(outbox, 7, b"a")
    outbox.forget_ids()
    assert outbox.peek() == -1
    outbox.rewind()
    assert outbox.is_again(first)


def case_the_id_of_a_dropped_message_is_free():
    outbox = Outbox(64)
    for packet_id, letter in ((7, b"a"), (8, b"b")):
        _send_under(outbox, packet_id, letter)
    outbox.rewind()
    while not outbox.dropped:
        assert outbox.put(b"t", b"", 1, False)
    assert outbox.dropped == 1
    assert [outbox.holds_id(i) for i in (7, 8)] == [False, True]
    outbox.forget_ids()
    outbox.rewind()
    assert not outbox.holds_id(8)


def case_what_the_hub_may_hold_at_qos_2_is_not_dropped():
    outbox = Outbox(64)
    for letter in (b"a", b"b", b"c"):
        outbox.put(b"t", letter, 2, False)
    outbox.sent(outbox.peek())
    outbox.rewind()
    assert not outbox.put(b"t", bytes(40), 2, False)
    assert (outbox.dropped, outbox.count) == (1, 3)
    outbox.forget_ids()
    assert outbox.put(b"t", bytes(40), 2, False)
    assert (outbox.dropped, outbox.count) == (4, 1)


def case_sent_before_and_sent_again_and_again():
    outbox = Outbox(200)
    _send_under(outbox, 7, b"a")
    for _ in range(5):
        outbox.rewind()
        assert outbox.holds_id(7)
        outbox.sent(outbox.peek())
        assert not outbox.holds_id(7)
    outbox.rewind()
    outbox.rewind()
    assert outbox.holds_id(7)
    outbox.forget_ids()
    assert not outbox.holds_id(7)


def case_old_marks_in_the_ring_are_no_marks():
    # The place of an old mark is used as record, as length and as payload in later rounds.
    outbox = Outbox(64)
    sent = b""
    for i in range(200):
        letter = bytes([65 + i % 26])
        assert _put(outbox, 10 + i * 7 % 22, letter)
        sent += letter
        if i % 2:
            assert _drain(outbox) == sent
            sent = b""
    assert outbox.dropped == 0
