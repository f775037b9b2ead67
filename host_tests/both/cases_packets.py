# packets: every encoder against bytes written by hand from MQTT 3.1.1 (OASIS), every check at its bounds.
from hublink.protocol import packets

# Remaining length, and the bytes that say it (table 2.4).
_LENGTHS = (
    (0, b"\x00"),
    (1, b"\x01"),
    (127, b"\x7f"),
    (128, b"\x80\x01"),
    (16383, b"\xff\x7f"),
    (16384, b"\x80\x80\x01"),
    (2097151, b"\xff\xff\x7f"),
    (2097152, b"\x80\x80\x80\x01"),
    (268435455, b"\xff\xff\xff\x7f"),
)
_GOOD_UTF8 = (
    b"",
    b"plant",
    b"A\xf0\xaa\x9b\x94",  # the standard's own example, figure 1.5.3.1
    b"\x01\x7f",
    b"\xc2\x80\xdf\xbf",  # first and last of two bytes
    b"\xe0\xa0\x80\xef\xbf\xbf",  # of three
    b"\xed\x9f\xbf\xee\x80\x80",  # on both sides of the surrogates
    b"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",  # of four
    b"\xef\xbb\xbf",  # 1.5.3-3: U+FEFF is a character like any other
)
_BAD_UTF8 = (
    b"\x00",  # 1.5.3-2
    b"a\x00b",
    b"\x80",  # a continuation without a start
    b"\xbf",
    b"\xc0\x80",  # overlong U+0000
    b"\xc1\xbf",
    b"\xc2",  # cut off
    b"\xc2a",
    b"\xc2\xc2",
    b"\xe0\x9f\xbf",  # overlong
    b"\xe1\x80",
    b"\xe1\x80a",
    b"\xed\xa0\x80",  # U+D800, 1.5.3-1
    b"\xed\xbf\xbf",  # U+DFFF
    b"\xf0\x8f\xbf\xbf",  # overlong
    b"\xf1\x80\x80",
    b"\xf1\x80\x80a",
    b"\xf1\x80a\x80",
    b"\xf4\x90\x80\x80",  # above U+10FFFF
    b"\xf5\x80\x80\x80",
    b"\xff",
    b"\xfe",
)
_ACKS = ((packets.PUBACK, 0x40), (packets.PUBREC, 0x50), (packets.PUBREL, 0x62), (packets.PUBCOMP, 0x70))
_NUMBERS = ((0, b"\0\0"), (1, b"\0\x01"), (255, b"\0\xff"), (256, b"\x01\0"), (65535, b"\xff\xff"))
# Filter, topics that match, topics that do not (examples of 4.7.1 and 4.7.2, and their borders).
_MATCHES = (
    (b"sport/tennis", (b"sport/tennis",), (b"sport/tenni", b"sport/tennis1", b"sport/tennis/", b"")),
    (
        b"sport/tennis/player1/#",
        (b"sport/tennis/player1", b"sport/tennis/player1/ranking", b"sport/tennis/player1/score/wimbledon"),
        (b"sport/tennis/player", b"sport/tennis/player11", b"sport/tennis/player2/ranking"),
    ),
    (b"sport/#", (b"sport", b"sport/", b"sport/a/b"), (b"sports", b"spor", b"/sport", b"")),
    (b"#", (b"a", b"/", b"a/b", b"/finance"), (b"$SYS", b"$SYS/a")),
    (b"+", (b"a", b"finance"), (b"/finance", b"a/b", b"a/", b"$SYS")),
    (b"+/+", (b"/finance", b"a/b", b"/"), (b"finance", b"a/b/c", b"$SYS/a")),
    (b"/+", (b"/finance", b"/"), (b"finance", b"/a/b")),
    (b"sport/+", (b"sport/", b"sport/a"), (b"sport", b"sport/a/b")),
    (b"sport/tennis/+", (b"sport/tennis/player1",), (b"sport/tennis/player1/ranking",)),
    (b"sport/+/player1", (b"sport/a/player1", b"sport//player1"), (b"sport/player1", b"sport/a/b/player1")),
    (b"+/tennis/#", (b"a/tennis", b"/tennis/b/c", b"a/tennis/"), (b"tennis", b"a/b/tennis", b"$S/tennis")),
    (b"+/+/#", (b"a/b", b"a/b/c", b"/"), (b"a", b"$a/b")),
    (b"$SYS/#", (b"$SYS", b"$SYS/monitor/Clients"), (b"a", b"SYS/a", b"$SYSTEM")),
    (b"$SYS/monitor/+", (b"$SYS/monitor/Clients",), (b"$SYS/monitor",)),
    (b"$SCW/events/#", (b"$SCW/events/error/device/1",), (b"$SCW/event", b"$SCW/eventsx/error")),
    (b"/", (b"/",), (b"", b"a", b"//", b"/a")),
    (b"a/+/", (b"a/b/", b"a//"), (b"a/b", b"a/b/c")),
    (b"ACCOUNTS", (b"ACCOUNTS",), (b"Accounts",)),  # 4.7.3: case counts
)
_GOOD_FILTERS = (
    b"a", b"/", b"a/b", b"+", b"#", b"+/#", b"a/+/b", b"a/#", b"/+", b"+/+", b"$SYS/#", b" ", b"a//b",
    b"\xc3\xa4/+",
)  # fmt: skip
_BAD_FILTERS = (
    b"", b"a#", b"#a", b"#/a", b"a/#/b", b"##", b"a+", b"+a", b"a/b+", b"a/+b/c", b"++", b"a/#b", b"\0",
    b"a/\xff", b"\xed\xa0\x80/#",
)  # fmt: skip


