# dns: questions and replies by hand from RFC 1035; every damaged reply ends in a word, none in an exception.
from hublink import limits
from hublink.protocol import dns

_ID = 0xBEEF
_ASKED = b"\xbe\xef\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03hub\x07example\x04test\x00\x00\x01\x00\x01"
_QUESTION = _ASKED[12:]
_NAME = b"\xc0\x0c"  # points back at the name in the question


def _head(answers, flags=b"\x81\x80"):
    return b"\xbe\xef" + flags + b"\x00\x01" + bytes([answers >> 8, answers & 255]) + b"\x00\x00\x00\x00"


def _record(kind, ttl, data, name=_NAME):
    return name + bytes([0, kind, 0, 1]) + ttl + bytes([0, len(data)]) + data


def _address(last, ttl=b"\x00\x00\x01\x2c", name=_NAME):
    return _record(1, ttl, bytes([192, 0, 2, last]), name)


# A reply with these answers, and whatever follows them.
def _reply(*records):
    return _head(len(records)) + _QUESTION + b"".join(records)


def case_the_question_is_written_as_in_the_rfc():
    assert dns.query("hub.example.test", _ID) == _ASKED


def case_the_id_takes_two_bytes():
    for query_id, written in ((0, b"\x00\x00"), (255, b"\x00\xff"), (256, b"\x01\x00"), (65535, b"\xff\xff")):
        assert dns.query("a", query_id)[:2] == written


def case_a_name_without_dots_and_one_with_long_labels():
    assert dns.query("a", 0)[12:] == b"\x01a\x00\x00\x01\x00\x01"
    label = b"x" * 63
    assert dns.query("x" * 63 + ".y", 0)[12:] == b"\x3f" + label + b"\x01y\x00\x00\x01\x00\x01"


def case_impossible_names_are_refused():
    for host in ("", ".", "a..b", ".a", "a.", "x" * 64, "a." + "x" * 64):
        try:
            dns.query(host, 0)
        except ValueError as e:
            assert "1 to 63" in str(e)
        else:
            raise AssertionError(host)


def case_addresses_are_told_from_names():
    for text in ("192.0.2.1", "0.0.0.0", "255.255.255.255", "1.2.3.4", "010.0.0.1"):
        assert dns.is_address(text), text
    for text in (
        "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.0.0.1", "1.2.3.1000", "a.b.c.d",
        "1.2.3.4 ", "1.2.3.X", "0001.2.3.4", "1.2.3.-4", "+1.2.3.4", "1.2.3.\u00b2", "1.2.3.\u0663",
        "hub.example.test", "0x7f.0.0.1",
    ):  # fmt: skip
        assert not dns.is_address(text), text


def case_ports_are_numbers_from_1_to_65535():
    for text in ("1", "53", "8883", "65535", "0080"):
        assert dns.is_port(text), text
    for text in ("", "0", "65536", "000080", "-1", "+1", " 1", "1 ", "1.0", "a", "\u00b2", "\u0663", "1e3"):
        assert not dns.is_port(text), text


def case_one_address():
    assert dns.reply(_reply(_address(7)), _ASKED) == (["192.0.2.7"], 300)


def case_several_addresses_keep_their_order():
    addresses, _ = dns.reply(_reply(_address(9), _address(7), _address(8)), _ASKED)
    assert addresses == ["192.0.2.9", "192.0.2.7", "192.0.2.8"]


def case_the_shortest_time_to_live_counts():
    ttls = (b"\x00\x00\x02\x00", b"\x00\x00\x01\x00", b"\x00\x01\x00\x00")
    reply = _reply(*[_address(i, ttl) for i, ttl in enumerate(ttls)])
    assert dns.reply(reply, _ASKED)[1] == 256


def case_the_time_to_live_has_bounds():
    for ttl, expected_s in (
        (b"\x00\x00\x00\x00", limits.DNS_CACHE_MIN_S),
        (b"\x00\x00\x00\x3b", limits.DNS_CACHE_MIN_S),
        (b"\x00\x00\x00\x3d", 61),
        (b"\x00\x00\xff\xff", 65535),
        (b"\x00\x01\x00\x01", 65537),
        (b"\x00\x01\x51\x80", limits.DNS_CACHE_MAX_S),
        (b"\x00\x01\x51\x81", limits.DNS_CACHE_MAX_S),
        (b"\x7f\xff\xff\xff", limits.DNS_CACHE_MAX_S),
    ):
        assert dns.reply(_reply(_address(1, ttl)), _ASKED)[1] == expected_s, ttl


def case_a_time_to_live_with_the_top_bit_counts_as_zero():
    # RFC 2181, section 8.
    for ttl in (b"\x80\x00\x00\x00", b"\xff\xff\xff\xff"):
        assert dns.reply(_reply(_address(1, ttl)), _ASKED) == (["192.0.2.1"], limits.DNS_CACHE_MIN_S), ttl


def case_other_records_are_stepped_over():
    alias = _record(5, b"\x00\x00\x00\x05", b"\x05other\xc0\x10")
    six = _record(28, b"\x00\x00\x00\x05", bytes(16))
    reply = _reply(alias, six, _address(7, name=b"\x05other\xc0\x10"))
    assert dns.reply(reply, _ASKED) == (["192.0.2.7"], 300)


