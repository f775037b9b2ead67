"""Packets, topics and text against code that others wrote.

Packets are read and made with amqtt, topics matched with paho-mqtt and with a regular expression, UTF-8
judged by CPython: none of them shares a line with the firmware.
"""

import asyncio
import re

from amqtt.adapters import BufferReader
from amqtt.mqtt import packet_class
from amqtt.mqtt.disconnect import DisconnectPacket
from amqtt.mqtt.packet import MQTTFixedHeader
from amqtt.mqtt.pingreq import PingReqPacket
from amqtt.mqtt.pingresp import PingRespPacket
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.pubcomp import PubcompPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.pubrec import PubrecPacket
from amqtt.mqtt.pubrel import PubrelPacket
from amqtt.mqtt.suback import SubackPacket
from amqtt.mqtt.unsuback import UnsubackPacket
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from host_tests.fakes import codec
from host_tests.fakes.session_model import CONNECTING, UP, SessionModel
from host_tests.shim import install

with install():
    from hublink.outbox import Outbox
    from hublink.protocol import packets
    from hublink.protocol.session import Session

RX_LEN = 128
WINDOW = 12
CONNACK = b"\x20\x02\x00\x00"

letters = st.characters(exclude_categories=("Cs",), exclude_characters="\0+#")
topics = st.text(letters, min_size=1, max_size=20)
# Often so long that the remaining length is about to need its second byte.
payloads = st.binary(max_size=200) | st.integers(100, 127).map(bytes)
packet_ids = st.integers(1, 65535)
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


def connected():
    """A client that is connected at 0 ms; it compares all that comes and goes with the model."""
    client = SessionModel(Session(Outbox(4096), RX_LEN, WINDOW), RX_LEN, WINDOW, 65535)
    client.connect(0)
    client.take(0)
    client.give(CONNACK, 0)
    assert client.session.state == UP
    return client


def waiting_for_everything(filters=("t",)):
    """The same, in want of every answer there is: SUBACK 1 and a pong; PUBACK 2, PUBREC 3, PUBCOMP 4."""
    client = connected()
    assert client.subscribe(codec.SUBSCRIBE, [(text, 0) for text in filters], 0)
    for payload, qos in ((b"a", 1), (b"b", 2), (b"c", 2)):
        assert client.put(payload, qos)
    client.take(0)
    client.give(PubrecPacket.build(4).to_bytes(), 0)
    client.ping()
    client.take(0)
    return client


# -- what we write, as others read it --------------------------------------------------------------


@given(
    client_id=st.text(letters, min_size=1, max_size=30),
    login=st.tuples(st.none() | st.text(letters, max_size=20), st.none() | st.text(letters, max_size=20)),
    keepalive_s=st.integers(0, 65535),
    clean=st.booleans(),
    will=st.none() | st.tuples(topics, st.binary(max_size=60), st.integers(0, 2), st.booleans()),
)
def test_connect_is_read_by_others(client_id, login, keepalive_s, clean, will):
    user = login[0]
    password = None if user is None else login[1]
    session = Session(Outbox(64))
    encoded = None if will is None else (will[0].encode(), *will[1:])
    session.connect(
        0, client_id.encode(), packets.to_bytes(user), packets.to_bytes(password), keepalive_s, clean, encoded
    )
    assert session.tx(0)
    (packet,) = decoded(bytes(session.tx_buf[session.tx_at : session.tx_at + session.tx_len]))
    assert (packet.proto_name, packet.proto_level) == ("MQTT", 4)
    assert (packet.client_id, packet.keep_alive, packet.clean_session_flag) == (client_id, keepalive_s, clean)
    assert (packet.username, packet.password) == (user, password)
    assert not packet.reserved_flag
    if will:
        told = packet.will_topic, bytes(packet.will_message), packet.will_qos, packet.will_retain_flag
        assert told == will
    else:
        assert not packet.will_flag


@given(st.lists(st.tuples(topics, payloads, st.integers(0, 2), st.booleans()), max_size=WINDOW))
def test_publish_is_read_by_others(messages):
    client = connected()
    for topic, payload, qos, retain in messages:
        assert client.put(payload, qos, retain, topic)
    read = decoded(client.take(0))
    assert [(p.topic_name, p.data, p.qos, p.retain_flag) for p in read] == messages
    assert not any(p.dup_flag for p in read)
    ids = [p.packet_id for p in read if p.qos]
    assert ids == list(range(1, len(ids) + 1))


