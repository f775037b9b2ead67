"""When things happen, and that every wait ends: a script that falls silent, and the connection behind it."""

import pytest

from host_tests.fakes import codec
from host_tests.system.umqtt.runner import acknowledge_five, kinds, listen, set_limits

ORDER = """\
connected
heard b'one'
waited
heard b'two'
waited
subscribed
published
heard b'three'
waited
heard b'four'
waited
answered
"""

MANY = 200  # more calls than fit into each other on a device

SHORT_WAITS = set_limits(CONNACK_MS=500, SUBACK_MS=500, PUBACK_MS=500, WRITE_MS=500, TLS_HANDSHAKE_MS=500)
# Else a ping goes out, and is not answered, long before any socket is full.
UNACKED = """

class MQTTClient(MQTTClient):
    def __init__(self, *args):
        super().__init__(*args, unacked_max_len=1 << 28)
"""
# A connection that takes three bytes of a packet, nothing for a turn, and then the rest.
RELUCTANT = """

class MQTTClient(MQTTClient):
    def connect(self):
        super().connect()
        stream = self.connection._stream
        write, answers = stream.io_write, []

        def some(buf, at, n):
            if not answers and n > 2:
                answers[:] = (None, None, n - 3)
                return write(buf, at, 3)
            return write(buf, at, n) if not answers or answers.pop(0) else None

        stream.io_write = some
"""
# Stage -> (the error's word, [(payload, DUP)] of what is sent again behind the next CONNACK)
STAGES = {
    "connack": ("connack_timeout", []),
    "suback": ("suback_timeout", []),
    "unsuback": ("suback_timeout", []),
    "puback": ("puback_timeout", [(b"one", True)]),
    "pubrec": ("puback_timeout", [(b"one", True)]),
    "pubcomp": ("pubcomp_timeout", []),
    "ping": ("ping_timeout", []),
    "write": ("write_timeout", [(b"x" * 4000, False)]),
    "write_express": ("write_timeout", [(b"x" * 200, False)]),
}


def test_a_packet_is_one_write(device):
    outcome = device.run("02", acknowledge_five)
    (peer,) = outcome.peers
    assert len(peer.chunks) <= len(peer.packets)


@pytest.mark.parametrize("tls", (False, True), ids=("plain", "tls"))
def test_things_happen_in_umqtt_s_order(way, tls, tls_files):
    def script(broker):
        peer = broker.accept()
        peer.packet(codec.CONNECT)
        one, two, three = (codec.publish("topic", text) for text in (b"one", b"two", b"three"))
        peer.send(codec.connack(0, False) + one + two)
        packet = peer.packet(codec.SUBSCRIBE)
        peer.send(codec.suback(packet.packet_id, [0]) + three)
        peer.packet(codec.PUBLISH)
        peer.packet(codec.PINGREQ)
        peer.send(codec.publish("topic", b"four") + codec.pingresp())
        peer.end()

    context, files = (tls_files.server_context, tls_files.device_paths) if tls else (None, [])
    way.run("order", script, *files, context=context).assert_good(*ORDER.splitlines())


def test_a_callback_may_publish_for_each_of_many_messages(way):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        peer.send(b"".join(codec.publish("command", b"%d" % i) for i in range(MANY)))
        peer.end()

    outcome = way.run("echo", script, MANY)
    outcome.assert_good("done")
    answers = [packet.payload for packet in outcome.peers[0].packets if packet.kind == codec.PUBLISH]
    assert answers == [b"%d" % i for i in range(MANY)]


def test_a_program_that_only_publishes_notices_a_dead_link(device):
    device.run("publisher", listen).assert_good("ping_timeout")


@pytest.mark.parametrize("stage", STAGES)
def test_every_wait_ends_and_the_next_connection_goes_on(device, stage):
    word, again = STAGES[stage]

    def fall_silent(peer):
        if stage == "connack":
            peer.packet(codec.CONNECT)
            return
        peer.greet()
        if stage == "pubcomp":
            peer.send(codec.ack(codec.PUBREC, peer.packet(codec.PUBLISH).packet_id))

    def script(broker):
        fall_silent(broker.accept())
        peer = broker.accept()
        peer.greet(session_present=True)
        while (packet := peer.packet()).kind != codec.DISCONNECT:
            if packet.packet_id:
                kinds_of_ack = {codec.PUBREL: codec.PUBCOMP, codec.PUBLISH: 3 + packet.qos}
                peer.send(codec.ack(kinds_of_ack[packet.kind], packet.packet_id))

    insert = SHORT_WAITS + (UNACKED if stage.startswith("write") else "")
    outcome = device.run("timeout", script, stage, insert=insert)
    outcome.assert_good(word)
    later = outcome.peers[1].packets[1:-1]
    sent = [(packet.payload, packet.dup) for packet in later if packet.kind == codec.PUBLISH]
    assert sent == [*again, (b"two", False)]
    assert (later[0].kind == codec.PUBREL) == (stage == "pubcomp")


def test_a_packet_under_way_is_finished(device):
    outcome = device.run("leave", listen, insert=RELUCTANT)
    outcome.assert_good(*["left to write 0"] * 3)
    *published, last = outcome.peers[0].packets[1:]
    assert [packet.payload for packet in published] == [b"0", b"1", b"2", b"3"]
    assert last.kind == codec.DISCONNECT


def test_a_packet_larger_than_the_outbox_is_let_go(device):
    def script(broker):
        for _ in range(2):
            peer = broker.accept()
            peer.greet()
            peer.end()

    outcome = device.run("too_large", script)
    outcome.assert_good("True")
    assert kinds(outcome.peers[1]) == [codec.CONNECT, codec.PUBLISH, codec.DISCONNECT]


def test_a_tls_handshake_without_answer_ends(device, tls_files):
    outcome = device.run(
        "06", lambda broker: broker.accept().end(), *tls_files.device_paths, insert=SHORT_WAITS
    )
    assert outcome.ending == 1
    assert "tls_timeout" in outcome.errors


def test_an_acknowledgement_that_is_held_back_is_waited_for(device):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        for _ in range(5):
            packet = peer.packet(codec.PUBLISH)
            assert peer.is_silent(0.05)
            peer.send(codec.ack(codec.PUBACK, packet.packet_id))
        peer.end()

    device.run("02", script).assert_good(*(f"acknowledged {i}" for i in range(5)))