# Runs an encoder on a buffer of ones: what it wrote. With or without room behind it, the same comes of
# it, and the buffer does not grow.
def _encoded(length, encode):
    outcomes = []
    for spare_len in (0, 1, 15, 16, 40, 300):
        buf = bytearray(b"\xff" * (length + spare_len))
        assert encode(buf) == length
        assert len(buf) == length + spare_len
        outcomes.append(bytes(buf[:length]))
    assert len(set(outcomes)) == 1
    return outcomes[0]


# fields: client id, user, password, keep-alive in seconds, clean session, will.
def _connect(*fields):
    client_id, user, password, _, _, will = fields
    length, _ = packets.connect_len(client_id, user, password, will)
    return _encoded(length, lambda buf: packets.put_connect(buf, *fields))


def _subscribe(kind, packet_id, filters):
    length, _ = packets.subscribe_len(kind, filters)
    return _encoded(length, lambda buf: packets.put_subscribe(buf, kind, packet_id, filters))


def _publish(topic, payload, qos, retain, packet_id):
    def encode(buf):
        end = packets.put_publish(buf, 0, topic, payload, qos, retain, len(buf))
        if qos:
            packets.set_publish_id(buf, 0, packet_id, False)
        return end

    return _encoded(packets.publish_len(len(topic), len(payload), qos), encode)


def case_connect_with_nothing_but_a_name():
    expected = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01d"
    assert _connect(b"d", None, None, 60, True, None) == expected


def case_connect_that_keeps_its_session():
    expected = b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x00\x00\x01d"
    assert _connect(b"d", None, None, 0, False, None) == expected


def case_connect_without_a_name():
    assert _connect(b"", None, None, 60, True, None) == b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"


def case_connect_with_everything():
    will = (b"t/w", b"gone", 1, True)
    expected = (
        b"\x10\x22\x00\x04MQTT\x04\xee\xff\xff"  # user, password, retain, QoS 1, will, clean; 65,535 s
        b"\x00\x03dev\x00\x03t/w\x00\x04gone\x00\x02me\x00\x02pw"
    )
    assert _connect(b"dev", b"me", b"pw", 65535, True, will) == expected


def case_connect_flags_one_by_one():
    for user, password, will, flags in (
        (b"u", None, None, 0x80),
        (b"", None, None, 0x80),  # an empty user is a user
        (b"u", b"", None, 0xC0),
        (None, None, (b"t", b"", 0, False), 0x04),
        (None, None, (b"t", b"", 1, False), 0x0C),
        (None, None, (b"t", b"", 2, False), 0x14),
        (None, None, (b"t", b"", 0, True), 0x24),
    ):
        assert _connect(b"d", user, password, 60, False, will)[9] == flags


def case_connect_with_a_user_and_no_password():
    expected = b"\x10\x11\x00\x04MQTT\x04\x82\x00\x3c\x00\x01d\x00\x02me"
    assert _connect(b"d", b"me", None, 60, True, None) == expected


def case_connect_with_an_empty_will():
    expected = b"\x10\x12\x00\x04MQTT\x04\x06\x00\x3c\x00\x01d\x00\x01t\x00\x00"
    assert _connect(b"d", None, None, 60, True, (b"t", b"", 0, False)) == expected


def case_connect_longer_than_127_bytes():
    packet = _connect(b"d" * 200, None, None, 60, True, None)
    assert packet == b"\x10\xd4\x01\x00\x04MQTT\x04\x02\x00\x3c\x00\xc8" + b"d" * 200


