"""What weather is made of: for each kind of it, its values and what it does to the world.

A `Spell` lasts, and ends with its `calm` value: of several of one kind at a time, the last begun counts. A
`Stroke` happens in a moment. Values are what JSON can say, so that a plan can name them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from host_tests.fakes.clock import EndOfRun
from host_tests.fakes.hub import ADDRESS, NAME
from host_tests.fakes.hub_client import REFUSED
from host_tests.fakes.world import PASSWORD

IMPOSTOR_ADDRESS, NOBODYS_ADDRESS = "10.0.0.66", "10.0.0.77"
_DAY_S = 86400


@dataclass(frozen=True)
class Spell:
    """set: f(world, value). values: those it may have, calm aside. longest_s: how long it lasts at most."""

    set: Callable
    calm: Any
    values: tuple
    longest_s: int = 300


@dataclass(frozen=True)
class Stroke:
    """do: f(world, value). values: those it may have."""

    do: Callable
    values: tuple = (None,)


# Sets an attribute of a part of the world: "net.loss".
def _sets(path):
    part, name = path.split(".")
    return lambda world, value: setattr(getattr(world, part), name, value)


# Sets an attribute of every access point.
def _sets_air(name):
    def set_all(world, value):
        for access_point in world.radio.access_points.values():
            setattr(access_point, name, value)

    return set_all


def _wifi_off(world, how):
    if how is None:
        world.radio.restore()
    else:
        world.radio.lose(seen=how != "unseen", then=how)


def _hub_off(world, how):
    if how is None:
        world.hub.start()
    elif how == "vanishes":
        world.hub.vanish()
    else:
        world.hub.stop(reset=how == "resets")


def _names_lie(world, lie):
    addresses, world.dns.ttl_s = lie
    world.dns.names[NAME] = addresses


# what: None, or what is wrong with it.
def _certificate(world, what):
    wrong = {
        "name": {"names": ("other.example.test",)},
        "authority": {"authority": world.foreign_authority},
        "expired": {"not_after_s": 1_794_000_000},
    }
    world.hub.certificate = world.good_certificate.but(**wrong.get(what, {}))


def _distrusts(world, never):
    world.hub.trusts = (lambda _: False) if never else lambda device: device.authority == world.authority


def _no_sockets(world, full):
    world.device.stack.full = full


# A device that is off already loses nothing.
def _power(world, off):
    if off and world.node:
        raise EndOfRun("power")


def _forget(world, _):
    world.hub.vanish()
    world.hub.start()


def _publish(world, value):
    qos, times = value
    for _ in range(times):
        world.traffic.publish_down(qos)


# A hub that has lost count of its bytes: what it says may be the head of a packet of any length, in which all
# that follows drowns.
def _babble(world, data):
    world.hub.send_raw(data)


def _no_memory(world, faults):
    world.tls.faults[:] = faults


def _wedge(world, _):
    world.radio.wedged = world.device.port == "rp2"


DNS = ("silent", "nxdomain", "servfail", "garbage", "wrong_id", "truncated", "cut_off")
SNTP = (
    *("silent", "garbage", "zero_time", "kiss_of_death", "wrong_mode", "wrong_originate"),
    *("short", "unsynchronised", "implausible"),
)
CONNACKS = (1, 2, 3, 4, 5, "20020200", "2003000000", "20020105", "d000", "200200", "485454502f312e31")
RAW = (
    *("30ffffffff01", "0000", "f000", "20020000", "c000", "36050001610001", "3803000161", "32050001610000"),
    *("3003000123", "30030001ff", "3003000961", "300100", "400100", "40020000", "42020001", "d00100"),
    *("9003000100", "b0020001", "30ffffff7f", "50020fff", "40020fff", "70020fff"),
)

ELEMENTS = {
    # -- the network
    "latency": Spell(_sets("net.latency_ms"), 20, (200, 1000, 3000)),
    "loss": Spell(_sets("net.loss"), 0.0, (0.05, 0.2, 0.5)),
    "stall": Spell(_sets("net.cut"), False, (True,)),
    "drop": Stroke(lambda world, reset: world.hub.drop(reset), (False, True)),
    # -- Wi-Fi
    "wifi off": Spell(_wifi_off, None, ("lost", "hanging", "unseen")),
    "no lease": Spell(_sets_air("dhcp"), True, (False,)),
    "interference": Spell(_sets_air("carries"), True, (False,)),
    "other password": Spell(_sets_air("password"), PASSWORD, ("changed",)),
    "radio stuck": Spell(_sets("radio.stuck"), False, (True,)),
    "radio wedged": Stroke(_wedge),
    "radio errors": Stroke(_sets("radio.state_errors"), (1, 3)),
    # -- names and time
    "dns": Spell(_sets("dns.mode"), "answer", DNS),
    "dns lies": Spell(
        _names_lie,
        [[ADDRESS], 300],
        (
            *([[ip], ttl_s] for ip in (IMPOSTOR_ADDRESS, NOBODYS_ADDRESS) for ttl_s in (60, _DAY_S)),
            [[NOBODYS_ADDRESS, ADDRESS], 300],
        ),
        900,
    ),
    "sntp": Spell(_sets("sntp.mode"), "ok", SNTP),
    "sntp lies": Spell(
        _sets("sntp.offset_s"),
        0,
        (-40 * _DAY_S, -10 * _DAY_S, -3600, 3600, 4 * 365 * _DAY_S, 20 * 365 * _DAY_S),
    ),
    # -- the hub
    "hub off": Spell(_hub_off, None, ("closes", "resets", "vanishes")),
    "hub forgets": Stroke(_forget),
    "session lost": Stroke(lambda world, _: world.hub.forget_sessions()),
    "mute": Spell(_sets("hub.mute"), False, (True,)),
    "deaf": Spell(_sets("hub.deaf"), False, (True,)),
    "slow": Spell(_sets("hub.delay_ms"), 0, (500, 6000, 15000)),
    "no acks": Spell(_sets("hub.pubacks"), True, (False,)),
    "connack": Spell(
        lambda world, value: setattr(
            world.hub, "connack", bytes.fromhex(value) if isinstance(value, str) else value
        ),
        0,
        CONNACKS,
    ),
    "suback": Spell(_sets("hub.suback"), None, (REFUSED, "never")),
    "raw": Stroke(lambda world, packet: _babble(world, bytes.fromhex(packet)), RAW),
    "garbage": Stroke(lambda world, n: _babble(world, world.random.randbytes(n)), (1, 20, 4000)),
    # -- certificates
    "certificate": Spell(_certificate, None, ("name", "authority", "expired")),
    "distrust": Spell(_distrusts, False, (True,)),
    "tls": Spell(_sets("hub.tls_mode"), "normal", ("silent", "plain", "alert", "reset", "eof")),
    # -- the device
    "power cut": Spell(_power, False, (True,), 120),
    "flash cut": Spell(lambda world, changes: world.flash.cut_every(changes), 0, (1, 2, 3, 4, 7), 120),
    "no memory": Spell(_no_memory, [], (["records"], ["handshake"], ["verify", "verify"], ["sign"])),
    "low heap": Spell(_sets("device.heap_free"), 150_000, (30_000,)),
    "no sockets": Spell(_no_sockets, False, (True,)),
    "sensor": Spell(
        _sets("traffic.fault"), None, ("raises", "no memory", "no number", "too long", "slow"), 120
    ),
    "handler": Spell(_sets("traffic.handler_fault"), None, ("raises", "no memory"), 120),
    "hang": Stroke(lambda world, _: world.traffic.hang()),
    "burst": Stroke(lambda world, n: world.traffic.burst(n), (5, 20, 60)),
    # -- what the hub says
    "down": Stroke(_publish, tuple([qos, times] for qos in (0, 1, 2) for times in (1, 3, 8, 40))),
    "oversized": Stroke(lambda world, qos: world.hub.publish("down/long", b"x" * 5000, qos), (0, 1, 2)),
}
