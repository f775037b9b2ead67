"""Packets as the desk hub reads them: whole, cut at every length, with bytes left over, and noise.

The packets are written out by hand after the standard; amqtt's encoder would only test its decoder.
"""

import asyncio

import pytest
from hublink_desk.hub.packets import (
    Ack,
    Connect,
    Disconnect,
    Fault,
    Message,
    Ping,
    Publish,
    Subscribe,
    Unsubscribe,
)
from hublink_desk.hub.reading import read_packet
from hypothesis import example, given
from hypothesis import strategies as st

PAYLOAD_MAX_LEN, CONTROL_MAX_LEN = 64, 256


class Bytes:
    """A stream that ends, as TlsStream.read does it; it also sees how much is asked for at once."""

    def __init__(self, data):
        self.data, self.most_len = data, 0

    async def read(self, length):
        self.most_len = max(self.most_len, length)
        data, self.data = self.data[:length], self.data[length:]
        if len(data) < length:
            raise Fault("read_header", "ended")
        return data


def read(data):
    stream = Bytes(data)
    packet = asyncio.run(read_packet(stream, PAYLOAD_MAX_LEN, CONTROL_MAX_LEN))
    return packet, stream.data


EURO = "\N{EURO SIGN}"  # three bytes of UTF-8: e2 82 ac

# name -> (bytes, what they are, made from their digest)
VALID = {
    "connect": (
        b"\x10\x2d\x00\x04MQTT\x04\xec\x00\x3c"
        b"\x00\x02me\x00\x0awill/topic\x00\x04gone\x00\x04user\x00\x05sec\xc3\xa9",
        lambda d: Connect("me", "user", "sec\u00e9", False, 60, Message("will/topic", b"gone", 1, True), d),
    ),
    "connect-least": (
        b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00",
        lambda d: Connect("", None, None, True, 0, None, d),
    ),
    "publish": (
        b"\x30\x08\x00\x03a/b\xe2\x82\xac",
        lambda d: Publish(Message("a/b", EURO.encode()), 3, None, d),
    ),
    "publish-qos-1": (
        b"\x33\x06\x00\x01a\x00\x01x",
        lambda d: Publish(Message("a", b"x", 1, True), 1, 1, d),
    ),
    "subscribe": (
        b"\x82\x10\x00\x01\x00\x03a/#\x00\x00\x05\xe2\x82\xac/+\x02",
        lambda d: Subscribe(1, (("a/#", 0), (EURO + "/+", 2)), d),
    ),
    "unsubscribe": (
        b"\xa2\x0a\x00\x01\x00\x01a\x00\x03b/#",
        lambda d: Unsubscribe(1, ("a", "b/#"), d),
    ),
    "puback": (b"\x40\x02\x00\x07", lambda d: Ack("PUBACK", 7, d)),
    "pubrec": (b"\x50\x02\x00\x07", lambda d: Ack("PUBREC", 7, d)),
    "pubrel": (b"\x62\x02\x00\x07", lambda d: Ack("PUBREL", 7, d)),
    "pubcomp": (b"\x70\x02\x00\x07", lambda d: Ack("PUBCOMP", 7, d)),
    "pingreq": (b"\xc0\x00", Ping),
    "disconnect": (b"\xe0\x00", Disconnect),
}
DIGESTS = {
    "connect": "CONNECT: dup: false qos: 0 retain: false rLength: 45",
    "publish-qos-1": "PUBLISH: dup: false qos: 1 retain: true rLength: 6",
    "subscribe": "SUBSCRIBE: dup: false qos: 1 retain: false rLength: 16",
    "pubrel": "PUBREL: dup: false qos: 1 retain: false rLength: 2",
    "pingreq": "PINGREQ: dup: false qos: 0 retain: false rLength: 0",
}
each_valid = pytest.mark.parametrize(("data", "expected"), VALID.values(), ids=VALID)


@each_valid
def test_valid_packet_is_read_whole_and_no_further(data, expected):
    packet, rest = read(data + b"\xff")
    assert packet == expected(packet.digest)
    assert rest == b"\xff"


@pytest.mark.parametrize(("name", "digest"), DIGESTS.items())
def test_digest_is_the_fixed_header_in_words(name, digest):
    assert read(VALID[name][0])[0].digest == digest


@each_valid
def test_packet_that_ends_early_is_a_fault(data, expected):
    for length in range(len(data)):
        with pytest.raises(Fault) as fault:
            read(data[:length])
        is_header = length < len(data[:2])
        assert fault.value.kind == ("read_header" if is_header else "unpack_body")


@each_valid
def test_body_cut_or_padded_under_a_true_length_is_a_fault_or_another_payload(data, expected):
    body = data[2:]
    for wrong in [body[:length] for length in range(len(body))] + [body + b"\0"]:
        try:
            packet, _ = read(bytes([data[0], len(wrong)]) + wrong)
        except Fault as fault:
            assert fault.digest.endswith(f"rLength: {len(wrong)}")
        else:
            assert isinstance(packet, Publish) or packet_is_shorter_list(packet, expected)


def packet_is_shorter_list(packet, expected):
    """A SUBSCRIBE or UNSUBSCRIBE cut between two filters is a valid one of fewer."""
    whole = expected(packet.digest)
    key = "wanted" if isinstance(packet, Subscribe) else "filters"
    return getattr(whole, key)[: len(getattr(packet, key))] == getattr(packet, key) != getattr(whole, key)


def test_payload_that_is_too_large_is_skipped_in_small_steps():
    payload_len = 200_000
    body = b"\x00\x01a\x00\x07" + bytes(payload_len)
    stream = Bytes(b"\x32" + b"\xc5\x9a\x0c" + body + b"\xc0\x00")
    packet = asyncio.run(read_packet(stream, PAYLOAD_MAX_LEN, CONTROL_MAX_LEN))
    assert (packet.message.payload, packet.payload_len, packet.packet_id) == (b"", payload_len, 7)
    assert stream.data == b"\xc0\x00"
    assert stream.most_len <= 2 * 65_536 + PAYLOAD_MAX_LEN


def test_packet_that_is_too_long_is_refused_unread():
    body = bytes(1000)
    stream = Bytes(b"\x82\xff\xff\xff\x7f" + body)
    with pytest.raises(Fault, match="268435455 bytes"):
        asyncio.run(read_packet(stream, PAYLOAD_MAX_LEN, CONTROL_MAX_LEN))
    assert stream.data == body


bit_flips = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=4)


@given(st.binary(max_size=80))
@example(b"\x30\x06\x00\x04\xff\xff\xff\xff")
@example(b"\x30\x80\x80\x04\xff\xfe" + b"\xff" * 65_534)  # amqtt makes of this a topic too long to encode
def test_noise_is_a_packet_or_a_fault(data):
    read_or_fault(data)


@given(st.sampled_from([data for data, _ in VALID.values()]), bit_flips)
def test_damaged_packet_is_a_packet_or_a_fault(data, flips):
    damaged = bytearray(data)
    for index, value in flips:
        damaged[index % len(damaged)] = value
    read_or_fault(bytes(damaged))


def read_or_fault(data):
    try:
        read(data)
    except Fault as fault:
        assert fault.detail