@given(st.lists(st.tuples(topics, st.integers(0, 2)), min_size=1, max_size=6))
def test_subscribe_and_unsubscribe_are_read_by_others(wanted):
    client = connected()
    assert client.subscribe(codec.SUBSCRIBE, wanted, 0)
    (packet,) = decoded(client.take(0))
    assert packet.variable_header.packet_id == 1
    assert packet.payload.topics == wanted
    client.give(SubackPacket.build(1, [qos for _, qos in wanted]).to_bytes(), 0)
    assert client.subscribe(codec.UNSUBSCRIBE, wanted, 0)
    (packet,) = decoded(client.take(0))
    assert packet.payload.topics == [topic for topic, _ in wanted]
    client.give(UnsubackPacket.build(2).to_bytes(), 0)


@given(st.lists(st.tuples(st.sampled_from([1, 2, "release"]), packet_ids), max_size=12))
def test_acknowledgements_are_read_by_others(steps):
    client = connected()
    expected = []
    for step, packet_id in steps:
        if step == "release":
            client.give(PubrelPacket.build(packet_id).to_bytes(), 0)
            expected.append((PubcompPacket, packet_id))
        else:
            client.give(PublishPacket.build("t", b"", packet_id, False, step, False).to_bytes(), 0)
            expected.append((PubackPacket if step == 1 else PubrecPacket, packet_id))
    assert [(type(packet), packet.packet_id) for packet in decoded(client.take(0))] == expected


def test_packets_without_content_are_read_by_others():
    client = waiting_for_everything()
    client.give(PingRespPacket.build().to_bytes() + PubrecPacket.build(3).to_bytes(), 0)
    client.ping()
    written = client.take(0)
    assert client.disconnect()
    release, ping, goodbye = decoded(written + client.take(0))
    assert (type(release), release.packet_id) == (PubrelPacket, 3)
    assert (type(ping), type(goodbye)) == (PingReqPacket, DisconnectPacket)


# -- what others write, as we read it ----------------------------------------------------------------

messages = st.builds(
    lambda topic, payload, qos, packet_id, dup, retain: PublishPacket.build(
        topic, payload, packet_id if qos else None, dup and qos > 0, qos, retain
    ),
    topics,
    payloads,
    st.integers(0, 2),
    packet_ids,
    st.booleans(),
    st.booleans(),
)
# Every packet that a hub sends, as waiting_for_everything() may get it.
answers = st.one_of(
    messages,
    st.builds(PubrelPacket.build, packet_ids),
    st.just(PubackPacket.build(2)),
    st.just(PubrecPacket.build(3)),
    st.just(PubcompPacket.build(4)),
    st.just(PingRespPacket.build()),
    st.builds(lambda code: SubackPacket.build(1, [code]), st.sampled_from([0, 1, 2, 128])),
)


def outcome(packet):
    """What a packet of amqtt's should do: what handlers are told of it, and how we answer."""
    if isinstance(packet, PublishPacket):
        topic, payload, qos = packet.topic_name.encode(), bytes(packet.data), packet.qos
        packet_id = packet.packet_id if qos else 0
        message = "message", topic, payload, qos, packet_id, packet.dup_flag, packet.retain_flag
        fits = 2 + len(topic) + (2 if qos else 0) + len(payload) <= RX_LEN
        answers = {0: [], 1: [(PubackPacket, packet_id)], 2: [(PubrecPacket, packet_id)]}
        return [message] if fits else [], answers[qos]
    if isinstance(packet, PubrelPacket):
        return [], [(PubcompPacket, packet.packet_id)]
    if isinstance(packet, PubrecPacket):
        return [], [(PubrelPacket, packet.packet_id)]
    if isinstance(packet, SubackPacket):
        return [("suback", 1, 0, packet.payload.return_codes[0])], []
    return [] if isinstance(packet, PingRespPacket) else [("ack", packet.packet_id)], []


@given(answers, sizes)
def test_every_prefix_of_a_packet_means_not_yet(packet, sizes):
    stream = packet.to_bytes()
    client = waiting_for_everything()
    told, expected = outcome(packet)
    for at in range(len(stream)):
        assert client.told == []
        assert client.take(0) == b""
        assert client.session.state == UP
        client.give(stream[at : at + 1], 0, sizes)
    assert client.told == told
    assert [(type(answer), answer.packet_id) for answer in decoded(client.take(0))] == expected


