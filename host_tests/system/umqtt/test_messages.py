"""Deficiencies 8 to 12, 15 and 16 of docs/umqtt.md: messages, and what is due for them."""

import pytest

from host_tests.fakes import codec
from host_tests.system.umqtt.runner import also_32_bit, kinds

ROBUST = "from hublink.net.robust import MQTTClient\n"


def tell_to_stop(broker):
    """The script of a broker that greets with a message, of which the client makes its last."""
    peer = broker.accept()
    peer.packet(codec.CONNECT)
    peer.send(codec.connack(0, False) + codec.publish("command", b"stop"))
    peer.end()


@also_32_bit
def test_08_every_packet_is_read_to_its_end(way):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        packet = peer.packet(codec.SUBSCRIBE)
        late = codec.ack(codec.PUBACK, 0x9030)  # an id that looks like SUBACK and PUBLISH
        peer.send(late + codec.suback(packet.packet_id, [0]) + codec.publish("topic", b"!"))
        peer.end()

    outcome = way.run("08", script)
    if way.is_original:
        assert outcome.lines == ["AssertionError"]
        return
    outcome.assert_good("heard b'topic' b'!'")


def test_09_what_was_not_acknowledged_is_sent_again(way):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        peer.packet(codec.PUBLISH)
        peer.close()
        peer = broker.accept()
        peer.greet(session_present=True)
        while (packet := peer.packet()).kind == codec.PUBLISH:
            peer.send(codec.ack(codec.PUBACK, packet.packet_id + 1000))  # of nothing that is known
            peer.send(codec.ack(codec.PUBACK, packet.packet_id))

    outcome = way.run("09", script)
    outcome.assert_good("session: 1")
    first, second = ([p for p in peer.packets if p.kind == codec.PUBLISH] for peer in outcome.peers)
    got = [(packet.payload, packet.dup) for packet in second]
    if way.is_original:
        assert got == [(b"two", False)]
        return
    assert got == [(b"one", True), (b"two", False)]
    assert second[0].packet_id == first[0].packet_id


def test_10_callback_may_publish(way):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        question = peer.packet(codec.PUBLISH)
        peer.send(codec.publish("command", b"!") + codec.ack(codec.PUBACK, question.packet_id))
        peer.acknowledge()
        peer.end()

    outcome = way.run("10", script)
    if way.is_original:
        assert (outcome.lines, outcome.ending) == (["answered b'!'"], "hangs")
        return
    outcome.assert_good("answered b'!'", "acknowledged")
    assert [packet.topic for packet in outcome.peers[0].packets[1:3]] == ["question", "answer"]


def test_11_what_was_granted_is_told(way):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        peer.grant(0)
        peer.grant(128)
        packet = peer.packet(codec.SUBSCRIBE)
        peer.send(codec.suback(packet.packet_id + 1, [1]))
        peer.end()

    outcome = way.run("11", script)
    if way.is_original:
        outcome.assert_good("less None", "refused MQTTException", "other AssertionError")
        return
    outcome.assert_good("less 0", "refused MQTTException", "other LinkError")


@also_32_bit
def test_12_exactly_once_is_sent(way):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        packet = peer.packet(codec.PUBLISH)
        peer.send(codec.ack(codec.PUBREC, packet.packet_id))
        if not way.is_original:
            assert peer.packet(codec.PUBREL).packet_id == packet.packet_id
            peer.send(codec.ack(codec.PUBCOMP, packet.packet_id))
        peer.end()

    outcome = way.run("12_exactly_once_up", script)
    outcome.assert_good("AssertionError" if way.is_original else "delivered")


def test_12_exactly_once_is_received(way):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        for dup in (False, True):  # the second is the same message
            peer.send(codec.publish("down", b"once", 2, 7, dup))
            if not way.is_original:
                assert peer.packet(codec.PUBREC).packet_id == 7
        peer.send(codec.ack(codec.PUBREL, 7))
        if not way.is_original:
            assert peer.packet(codec.PUBCOMP).packet_id == 7
            peer.send(codec.publish("end", b""))
        peer.end()

    outcome = way.run("12_exactly_once_down", script)
    if way.is_original:
        outcome.assert_good(*["heard b'down' b'once'", "AssertionError"] * 2)
        assert codec.PUBREC not in kinds(outcome.peers[0])
        return
    outcome.assert_good("heard b'down' b'once'", "heard b'end' b''")


def test_15_callback_that_raises_does_not_keep_the_acknowledgement(way):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        peer.send(codec.publish("topic", b"!", 1, 7))
        while (packet := peer.packet()).kind != codec.DISCONNECT:
            if packet.kind == codec.PUBLISH:
                peer.send(codec.ack(codec.PUBACK, packet.packet_id))

    outcome = way.run("15", script)
    outcome.assert_good("callback is broken")
    acknowledged = [p.packet_id for p in outcome.peers[0].packets if p.kind == codec.PUBACK]
    assert acknowledged == ([] if way.is_original else [7])


def test_16_flags_are_told_and_a_will_is_taken_back(way):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        message = codec.publish("topic", b"!")
        peer.send(bytes((message[0] | 1,)) + message[1:] + message)
        peer.end()

    outcome = way.run("16", script)
    (peer,) = outcome.peers
    if way.is_original:
        assert outcome.lines[0] == "AssertionError"
        assert outcome.lines.count("retained None") == 2
        assert peer.packets[0].will == ("status", b"gone", 0, False)
        return
    outcome.assert_good("heard b'topic'", "retained 1", "heard b'topic'", "retained 0")
    assert peer.packets[0].will is None


@pytest.mark.parametrize("call", ("wait_msg", "check_msg"))
def test_callback_may_disconnect(way, call):
    outcome = way.run("stop", tell_to_stop, call)
    outcome.assert_good("heard b'stop'", "left")
    assert kinds(outcome.peers[0]) == [codec.CONNECT, codec.DISCONNECT]


@pytest.mark.parametrize("call", ("wait_msg", "check_msg"))
def test_robust_does_not_undo_what_its_callback_did(device, call):
    outcome = device.run("stop", tell_to_stop, call, insert=ROBUST)
    outcome.assert_good("heard b'stop'", "left")
    assert [kinds(peer) for peer in outcome.peers] == [[codec.CONNECT, codec.DISCONNECT]]
