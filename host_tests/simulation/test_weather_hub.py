"""The hub in trouble: restarts, silence, refusals, packets that no hub should send."""


import os

import pytest

from host_tests.fakes import World
from host_tests.fakes.hub_client import REFUSED
from host_tests.simulation.weather import (
    BACKOFF_S,
    BOARDS,
    CONNECT_S,
    assert_readings_in_order,
    assert_recovered,
    booted_world,
    counting,
    online_world,
)

PUBACK_S, PING_REPLY_S, SUBACK_S, CONNACK_S, TCP_S = 20, 10, 10, 10, 10
KEEPALIVE_S = 60


@pytest.mark.parametrize("board", BOARDS)
def test_hub_restarts(board):
    with online_world(board) as world:
        world.hub.stop()
        world.run(for_s=40)
        assert world.logged("closed_by_hub")
        world.hub.start()
        assert_recovered(world, "connection_refused", BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_hub_restarts_and_resets_its_connections(board):
    with online_world(board) as world:
        world.hub.stop(reset=True)
        world.run(for_s=5)
        world.hub.start()
        assert_recovered(world, "reset", BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_hub_loses_power_for_a_while(board):
    with online_world(board) as world:
        world.hub.vanish()
        world.run(for_s=120)
        assert world.logged("tcp_timeout")
        world.hub.start()
        # The network was left by then, because three tries behind it were in vain.
        assert_recovered(world, "puback_timeout", TCP_S + BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_hub_lost_its_memory_while_nobody_looked(board):
    with online_world(board) as world:
        world.hub.vanish()
        world.hub.start()
        assert_recovered(world, "reset", CONNECT_S)


@pytest.mark.parametrize("harm", ["stop", "reset", "vanish", "cut"])
def test_hub_is_lost_at_any_moment_of_connecting(harm):
    for moment_ms in range(2000, 8000, 400):
        with World(seed=moment_ms) as world:
            world.boot(counting)
            world.run(for_s=moment_ms / 1000)
            harms = {
                "stop": world.hub.stop,
                "reset": lambda hub=world.hub: hub.stop(reset=True),
                "vanish": world.hub.vanish,
                "cut": lambda net=world.net: setattr(net, "cut", True),
            }
            harms[harm]()
            world.run(for_s=5)
            world.hub.start()
            world.net.cut = False
            world.run(until=lambda world=world: world.hub.telemetry("n"), limit_s=120)
            assert_readings_in_order(world)


@pytest.mark.parametrize("board", BOARDS)
def test_hub_goes_silent_with_tcp_open(board):
    with online_world(board) as world:
        world.hub.mute = True
        world.run(for_s=PUBACK_S + 10)
        world.hub.mute = False
        assert_recovered(world, "puback_timeout", CONNACK_S + BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_hub_goes_silent_while_the_node_has_nothing_to_say(board):
    with online_world(board, program=None) as world:
        world.hub.mute = True
        began_ms = world.clock.now_ms
        world.run(until=lambda: world.logged("ping_timeout"), limit_s=KEEPALIVE_S)
        assert world.clock.now_ms - began_ms <= (KEEPALIVE_S / 2 + PING_REPLY_S) * 1000
        world.hub.mute = False
        world.run(until=world.online, limit_s=CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_hub_reads_nothing(board):
    with online_world(board) as world:
        world.hub.deaf = True
        world.run(for_s=PUBACK_S + 10)
        world.hub.deaf = False
        assert_recovered(world, "puback_timeout", 20 + BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_hub_is_slow(board):
    with online_world(board) as world:
        world.hub.delay_ms = 6000
        world.hub.drop()
        world.run(for_s=60)
        assert world.online() and world.node.uplink.link.failed_count == 1
        world.hub.delay_ms = 0
        assert_readings_in_order(world)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("code", [1, 2, 3, 4, 5])
def test_hub_refuses_connect(board, code):
    with World(board) as world:
        world.hub.connack = code
        world.boot(counting)
        world.run(for_s=300)
        assert len(world.hub.connects) < 2 * 300 / (BACKOFF_S / 2), "a refusal is not asked for again at once"
        world.hub.connack = 0
        assert_recovered(world, f"connack_{code}", BACKOFF_S + CONNECT_S)


NO_CONNACK = {
    "reserved flag": (b"\x20\x02\x02\x00", "bad_connack"),
    "too long": (b"\x20\x03\x00\x00\x00", "bad_connack"),
    "refused, yet a session is present": (b"\x20\x02\x01\x05", "bad_connack"),
    "PINGRESP": (b"\xd0\x00", "bad_connack"),
    "half of it": (b"\x20\x02\x00", "connack_timeout"),
    "HTTP": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "connack_timeout"),
}


@pytest.mark.parametrize("name", NO_CONNACK)
def test_malformed_answer_to_connect(name):
    with World() as world:
        world.hub.connack, reason = NO_CONNACK[name]
        world.boot(counting)
        world.run(for_s=30)
        world.hub.connack = 0
        assert_recovered(world, reason, CONNACK_S + BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_hub_never_answers_connect(board):
    with World(board) as world:
        world.hub.mute = True
        world.boot(counting)
        world.run(for_s=30)
        world.hub.mute = False
        assert_recovered(world, "connack_timeout", CONNACK_S + BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_suback_failure(board):
    with World(board) as world:
        world.hub.suback = REFUSED
        world.boot(counting)
        assert_recovered(world, "subscription_refused", CONNECT_S)
        assert world.node.uplink.link.failed_count == 0
        world.hub.suback = None
        world.run(for_s=70)
        assert world.hub.publish("errors/late", b"{}") == 1, "a refused subscription is asked for again"


@pytest.mark.parametrize("board", BOARDS)
def test_suback_that_never_comes(board):
    with World(board) as world:
        world.hub.suback = "never"
        world.boot(counting)
        world.run(for_s=30)
        world.hub.suback = None
        assert_recovered(world, "suback_timeout", SUBACK_S + BACKOFF_S + CONNECT_S)


MALFORMED = {
    "length of five bytes": (b"\x30\xff\xff\xff\xff\x01", "bad_length"),
    "packet of type 0": (b"\x00\x00", "unexpected_packet"),
    "packet of type 15": (b"\xf0\x00", "unexpected_packet"),
    "second CONNACK": (b"\x20\x02\x00\x00", "unexpected_packet"),
    "packet that only clients send": (b"\xc0\x00", "unexpected_packet"),
    "PUBLISH of QoS 3": (b"\x36\x05\x00\x01a\x00\x01", "bad_flags"),
    "PUBLISH of QoS 0 with DUP": (b"\x38\x03\x00\x01a", "bad_flags"),
    "PUBLISH with packet id 0": (b"\x32\x05\x00\x01a\x00\x00", "bad_packet_id"),
    "PUBLISH with a wildcard": (b"\x30\x03\x00\x01#", "bad_topic"),
    "PUBLISH with a topic that is no UTF-8": (b"\x30\x03\x00\x01\xff", "bad_topic"),
    "PUBLISH shorter than its topic": (b"\x30\x03\x00\x09a", "bad_publish"),
    "PUBLISH without a topic length": (b"\x30\x01\x00", "bad_publish"),
    "PUBACK of one byte": (b"\x40\x01\x00", "bad_ack"),
    "PUBACK for packet id 0": (b"\x40\x02\x00\x00", "bad_ack"),
    "PUBACK with flags": (b"\x42\x02\x00\x01", "bad_flags"),
    "PINGRESP with a body": (b"\xd0\x01\x00", "bad_pingresp"),
    "SUBACK nobody asked for": (b"\x90\x03\x00\x01\x00", "bad_suback"),
    "UNSUBACK nobody asked for": (b"\xb0\x02\x00\x01", "bad_suback"),
    "SUBACK longer than the buffer": (b"\x90\xff\x3f" + bytes(8191), "packet_too_long"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_packet_from_the_hub(name):
    data, reason = MALFORMED[name]
    with online_world() as world:
        world.hub.send_raw(data)
        assert_recovered(world, reason, 1 + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_packet_from_the_hub_that_never_ends(board):
    with online_world(board) as world:
        world.hub.send_raw(b"\x30\xff\xff\xff\x7f" + bytes(3000))
        assert_recovered(world, "puback_timeout", PUBACK_S + KEEPALIVE_S / 2 + PING_REPLY_S + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_oversized_message_from_the_hub(board, qos):
    with online_world(board, events_qos=qos) as world:
        assert world.hub.publish("errors/long", b"x" * 5000, qos) == 1
        world.hub.publish("errors/short", b"after it", qos)
        world.run(until=lambda: world.node.inbox.event_count == 1, limit_s=5)
        assert world.node.uplink.link.failed_count == 0
        world.run(for_s=10)
        assert world.logged("trouble oversized"), "a message that was lost is reported"
        assert "oversized" in world.hub.troubles()


def test_too_many_filters_are_refused_where_they_are_made():
    def program(node):
        for number in range(100):
            node.on(f"{'x' * 30}/{number}")(lambda topic, payload: None)

    with World() as world:
        with pytest.raises(ValueError, match=r"SUBSCRIBE of \d+ bytes, expected at most \d+"):
            world.boot(program)


def test_garbage_instead_of_mqtt():
    with online_world() as world:
        world.hub.send_raw(bytes(world.random.randbytes(4000)))
        world.run(until=lambda: not world.online(), limit_s=60)
        world.run(until=world.online, limit_s=1 + CONNECT_S)
        assert_readings_in_order(world)


@pytest.mark.parametrize("qos", [0, 1])
def test_hub_floods_the_node(qos):
    with online_world(events_qos=qos) as world:
        for number in range(400):
            world.hub.publish("errors/flood", b"%d" % number, qos)
        world.run(until=lambda: world.node.inbox.event_count == 400, limit_s=60)
        assert world.node.uplink.link.failed_count == 0
        assert_readings_in_order(world)
        assert not world.hub.unacknowledged


@pytest.mark.parametrize(("qos", "times"), [(1, 150), (2, 32)])
def test_hub_that_reads_nothing_floods_the_node(qos, times):
    """What is owed to it must not fill the stack's memory: a write would block until the watchdog bites."""
    with online_world(events_qos=qos) as world:
        world.hub.deaf = True
        for number in range(times):
            world.clock.after(30 * number, lambda: world.hub.publish("errors/flood", b"", qos))
        world.run(for_s=5)
        assert world.node.inbox.event_count == times
        world.hub.deaf = False
        world.run(for_s=PUBACK_S + BACKOFF_S + CONNECT_S)
        assert world.online()
        assert_readings_in_order(world)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_reports_of_each_qos_arrive_once_and_in_order(qos):
    heard = []
    with online_world(program=lambda node: node.on_event()(heard.append), events_qos=qos) as world:
        for number in range(10):
            world.hub.publish("errors/one", b"%d" % number, qos)
            world.run(for_s=0.05)
        world.run(for_s=5)
        assert [event.message for event in heard] == [str(number) for number in range(10)]
        assert not world.hub.unacknowledged


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_messages_of_each_qos_arrive_once_and_in_order(qos):
    with online_world(program=None) as world:
        for number in range(30):
            world.node.uplink.send(b"data", b"%d" % number, qos)
        world.run(for_s=10)
        arrived = [arrival.payload for arrival in world.hub.received if arrival.topic == "data"]
        assert arrived == [b"%d" % number for number in range(30)]
        assert world.node.uplink.session.in_flight == 0


def lose_packets_then_the_connection(world):
    """What the hub has just sent is lost, and then it drops the connection."""
    world.net.cut = True
    world.clock.after(100, lambda: world.hub.drop(reset=True))
    world.clock.after(200, lambda: setattr(world.net, "cut", False))


def arrivals_over_many_drops(qos, seed):
    """What arrives of twenty messages while the connection breaks again and again."""
    with booted_world(program=None, seed=seed) as world:
        world.node.hub.CLEAN_SESSION = False
        world.run(until=world.online, limit_s=CONNECT_S)
        world.net.latency_ms = 300  # so that there is often something under way
        for number in range(20):
            world.node.uplink.send(b"data", b"%d" % number, qos)
            world.clock.after(world.random.randrange(20_000), lambda: lose_packets_then_the_connection(world))
            world.run(for_s=world.random.random())
        world.run(for_s=120)
        assert world.online() and world.node.uplink.session.in_flight == 0
        return [arrival for arrival in world.hub.received if arrival.topic == "data"]


@pytest.mark.parametrize("qos", [1, 2])
def test_session_kept_over_connections_repeats_with_dup_what_was_not_acknowledged(qos):
    repeats = []
    for seed in range(20):
        firsts = []
        for arrival in arrivals_over_many_drops(qos, seed):
            seen = arrival.payload in firsts
            (repeats if seen else firsts).append(arrival if seen else arrival.payload)
        assert firsts == [b"%d" % number for number in range(20)]
    assert all(arrival.dup for arrival in repeats)
    assert bool(repeats) == (qos == 1), "QoS 1 came twice now and then, QoS 2 never"


def test_packets_are_lost_on_the_way():
    with World(seed=5) as world:
        world.net.loss = 0.2
        world.boot(counting)
        world.run(for_s=1200)
        world.net.loss = 0.0
        world.run(until=world.online, limit_s=20 + BACKOFF_S + CONNECT_S)
        assert_readings_in_order(world)


def test_outage_longer_than_the_outbox_loses_nothing():
    with online_world() as world:
        outage(world)
        assert "dropped" not in world.hub.telemetry()[-1][1]
        assert not os.listdir(os.path.join(world.folder, "outbox"))


def test_outage_longer_than_the_flash_drops_the_oldest_and_says_so():
    with online_world(flash={"messages_len": 8192}) as world:
        outage(world, 1800)
        assert world.hub.telemetry()[-1][1]["dropped"] > 50


def outage(world, for_s=600):
    world.hub.stop()
    world.run(for_s=for_s)
    world.hub.start()
    world.run(until=world.online, limit_s=BACKOFF_S + CONNECT_S)
    world.run(for_s=20)
    assert_readings_in_order(world)


@pytest.mark.parametrize(
    ("qos", "durable", "resets"), [(1, False, False), (0, True, False), (0, False, True)], ids=str
)
def test_what_was_flushed_while_the_hub_was_away_arrives(qos, durable, resets):
    """Through a connection that is dead as soon as it is there; but of QoS 0, only through a reset."""
    with online_world(program=None, telemetry={"qos": qos}) as world:
        world.hub.stop()
        world.run(for_s=5)
        for number in range(5):
            assert world.node.send("kept", number, durable=durable)
        assert world.node.flush()
        if resets:
            world.lose_power()
            world.boot()
        else:
            world.hub.start()
            world.run(until=world.online, limit_s=BACKOFF_S + CONNECT_S)
            world.hub.vanish()
            world.run(for_s=20)
        world.hub.start()
        world.run(for_s=PUBACK_S + 2 * (TCP_S + BACKOFF_S))
        arrived = [message["data"] for _, message in world.hub.telemetry("kept")]
        assert sorted(set(arrived)) == list(range(5))