def case_publish_of_each_qos():
    assert _publish(b"a/b", b"hi", 0, False, 0) == b"\x30\x07\x00\x03a/bhi"
    assert _publish(b"a/b", b"hi", 0, True, 0) == b"\x31\x07\x00\x03a/bhi"
    assert _publish(b"a/b", b"hi", 1, False, 10) == b"\x32\x09\x00\x03a/b\x00\x0ahi"
    assert _publish(b"a/b", b"hi", 1, True, 0xABCD) == b"\x33\x09\x00\x03a/b\xab\xcdhi"
    assert _publish(b"a/b", b"hi", 2, False, 65535) == b"\x34\x09\x00\x03a/b\xff\xffhi"


def case_publish_of_nothing():
    assert _publish(b"t", b"", 0, False, 0) == b"\x30\x03\x00\x01t"
    assert _publish(b"t", b"", 1, False, 1) == b"\x32\x05\x00\x01t\x00\x01"


def case_publish_at_each_border_of_the_length():
    for remaining, written in _LENGTHS[2:6]:
        payload = b"x" * (remaining - 3)
        assert _publish(b"t", payload, 0, False, 0) == b"\x30" + written + b"\x00\x01t" + payload


def case_publish_in_the_middle_of_a_buffer():
    buf = bytearray(20)
    assert packets.put_publish(buf, 7, b"t", b"hi", 1, False, 20) == 16
    assert bytes(buf) == bytes(7) + b"\x32\x07\x00\x01t\x00\x00hi" + bytes(4)
    packets.set_publish_id(buf, 7, 258, False)
    assert bytes(buf) == bytes(7) + b"\x32\x07\x00\x01t\x01\x02hi" + bytes(4)
    assert packets.publish_id(buf, 7) == 258


def case_publish_touches_nothing_before_it_and_nothing_from_its_end_on():
    for payload_len in (0, 1, 15, 16, 17, 31, 32, 33, 255, 256, 257, 300, 511, 512, 513, 1100):
        payload = bytes([i * 37 % 251 for i in range(payload_len)])
        packet = _publish(b"topic", payload, 0, False, 0)
        for room_len in (0, 1, 14, 15, 16, 17, 254, 255, 256, 600):
            end = 7 + len(packet) + room_len
            buf = bytearray(b"\xff" * (end + 300))
            assert packets.put_publish(buf, 7, b"topic", payload, 0, False, end) == 7 + len(packet)
            assert bytes(buf[:7]) == b"\xff" * 7
            assert bytes(buf[7 : 7 + len(packet)]) == packet, (payload_len, room_len)
            assert bytes(buf[end:]) == b"\xff" * 300, (payload_len, room_len)


def case_bytes_of_each_length_are_put_whole():
    lengths = list(range(70))
    lengths.extend((255, 256, 257, 1023, 1024, 1025, 5000, 65535))
    for data_len in lengths:
        data = bytes([i * 37 % 251 for i in range(data_len)])
        for end in (3 + data_len, 3 + data_len + 9, 70000):
            buf = bytearray(70001)
            buf[end] = 0xFF
            assert packets.put(buf, 3, data, end) == 3 + data_len
            assert bytes(buf[3 : 3 + data_len]) == data, (data_len, end)
            assert (buf[0], buf[2], buf[end]) == (0, 0, 0xFF)


def case_dup_is_set_and_taken_back():
    for qos, retain, first in ((1, False, 0x32), (1, True, 0x33), (2, False, 0x34), (2, True, 0x35)):
        buf = bytearray(_publish(b"t", b"hi", qos, retain, 5))
        packets.set_publish_id(buf, 0, 6, True)
        assert bytes(buf) == bytes([first | 8]) + b"\x07\x00\x01t\x00\x06hi"
        packets.set_publish_id(buf, 0, 7, False)
        assert bytes(buf) == bytes([first]) + b"\x07\x00\x01t\x00\x07hi"


def case_publish_id_behind_a_length_of_one_to_three_bytes():
    for payload_len, length in ((0, b"\x05"), (200, b"\xcd\x01"), (16384, b"\x85\x80\x01")):
        payload = b"x" * payload_len
        packet = _publish(b"t", payload, 1, False, 0x0102)
        assert packet == b"\x32" + length + b"\x00\x01t\x01\x02" + payload
        assert packets.publish_id(packet, 0) == 0x0102


def case_lengths_of_packets_that_no_buffer_holds():
    for remaining, written in _LENGTHS[1:]:
        if remaining >= 3:
            assert packets.publish_len(1, remaining - 3, 0) == 1 + len(written) + remaining
        if remaining >= 5:
            assert packets.publish_len(1, remaining - 5, 1) == 1 + len(written) + remaining
    assert packets.REMAINING_MAX == _LENGTHS[-1][0]


