"""Deficiencies 1 to 4, 14, 20 and 22 of docs/umqtt.md: lengths, packet ids, topics and credentials."""

import pytest

from host_tests.fakes import codec
from host_tests.system.umqtt.runner import acknowledge_five, also_32_bit, kinds, listen

# A client whose packet ids are about to run out.
LATE_IDS = """
class MQTTClient(MQTTClient):
    def __init__(self, *args):
        super().__init__(*args)
        self.%s = 65533
"""
# In the order of the program's functions.
REFUSED = (
    "password_alone",
    "will_with_wildcard",
    "topic_with_wildcard",
    "qos_3",
    "filter_with_wildcard_inside",
    "zero_in_client_id",
    "keepalive_of_more_than_two_bytes",
    "larger_than_the_outbox",
)


@also_32_bit
def test_01_text_is_measured_in_bytes(way):
    outcome = way.run("01", listen)
    if way.is_original:
        assert isinstance(outcome.script_error, codec.Violation)
        return
    outcome.assert_good()
    sent = [(packet.topic, packet.payload) for packet in outcome.peers[0].packets[1:3]]
    assert sent == [("t/é", "café".encode()), ("after", b"it")]


@also_32_bit
def test_02_packet_ids_wrap(way):
    attribute = "pid" if way.is_original else "session._last_id"
    outcome = way.run("02", acknowledge_five, insert=LATE_IDS % attribute)
    (peer,) = outcome.peers
    if way.is_original:
        assert (outcome.lines, outcome.ending) == (["acknowledged 0", "acknowledged 1"], "hangs")
        assert "packet id 0" in str(outcome.script_error)
        return
    outcome.assert_good(*(f"acknowledged {i}" for i in range(5)))
    assert [packet.packet_id for packet in peer.packets[1:6]] == [65534, 65535, 1, 2, 3]


@also_32_bit
def test_03_incoming_length_is_bounded(way):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        peer.send(codec.publish("large", bytes(3_000_000)))
        peer.send(codec.publish("small", b"!"))
        peer.send(b"\x30\xff\xff\xff\xff\x01")  # a fifth length byte
        peer.end()

    outcome = way.run("03", script)
    if way.is_original:
        assert outcome.lines == ["MemoryError"]
        return
    outcome.assert_good("heard b'small' 1", "LinkError")


@also_32_bit
def test_04_topic_ends_inside_its_packet(way):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        peer.send(b"\x30\x05\x01\x00abc" + codec.publish("next", b"!"))
        peer.end()

    outcome = way.run("04", script)
    if way.is_original:
        assert outcome.ending == "hangs"
        return
    outcome.assert_good("LinkError")


def test_14_user_without_password(way):
    def script(broker):
        for _ in range(2):
            peer = broker.accept()
            peer.greet()
            peer.end()

    outcome = way.run("14", script)
    if way.is_original:
        assert outcome.lines == ["TypeError", "TypeError"]
        return
    outcome.assert_good()
    greetings = [peer.packets[0] for peer in outcome.peers]
    assert [(packet.user, packet.password) for packet in greetings] == [("someone", None), ("", None)]


@also_32_bit
def test_20_long_topics_and_what_1_3_4_lacks(way):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        peer.grant()
        packet = peer.packet(codec.UNSUBSCRIBE)
        peer.send(codec.ack(codec.UNSUBACK, packet.packet_id))
        peer = broker.accept()
        peer.greet()
        peer.end()

    outcome = way.run("20", script)
    if way.is_original:
        assert isinstance(outcome.script_error, codec.Violation)
        return
    outcome.assert_good()
    subscribe, unsubscribe = outcome.peers[0].packets[1:]
    assert subscribe.filters == unsubscribe.filters == [("t" * 200, 0)]


@also_32_bit
@pytest.mark.parametrize("number", range(len(REFUSED)), ids=REFUSED)
def test_22_values_are_checked(way, number):
    outcome = way.run("22", listen, number)
    if way.is_original:
        assert outcome.lines != ["ValueError"]
        return
    assert (outcome.lines, outcome.ending) == (["ValueError"], 0), outcome.errors
    assert all(set(kinds(peer)) <= {codec.CONNECT} for peer in outcome.peers)
    assert not isinstance(outcome.script_error, codec.Violation)


def test_enqueue_refuses_what_would_block_the_outbox(device):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        peer.acknowledge()
        peer.end()

    outcome = device.run("enqueue", script)
    outcome.assert_good(*["refused"] * 2 * 12)
    assert kinds(outcome.peers[0]) == [codec.CONNECT, codec.PUBLISH, codec.DISCONNECT]


def test_buffers_may_be_used_again(way):
    outcome = way.run("buffers", listen)
    outcome.assert_good()
    published = [(p.topic, p.payload) for p in outcome.peers[0].packets if p.kind == codec.PUBLISH]
    assert published == [("topic/0", b"0"), ("topic/1", b"1"), ("topic/2", b"2")]
