"""Tokens that end, and rivals: a device on ClearBlade IoT Core through hours, in virtual time."""

import json
from base64 import urlsafe_b64decode
from contextlib import contextmanager
from itertools import pairwise

import pytest

from host_tests.fakes import World
from host_tests.fakes.certificates import DEVICE
from host_tests.simulation.weather import BACKOFF_S, CONNECT_S, counting

LIFE_S = 1200
RENEW_S = LIFE_S * 4 // 5
HUB = {"type": "clearblade", "project": "p1", "registry": "reg", "gateway": True, "token_life_s": LIFE_S}
LIGHTS = [f"light-{n}" for n in range(3)]


@contextmanager
def cloud(seed=0):
    """A World whose device is online on a hub that takes tokens."""
    with World(seed=seed) as world:
        world.hub.trusts = lambda certificate: True  # none is shown
        world.boot(counting, hub=HUB, tls={"cert": None})
        world.run(until=world.online, limit_s=CONNECT_S)
        yield world


def claims(connect):
    """(iat, exp) of the token in a CONNECT."""
    part = connect[1].password.split(b".")[1]
    told = json.loads(urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    return told["iat"], told["exp"]


def readings(world):
    """Numbers of the program's readings, in the order of their arrival."""
    messages = [json.loads(a.payload) for a in world.hub.received if a.topic.endswith(f"{DEVICE}/events")]
    return [message["data"] for message in messages if message["name"] == "n"]


def with_lights(world):
    """The node's gateway, all LIGHTS attached."""
    gateway = world.node.gateway
    for name in LIGHTS:
        gateway.attach(name)
    world.run(until=lambda: gateway.status() == {"ready": 3}, limit_s=10)
    return gateway


def test_token_is_renewed_in_time_by_a_clean_reconnect():
    with cloud() as world:
        world.run(for_s=3 * RENEW_S + 60)
        times_s = [ms / 1000 for ms, _ in world.hub.connects]
        gaps_s = [after - before for before, after in pairwise(times_s)]
        assert len(gaps_s) == 3
        assert all(RENEW_S - 10 <= gap_s <= RENEW_S + 10 for gap_s in gaps_s), gaps_s
        assert len(world.hub.farewells) == 3
        lives = [claims(connect) for connect in world.hub.connects]
        assert all(ends - issued == LIFE_S for issued, ends in lives)
        assert len(set(lives)) == 4
        assert world.node.uplink.link.failed_count == 0
        assert not world.logged("trouble") and world.hub.troubles() == {}
        assert readings(world) == list(range(1, len(readings(world)) + 1))


def test_devices_are_attached_again_before_what_was_in_flight_for_them():
    with cloud() as world:
        gateway = with_lights(world)
        world.run(for_s=RENEW_S - 14)
        world.hub.pubacks = False
        for name in LIGHTS:
            assert gateway.publish(name, b"kept")
        world.run(until=lambda: len(world.hub.connects) == 2, limit_s=19)
        world.hub.pubacks = True
        world.run(until=lambda: gateway.status() == {"ready": 3}, limit_s=10)
        world.run(for_s=5)
        again = [arrival.topic for arrival in world.hub.received if arrival.connection == 2]
        last_attach = max(again.index(f"/devices/{name}/attach") for name in LIGHTS)
        assert all(again.index(f"/devices/{name}/events") > last_attach for name in LIGHTS)
        assert len(world.hub.farewells) == 1 and world.node.uplink.link.failed_count == 0


def test_devices_are_attached_again_when_the_loop_goes_on_after_ctrl_c():
    with cloud() as world:
        gateway = with_lights(world)
        world.press_ctrl_c()
        assert world.run(for_s=10) == "returned"
        assert gateway.status() == {"waiting": 3} and not gateway.publish(LIGHTS[0], b"too soon")
        world.run(until=lambda: gateway.status() == {"ready": 3}, limit_s=CONNECT_S)
        again = [arrival.topic for arrival in world.hub.received if arrival.connection == 2]
        assert sum(topic.endswith("/attach") for topic in again) == 3


@pytest.mark.parametrize("code", [4, 5])
def test_refused_token_is_made_anew_with_the_time_asked_for_again(code):
    with cloud() as world:
        questions = world.sntp.queries
        world.hub.connack = code
        world.hub.drop()
        world.run(until=lambda: world.logged(f"trouble connack_{code}"), limit_s=20)
        world.hub.connack = 0
        world.run(until=world.online, limit_s=BACKOFF_S + CONNECT_S)
        assert world.sntp.queries > questions
        refused, admitted = world.hub.connects[-2:]
        assert claims(admitted)[0] > claims(refused)[0]


@pytest.mark.parametrize("seed", range(5))
def test_rivals_with_one_identity_do_not_fight_without_a_pause(seed):
    """The other one is there again at once, each time: the pauses grow to the longest backoff."""
    with cloud(seed) as world:
        began_ms = world.clock.now_ms
        while world.clock.now_ms - began_ms < 3_600_000:
            world.hub.drop()
            world.run(until=lambda: not world.online(), limit_s=5)
            world.run(until=world.online, limit_s=BACKOFF_S + CONNECT_S)
        assert len(world.hub.connects) <= 3600 / (BACKOFF_S / 2) * 1.4
        assert world.logged("trouble closed_by_hub")