def test_every_prefix_of_connack_and_unsuback_means_not_yet():
    unsuback = UnsubackPacket.build(1).to_bytes()
    for cut in range(4):
        client = SessionModel(Session(Outbox(64), RX_LEN, WINDOW), RX_LEN, WINDOW, 65535)
        client.connect(0)
        client.take(0)
        client.give(CONNACK[:cut], 0)
        assert client.session.state == CONNECTING
        client.give(CONNACK[cut:], 0)
        assert client.session.state == UP
        client.subscribe(codec.UNSUBSCRIBE, [("t", 0)], 0)
        client.give(unsuback[:cut], 0)
        assert client.told == []
        client.give(unsuback[cut:], 0)
        assert client.told == [("unsuback", 1)]


# Of QoS 2 each id once: a second message under it is a repetition.
@given(st.lists(messages, max_size=10, unique_by=lambda packet: packet.packet_id or object()), sizes)
def test_messages_of_others_are_read_in_any_split(arriving, sizes):
    client = connected()
    stream = b"".join(packet.to_bytes() for packet in arriving)
    assert client.give(stream, 0, sizes) == len(stream)
    outcomes = [outcome(packet) for packet in arriving]
    assert client.told == [each for told, _ in outcomes for each in told]
    assert client.session.oversized == sum(not told for told, _ in outcomes)
    answered = [(type(answer), answer.packet_id) for answer in decoded(client.take(0))]
    assert answered == [each for _, answers in outcomes for each in answers]


# -- text ----------------------------------------------------------------------------------------------


def check_utf8(data):
    try:
        good = "\0" not in data.decode()
    except UnicodeDecodeError:
        good = False
    assert packets.is_utf8(b"\xff" + data + b"\x80", 1, 1 + len(data)) == good, data


@given(st.binary(max_size=12) | st.text(max_size=6).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_utf8_is_what_cpython_says(data):
    check_utf8(data)


def test_utf8_at_every_border_is_what_cpython_says():
    borders = (0x00, 0x01, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF)
    for first in range(256):
        for second in range(256):
            check_utf8(bytes((first, second)))
        for second in borders:
            for third in borders:
                check_utf8(bytes((first, second, third)))
                check_utf8(bytes((first, second, third, 0x80)))


levels = st.one_of(st.sampled_from(["", "a", "b", "ab", "$SYS", "é"]), st.text(letters, max_size=3))
paths = st.lists(levels, min_size=1, max_size=4).map("/".join).filter(bool)
filters = st.builds(
    lambda wanted, last: "/".join(wanted + last),
    st.lists(levels | st.just("+"), max_size=4),
    st.sampled_from([[], ["#"]]),
).filter(bool)


def as_pattern(topic_filter):
    """A topic filter as a regular expression (4.7.1, 4.7.2)."""
    pattern = re.escape(topic_filter).replace(r"\+", "[^/]*")
    pattern = "(/.*)?".join(pattern.rsplit(r"/\#", 1)) if pattern.endswith(r"/\#") else pattern
    pattern = ".*" if pattern == r"\#" else pattern
    return (r"(?!\$)" if topic_filter[0] in "+#" else "") + pattern


@given(filters, paths)
def test_topics_match_as_with_others(topic_filter, topic):
    data = topic.encode()
    assert packets.is_filter(topic_filter.encode())
    found = bool(packets.matches(topic_filter.encode(), b"/" + data + b"/", 1, 1 + len(data)))
    assert found == bool(re.fullmatch(as_pattern(topic_filter), topic, re.DOTALL))
    assert found == topic_matches_sub(topic_filter, topic)


FILTER = re.compile(r"(?!$)((\+|[^+#/\0]*)/)*(\+|#|[^+#/\0]*)", re.DOTALL)


@given(st.text("+#/ab$é\0", max_size=6))
def test_filters_are_what_the_standard_says(text):
    assert packets.is_filter(text.encode()) == bool(FILTER.fullmatch(text))
    topic = text.encode()
    good = bool(text) and not set(text) & set("+#\0")
    assert packets.is_topic(b"/" + topic + b"/", 1, 1 + len(topic)) == good