def case_a_record_of_another_type_is_no_address():
    # Type 257 has the low byte of type 1.
    other = _NAME + b"\x01\x01\x00\x01" + bytes(4) + b"\x00\x04\xc0\x00\x02\x09"
    assert dns.reply(_reply(other, _address(7)), _ASKED) == (["192.0.2.7"], 300)


def case_a_record_of_any_length_is_stepped_over():
    for length in (0, 255, 256, 300):
        text = _NAME + b"\x00\x10\x00\x01" + bytes(4) + bytes([length >> 8, length & 255]) + b"\x05" * length
        assert dns.reply(_reply(text, _address(7)), _ASKED) == (["192.0.2.7"], 300), length


def case_names_are_written_out_or_pointed_at():
    for name in (b"\x00", b"\x03hub\x07example\x04test\x00", b"\x03hub\xc0\x10", _NAME):
        assert dns.reply(_reply(_address(7, name=name)), _ASKED) == (["192.0.2.7"], 300), name


def case_the_name_comes_back_in_any_case():
    # Servers may keep or change the case of letters; both are the same name (RFC 4343).
    reply = _head(1) + b"\x03HuB\x07eXample\x04TEST\x00\x00\x01\x00\x01" + _address(7)
    assert dns.reply(reply, _ASKED) == (["192.0.2.7"], 300)


def case_bytearray_and_memory_of_a_socket_are_read_too():
    assert dns.reply(bytearray(_reply(_address(7))), _ASKED) == (["192.0.2.7"], 300)


def case_what_follows_the_answers_is_left_alone():
    reply = _reply(_address(7))
    for trailing in (b"\x00", b"\xff" * 11, _address(8), bytes(200)):
        assert dns.reply(reply + trailing, _ASKED) == (["192.0.2.7"], 300)


def case_replies_to_another_question_are_not_ours():
    good = _reply(_address(7))
    assert dns.reply(b"\xbe\xee" + good[2:], _ASKED) is None  # id
    assert dns.reply(good[:2] + b"\x01\x80" + good[4:], _ASKED) is None  # a query, not a reply
    other = b"\x03hut\x07example\x04test\x00\x00\x01\x00\x01"
    assert dns.reply(_head(1) + other + _address(7), _ASKED) is None
    assert dns.reply(_head(1) + _QUESTION[:-4] + b"\x00\x1c\x00\x01" + _address(7), _ASKED) is None  # AAAA
    assert dns.reply(_head(1) + _QUESTION[:-1] + b"\x03" + _address(7), _ASKED) is None  # another class
    assert dns.reply(b"", _ASKED) is None


def case_refusals_have_their_own_words():
    for code in range(1, 16):
        reply = _head(0, bytes([0x81, 0x80 | code])) + _QUESTION
        assert dns.reply(reply, _ASKED) == ("dns_no_such_name" if code == 3 else "dns_refused"), code


def case_a_name_without_addresses_says_so():
    assert dns.reply(_reply(), _ASKED) == "dns_no_address"
    assert dns.reply(_reply(_record(28, b"\x00\x00\x00\x05", bytes(16))), _ASKED) == "dns_no_address"


def case_an_address_of_a_wrong_length_is_none():
    assert dns.reply(_reply(_record(1, b"\x00\x00\x00\x05", b"\xc0\x00\x02")), _ASKED) == "dns_no_address"


def case_truncated_at_each_length():
    good = _reply(_address(7), _address(8))
    for length in range(len(good)):
        found = dns.reply(good[:length], _ASKED)
        if length < len(_ASKED):
            assert found is None, length
        else:
            assert found == "dns_garbage", length


def case_a_name_that_never_ends_is_garbage():
    assert dns.reply(_head(1) + _QUESTION + b"\x01x" * 200, _ASKED) == "dns_garbage"
    assert dns.reply(_head(1) + _QUESTION + (b"\x3f" + b"x" * 63) * 5, _ASKED) == "dns_garbage"


def case_more_answers_than_there_are_is_garbage():
    assert dns.reply(_head(2) + _QUESTION + _address(7), _ASKED) == "dns_garbage"
    assert dns.reply(_head(256) + _QUESTION + _address(7), _ASKED) == "dns_garbage"
    assert dns.reply(_head(65535) + _QUESTION + _address(7), _ASKED) == "dns_garbage"


def case_no_reply_holds_us_up():
    # 65,535 answers are announced; 32 are looked at.
    records = b"".join([_address(i % 256) for i in range(40)])
    addresses, _ = dns.reply(_head(65535) + _QUESTION + records, _ASKED)
    assert len(addresses) == 32


def case_any_byte_may_be_wrong():
    good = _reply(_address(7))
    for at in range(len(good)):
        for value in (0x00, 0x01, 0x7F, 0x80, 0xC0, 0xFF):
            damaged = bytearray(good)
            damaged[at] = value
            found = dns.reply(damaged, _ASKED)
            assert found is None or isinstance(found, (str, tuple)), (at, value)
