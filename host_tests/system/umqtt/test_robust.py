"""Deficiency 23 of docs/umqtt.md: programs written for umqtt.robust, on connections that break."""

from host_tests.fakes import codec
from host_tests.system.umqtt.runner import kinds


# The broker closes, then takes nobody, once; returns the next connection.
def restart(broker, peer):
    peer.close()
    broker.accept().reset()
    return broker.accept()


def test_23_robust_program_lives_through_restarts(way):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        peer.grant()
        peer.acknowledge()
        peer.packet(codec.PUBLISH)
        peer = restart(broker, peer)
        peer.greet(session_present=False)
        for _ in range(2):  # in either order
            packet = peer.packet()
            if packet.kind == codec.SUBSCRIBE:
                peer.send(codec.suback(packet.packet_id, [1]))
            else:
                peer.send(codec.ack(codec.PUBACK, packet.packet_id))
        peer.send(codec.publish("command/a", b"first"))
        peer = restart(broker, peer)
        peer.greet(session_present=True)
        peer.send(codec.publish("command/b", b"second") + codec.publish("command/c", b"third"))
        peer = broker.accept()
        peer.greet(session_present=True)
        peer.end()

    outcome = way.run("23", script)
    if way.is_original:
        assert outcome.lines == ["counted 0"]
        assert "OSError" in outcome.errors
        return
    said = [line for line in outcome.lines if not line.startswith("mqtt")]
    heard = ["heard b'command/a' b'first'", "heard b'command/b' b'second'", "heard b'command/c' b'third'"]
    assert said == ["counted 0", "counted 1", *heard, "reconnected 1"], outcome.errors
    assert (outcome.ending, outcome.script_error) == (0, None)
    assert len([line for line in outcome.lines if line.startswith("mqtt reconnect")]) == 2
    first, _, second, _, third, _ = outcome.peers
    assert [p.payload for p in first.packets + second.packets if p.topic] == [b"0", b"1", b"1"]
    assert [p.filters for p in second.packets if p.kind == codec.SUBSCRIBE] == [[("command/#", 1)]]
    assert kinds(third) == [codec.CONNECT]


def test_a_refusal_that_passes_is_tried_again_and_one_that_stays_is_raised(device):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        peer.grant()
        peer.grant()
        packet = peer.packet(codec.UNSUBSCRIBE)
        peer.send(codec.ack(codec.UNSUBACK, packet.packet_id))
        peer.close()
        broker.accept().greet(code=3)  # server unavailable
        peer = broker.accept()
        peer.greet()
        peer.grant()
        peer.close()
        broker.accept().greet(code=5)  # not authorized

    outcome = device.run("robust_refused", script)
    outcome.assert_good("try 1", "refused 5")
    assert outcome.peers[2].packets[1].filters == [("kept", 0)]


def test_check_msg_raises_the_error_of_its_last_attempt(device):
    def script(broker):
        for _ in range(2):
            peer = broker.accept()
            peer.packet(codec.CONNECT)
            peer.send(codec.connack(0, False) + b"\x30" + 5 * b"\xff")
        peer.end()

    device.run("robust_attempts", script).assert_good("gave up: bad_length")
