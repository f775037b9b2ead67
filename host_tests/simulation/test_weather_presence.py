"""What the hub knows of the device: birth message, last will, keep-alive, and one packet per write."""


import json

import pytest

from host_tests.fakes import World
from host_tests.fakes.certificates import DEVICE
from host_tests.simulation.weather import BACKOFF_S, BOARDS, CONNECT_S, counting, online_world

STATUS = f"{DEVICE}/status"
KEEPALIVE_S = 60
OFFLINE = b'{"online":false}'


def status(world):
    return json.loads(world.hub.retained[STATUS])


@pytest.mark.parametrize("board", BOARDS)
def test_birth_message(board):
    with online_world(board) as world:
        first = world.hub.received[0]
        assert (first.topic, first.retain) == (STATUS, True)
        assert json.loads(first.payload)["online"] is True and "version" in json.loads(first.payload)


def test_state_behind_a_birth_message_that_is_one_too_waits_as_long_as_the_hub_asks():
    hub = {"type": "clearblade", "project": "p1", "registry": "reg"}
    with World() as world:
        world.hub.trusts = lambda certificate: True  # none is shown
        world.boot(lambda node: node.set_state({"n": 1}), hub=hub, tls={"cert": None})
        world.run(until=world.online, limit_s=CONNECT_S)
        world.run(for_s=10)
        world.hub.drop()
        world.run(for_s=2 * BACKOFF_S)
        arrivals = [arrival for arrival in world.hub.received if arrival.topic.endswith("/state")]
        assert len(arrivals) == 4
        for birth, state in zip(arrivals[::2], arrivals[1::2], strict=True):
            assert json.loads(birth.payload)["online"] is True
            assert state.payload == b'{"n": 1}'
            assert state.at_ms - birth.at_ms >= 1500


@pytest.mark.parametrize("board", BOARDS)
def test_will_is_published_when_the_device_vanishes(board):
    with online_world(board) as world:
        world.lose_power()
        world.clock.wait(int(1.5 * KEEPALIVE_S * 1000) + 1000)
        assert [(topic, payload) for _, topic, payload in world.hub.wills] == [(STATUS, OFFLINE)]
        assert status(world) == {"online": False}
        world.boot(counting)
        world.run(until=world.online, limit_s=CONNECT_S)
        world.run(for_s=1)
        assert status(world)["online"] is True


@pytest.mark.parametrize("board", BOARDS)
def test_will_is_not_published_after_close(board):
    with online_world(board) as world:
        world.node.close()
        world.clock.wait(1000)
        assert not world.device.stack.sockets
        world.lose_power()
        world.clock.wait(2 * KEEPALIVE_S * 1000)
        assert world.hub.farewells and not world.hub.wills
        assert status(world) == {"online": False}, "it says so itself"


@pytest.mark.parametrize("board", BOARDS)
def test_close_at_any_moment_leaves_nothing_open(board):
    for moment_ms in range(0, 8000, 500):
        with World(board, seed=moment_ms) as world:
            world.boot(counting)
            world.run(for_s=moment_ms / 1000)
            was_online = world.online()
            world.node.status()
            world.node.close()
            world.clock.wait(1000)
            assert not world.device.stack.sockets
            world.node.close()
            world.node.status()
            assert not (was_online and world.hub.wills)


def test_will_is_published_before_the_birth_message_of_the_next_connection():
    with online_world() as world:
        world.radio.lose()
        world.run(for_s=5)
        world.radio.restore()
        world.run(until=lambda: len(world.hub.connects) == 2, limit_s=60)
        world.run(for_s=5)
        assert len(world.hub.wills) == 1, "the new connection takes the old one's place"
        assert status(world)["online"] is True


@pytest.mark.parametrize("program", [None, counting], ids=["quiet", "busy"])
@pytest.mark.parametrize("board", BOARDS)
def test_keep_alive_is_honoured(board, program):
    with online_world(board, program) as world:
        world.run(for_s=3600)
        assert not world.hub.cuts and world.node.uplink.link.failed_count == 0
        if program is None:
            assert world.hub.packets <= 3600 / (KEEPALIVE_S / 2) + 10


def test_hub_cuts_a_device_that_it_does_not_hear():
    with online_world(program=None) as world:
        world.net.cut = True
        world.run(for_s=1.5 * KEEPALIVE_S + 1)
        assert len(world.hub.cuts) == 1 and len(world.hub.wills) == 1
        world.net.cut = False
        world.run(until=world.online, limit_s=10 + BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_one_packet_is_one_record(board):
    with online_world(board) as world:
        world.run(for_s=600)
        assert world.hub.records == world.hub.packets


@pytest.mark.parametrize("board", BOARDS)
def test_quiet_node_sleeps(board):
    """Between two things to do it waits in poll() as long as it may: about a turn a second."""
    with online_world(board) as world:
        turns = world.turns
        world.run(for_s=600)
        assert world.turns - turns <= 1.5 * 600


def test_events_of_a_scaleway_hub_reach_their_handler():
    heard = []

    def program(node):
        counting(node)
        node.on_event(code="sec.topic_denied")(heard.append)

    hub = {"type": "scaleway", "device_id": "0d4bd0c0-1111-4222-8333-444455556666"}
    with World() as world:
        world.boot(program, hub=hub)
        world.run(until=world.online, limit_s=CONNECT_S)
        report = {
            "msg": "unauthorized topic 'a/b'",
            "object-id": "0d4bd0c0",
            "object-type": "device",
            "severity": "error",
        }
        world.hub.publish("$SCW/events/error", json.dumps(report).encode())
        world.run(until=lambda: heard, limit_s=5)
        assert heard[0].severity == "error" and heard[0].object_id == "0d4bd0c0"
        assert not any(arrival.retain for arrival in world.hub.received), "the shared plan forbids retain"