def case_subscribe_as_in_the_standard():
    # Figure 3.23, packet id 10.
    expected = b"\x82\x0e\x00\x0a\x00\x03a/b\x01\x00\x03c/d\x02"
    assert _subscribe(packets.SUBSCRIBE, 10, [(b"a/b", 1), (b"c/d", 2)]) == expected


def case_unsubscribe_as_in_the_standard():
    # Figure 3.30: as above, without the bytes for QoS.
    expected = b"\xa2\x0c\x00\x0a\x00\x03a/b\x00\x03c/d"
    assert _subscribe(packets.UNSUBSCRIBE, 10, [(b"a/b", 1), (b"c/d", 2)]) == expected


def case_subscribe_longer_than_127_bytes():
    packet = _subscribe(packets.SUBSCRIBE, 1, [(b"t" * 123, 0)])
    assert packet == b"\x82\x80\x01\x00\x01\x00\x7b" + b"t" * 123 + b"\x00"


def case_acknowledgements():
    for kind, first in _ACKS:
        buf = bytearray(b"\xff" * 5)
        assert packets.put_ack(buf, 0, kind, 0x0A0B) == 4
        assert bytes(buf) == bytes([first, 2, 10, 11, 255])


def case_packets_of_two_bytes():
    assert packets.PINGREQ_PACKET == b"\xc0\x00"
    assert packets.DISCONNECT_PACKET == b"\xe0\x00"


def case_kinds_are_the_standards():
    kinds = (
        packets.CONNECT, packets.CONNACK, packets.PUBLISH, packets.PUBACK, packets.PUBREC, packets.PUBREL,
        packets.PUBCOMP, packets.SUBSCRIBE, packets.SUBACK, packets.UNSUBSCRIBE, packets.UNSUBACK,
        packets.PINGREQ, packets.PINGRESP, packets.DISCONNECT,
    )  # fmt: skip
    assert kinds == tuple(range(0x10, 0xF0, 0x10))


def case_text_becomes_utf8_and_bytes_stay():
    assert packets.to_bytes("gr\u00fcn") == b"gr\xc3\xbcn"
    assert packets.to_bytes(b"\xff") == b"\xff"
    assert packets.to_bytes(None) is None


def case_numbers_of_two_bytes():
    buf = bytearray(4)
    for n, written in _NUMBERS:
        assert packets.put_u16(buf, 1, n) == 3
        assert bytes(buf[1:3]) == written
        assert packets.get_u16(buf, 1) == n


def case_good_utf8_is_taken():
    for text in _GOOD_UTF8:
        assert packets.is_utf8(text, 0, len(text)), text


def case_bad_utf8_is_refused():
    for text in _BAD_UTF8:
        assert not packets.is_utf8(text, 0, len(text)), text
        assert not packets.is_utf8(b"ok" + text, 0, len(text) + 2), text


def case_utf8_is_judged_within_its_bounds():
    for text in _GOOD_UTF8:
        assert packets.is_utf8(b"\xff" + text + b"\x80\xff", 1, 1 + len(text)), text
    # What is cut off is not completed by what follows.
    for text in _GOOD_UTF8[3:]:
        for end in range(1, len(text)):
            if text[end] & 0xC0 == 0x80:
                assert not packets.is_utf8(text, 0, end), (text, end)


def case_topics():
    for topic in (b"a", b"/", b"a b", b"$SYS/a", b"gr\xc3\xbcn"):
        assert packets.is_topic(topic, 0, len(topic)), topic
    for topic in (b"", b"#", b"+", b"a/#", b"a+b", b"a\0", b"\xff"):
        assert not packets.is_topic(topic, 0, len(topic)), topic
    assert packets.is_topic(b"#ab#", 1, 3)


def case_filters():
    for text in _GOOD_FILTERS:
        assert packets.is_filter(text), text
    for text in _BAD_FILTERS:
        assert not packets.is_filter(text), text


def case_filters_have_a_longest_length():
    assert packets.is_filter(b"a" * 65535)
    assert not packets.is_filter(b"a" * 65536)


def case_matching_as_in_the_standard():
    for topic_filter, matching, others in _MATCHES:
        assert packets.is_filter(topic_filter), topic_filter
        for topic in matching:
            assert packets.matches(topic_filter, topic, 0, len(topic)), (topic_filter, topic)
        for topic in others:
            assert not packets.matches(topic_filter, topic, 0, len(topic)), (topic_filter, topic)


def case_matching_keeps_to_its_bounds():
    for topic_filter, matching, others in _MATCHES:
        for topic in matching + others:
            inside = b"/a" + topic + b"/a"
            found = packets.matches(topic_filter, inside, 2, 2 + len(topic))
            assert bool(found) == (topic in matching), (topic_filter, topic)
