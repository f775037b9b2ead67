# reader: any split of a stream gives the same packets, and nothing is read past the end of one.
from hublink.limits import CHUNK_LEN
from hublink.protocol.reader import Reader

_BODY_LEN = 100


# Splits for a stream: sizes that are asked for in turn, as much as is wanted at most.
_SPLITS = ((100_000,), (1,), (2,), (3,), (7,), (CHUNK_LEN,), (CHUNK_LEN + 1,), (1, 100_000), (5, 1, 64, 2))


# Feeds data and returns the packets, each (first, length, what is kept of the body, cut). Stops at an
# error, which it appends.
def _read(reader, data, split=(100_000,)):
    found = []
    at = turn = 0
    while at < len(data):
        n = min(reader.want, split[turn % len(split)], len(data) - at)
        turn += 1
        assert n > 0
        into = reader.into
        for i in range(n):
            into[i] = data[at + i]
        at += n
        if reader.received(n):
            kept = bytes(reader.body[: min(reader.length, _BODY_LEN)])
            found.append((reader.first, reader.length, kept, reader.cut))
        elif reader.error:
            found.append(reader.error)
            break
    return found


# Bytes that differ from their neighbours, so that one in a wrong place shows.
def _body(length):
    return bytes([i * 37 % 251 for i in range(length)])


# A packet by hand: first byte, remaining length in as many bytes as it needs, body.
def _packet(first, length):
    head = [first]
    n = length
    while n > 127:
        head.append(n % 128 + 128)
        n //= 128
    head.append(n)
    return bytes(head) + _body(length)


def _expected(first, length):
    return (first, length, _body(length)[:_BODY_LEN], length > _BODY_LEN)


def case_each_length_in_each_split():
    for length in (0, 1, 2, 63, 64, 65, 99, 100, 101, 127, 128, 129, 164, 165, 200, 300):
        for split in _SPLITS:
            found = _read(Reader(_BODY_LEN), _packet(0x32, length), split)
            assert found == [_expected(0x32, length)], (length, split)


def case_a_long_packet_is_cut_and_skipped():
    for split in ((100_000,), (1, 300)):
        found = _read(Reader(_BODY_LEN), _packet(0x30, 20_000) + _packet(0xD0, 0), split)
        assert found == [_expected(0x30, 20_000), (0xD0, 0, b"", False)]


def case_packets_follow_each_other_in_any_split():
    lengths = (0, 2, 130, 0, 100, 101, 5, 0, 0, 64)
    stream = b"".join([_packet(0x10 + i * 16, length) for i, length in enumerate(lengths)])
    expected = [_expected(0x10 + i * 16, length) for i, length in enumerate(lengths)]
    for split in _SPLITS:
        assert _read(Reader(_BODY_LEN), stream, split) == expected, split


def case_two_pieces_split_at_every_position():
    stream = _packet(0x32, 110) + _packet(0x40, 2)
    expected = [_expected(0x32, 110), _expected(0x40, 2)]
    for at in range(1, len(stream)):
        reader = Reader(_BODY_LEN)
        assert _read(reader, stream[:at]) + _read(reader, stream[at:]) == expected, at


def case_a_truncated_packet_is_no_packet():
    packet = _packet(0x32, 130)
    for length in range(len(packet)):
        reader = Reader(_BODY_LEN)
        assert _read(reader, packet[:length]) == []
        assert reader.error is None
        assert 0 < reader.want <= len(packet) - length


def case_nothing_is_asked_for_past_the_end_of_the_packet():
    packet = _packet(0x32, 130)
    for split in _SPLITS:
        reader = Reader(_BODY_LEN)
        left = len(packet)
        turn = 0
        while left:
            assert reader.want <= left
            assert reader.want <= len(reader.into)
            n = min(reader.want, split[turn % len(split)])
            turn += 1
            for i in range(n):
                reader.into[i] = packet[len(packet) - left + i]
            left -= n
            reader.received(n)


def case_the_smallest_packet_is_asked_for_whole():
    reader = Reader(_BODY_LEN)
    assert reader.want == 2
    assert _read(reader, b"\xd0\x00") == [(0xD0, 0, b"", False)]
    assert reader.want == 2


def case_a_body_is_asked_for_whole():
    reader = Reader(_BODY_LEN)
    _read(reader, b"\x32\x50")
    assert reader.want == 80
    assert reader.into is reader.body


def case_the_largest_length_is_a_length():
    reader = Reader(_BODY_LEN)
    assert _read(reader, b"\x30\xff\xff\xff\x7f") == []
    assert reader.error is None
    assert reader.length == 268_435_455
    assert reader.cut


def case_a_length_of_five_bytes_is_an_error():
    for split in ((100_000,), (1,)):
        assert _read(Reader(_BODY_LEN), b"\x30\x80\x80\x80\x80", split) == ["bad_length"]
        assert _read(Reader(_BODY_LEN), b"\x30\xff\xff\xff\xff\x01", split) == ["bad_length"]


def case_a_length_with_empty_digits_is_a_length():
    assert _read(Reader(_BODY_LEN), b"\xd0\x80\x80\x80\x00") == [(0xD0, 0, b"", False)]
    assert _read(Reader(_BODY_LEN), b"\x40\x82\x00ab") == [(0x40, 2, b"ab", False)]


def case_reset_forgets_half_a_packet():
    packet = _packet(0x32, 130)
    for length in range(len(packet)):
        reader = Reader(_BODY_LEN)
        _read(reader, packet[:length])
        reader.reset()
        assert _read(reader, _packet(0x40, 2)) == [_expected(0x40, 2)], length


def case_reset_forgets_an_error():
    reader = Reader(_BODY_LEN)
    assert _read(reader, b"\x30\x80\x80\x80\x80") == ["bad_length"]
    reader.reset()
    assert reader.error is None
    assert _read(reader, _packet(0x40, 2)) == [_expected(0x40, 2)]


def case_the_buffer_never_grows():
    reader = Reader(_BODY_LEN)
    before = len(reader.body)
    for split in _SPLITS:
        _read(reader, _packet(0x32, 99) + _packet(0x32, 100) + _packet(0x32, 500), split)
    assert len(reader.body) == before
