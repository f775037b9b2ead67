"""Tokens on the hubs of the IoT Core family: the node's own, by a right and a wrong clock, and its devices'.

Renewal in time is in host_tests/simulation/test_weather_tokens.py: it takes 16 minutes at least.
"""

import contextlib

import pytest

from host_tests.system.every_hub import LOST
from host_tests.system.every_iotcore import UNLIMITED, IotCore, keys_of
from host_tests.system.iotcore_parts import GATEWAY, LAMP, LIGHT
from host_tests.system.node_parts import Station

CODES = {4: "connack_4", 5: "connack_5"}
LIFE_S = 1200  # of the node's tokens


@pytest.fixture
def station(workshop, mpy):
    """Makes a Station of a method of the gateway, and settings of the hub; its clock comes from a server."""
    with contextlib.ExitStack() as stack:

        def make(method="ASSOCIATION_ONLY", sntp=None, dialect="clearblade", **hub):
            clock = {"clock": {"servers": [f"127.0.0.1:{sntp.port}"]}} if sntp else {}
            kind = IotCore(dialect, method)
            made = Station(workshop, kind, "micropython", mpy, {**UNLIMITED, **hub}, clock)
            return stack.enter_context(made)

        yield make


# -- its own -------------------------------------------------------------------------------------


def test_hub_that_cuts_at_the_end_of_a_token_gets_a_new_one(station, sntp):
    """The node's clock is behind, so it takes its token for good when the hub does not any more."""
    sntp.offset_s = 2 - LIFE_S
    it = station(sntp=sntp, skew_s=1).online()
    sntp.offset_s = 0
    it.line(LOST)
    assert it.logged("disconnect")["reason"] == "its token has expired"
    it.line("link HUB -> DOWN: connack_5")
    it.wait_online()
    assert LIFE_S - 5 < -it.do("node.uplink.clock.drift_s") < LIFE_S


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("offset_s", [-3 * 3600, 3 * 3600], ids=["slow", "fast"])
def test_wrong_clock_is_set_anew_when_its_token_is_refused(station, sntp, code, offset_s):
    sntp.offset_s = offset_s
    it = station(sntp=sntp, refusal_code=code)
    it.node.start()
    it.line(f"link HUB -> DOWN: {CODES[code]}")
    assert "the token" in it.logged("refuse")["reason"]
    sntp.offset_s = 0
    it.wait_online()
    assert it.troubles()[CODES[code]] >= 1


@pytest.mark.parametrize("dialect", ["clearblade", "omnicore"])
def test_node_waits_while_another_holds_its_identity(station, dialect):
    """On a hub that refuses the second connection instead of ending the first."""
    it = station(dialect=dialect, duplicate="refuse")
    with contextlib.closing(it.kind.rival(it)) as rival:
        assert rival.connack() == 0
        it.node.start()
        for _ in range(3):
            it.line("link HUB -> DOWN: connack_2")
    it.wait_online()


# -- its devices' --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["DEVICE_AUTH_TOKEN_ONLY", "ASSOCIATION_AND_DEVICE_AUTH_TOKEN"])
def test_devices_are_attached_with_tokens_of_their_own(station, method):
    """A lamp that is not bound is let in if its token is all that counts."""
    it = station(method).online()
    keys_of(it, LIGHT, LAMP)
    it.do(f"[node.gateway.attach(name, lambda name=name: token(name)) for name in ('{LIGHT}', '{LAMP}')]")
    counts = {"ready": 2} if method == "DEVICE_AUTH_TOKEN_ONLY" else {"ready": 1, "refused": 1}
    it.devices(**counts)
    it.do(f"node.gateway.publish('{LIGHT}', b'on')")
    assert it.arrived(it.kind.place(LIGHT, "events")).payload == b"on"
    it.hub.drop(GATEWAY)
    it.line(LOST)
    it.wait_online()
    it.devices(**counts)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("lambda: token('lamp-1')", "the signature is by none of the device's keys"),
        ("lambda: token('light-1', -700)", "the token expired"),
        ("'rubbish'", "the token is not three parts in base64url"),
        ("None", "there is no token"),
    ],
    ids=["another's", "expired", "rubbish", "none"],
)
def test_token_that_is_refused_is_reported(station, given, reason):
    it = station("DEVICE_AUTH_TOKEN_ONLY").online()
    keys_of(it, LIGHT, LAMP)
    it.do(f"node.gateway.attach('{LIGHT}', {given})")
    it.line(f"hublink: event error GATEWAY_ATTACHMENT_ERROR device {LIGHT}: .*{reason}")
    it.devices(refused=1)
    it.do(f"node.gateway.attach('{LIGHT}', lambda: token('{LIGHT}'))")
    it.devices(ready=1)


def test_token_that_cannot_be_made_is_reported_and_tried_again(station):
    it = station("DEVICE_AUTH_TOKEN_ONLY").online()
    it.do("setattr(limits, 'ATTACH_AGAIN_MS', 100)")
    it.do(f"node.gateway.attach('{LIGHT}', lambda: token('{LIGHT}'))")
    it.line("trouble attach_failed: OSError")
    keys_of(it, LIGHT)
    it.devices(ready=1)


def test_device_whose_token_ends_is_attached_with_a_new_one(station):
    it = station("DEVICE_AUTH_TOKEN_ONLY", skew_s=1).online()
    keys_of(it, LIGHT)
    it.do(f"node.gateway.attach('{LIGHT}', lambda: token('{LIGHT}', 1))")
    it.devices(ready=1)
    detached = f"test: event error GATEWAY_DETACHMENT_DEVICE_ERROR {LIGHT}"
    while detached not in it.node.lines:
        it.do(f"node.gateway.publish('{LIGHT}', b'on')")
    it.devices(ready=1)
    it.settled()


def test_more_devices_than_the_hub_lets_in(station):
    it = station(attached_max=2).online()
    it.do("[node.gateway.attach('light-%d' % n) for n in (1, 2, 3)]")
    it.line("event error GATEWAY_ATTACHMENT_ERROR device .*: too many devices are attached")
    it.devices(ready=2, refused=1)
    it.settled()
