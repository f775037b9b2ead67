"""A node on Scaleway IoT Hub, end to end: by certificate or device ID, on both plans, every Hub Event."""

import ast

import pytest
from hublink_desk.hub import Device, Filter
from hublink_desk.paths import ROOT
from hublink_desk.workshop import device_id

from host_tests.both.interpreters import needs
from host_tests.system.every_hub import NAME, EveryFreeHub, FreeTopics
from host_tests.system.node_parts import Station

# What no documentation settles, the other way round.
SWITCHES = {
    "event_layout": "severity-last",
    "refusal_code": 4,
    "is_device_id_required": True,
    "is_dropped_acknowledged": False,
    "closes_on_plan_violation": True,
    "retained_will": "strip",
    "reports_lost_connections": False,
    "other_severity": "warning",
}


class Scaleway(FreeTopics):
    """
    Args:
        plan: of the hub.
        auth: of the device.
        filters: of the device, for its hub's Device.
    """

    dialect, device = "scaleway", device_id(NAME)

    def __init__(self, plan="shared", auth="mtls", **filters):
        self.plan, self._auth, self._filters = plan, auth, filters
        self.retains = plan == "dedicated"
        self.files = ("ca",) if auth == "device_id" else ("ca", "cert", "key")
        self.refusals = (
            "node.publish('$SCW/events/error/device/x', b'')",
            "node.publish('a', b'', 2)",
        ) + (() if self.retains else ("node.publish('a', b'', 1, True)",))

    def settings(self, port):
        return {
            "type": "scaleway",
            "host": "127.0.0.1",
            "port": port,
            "device_id": self.device,
            "plan": self.plan,
            "auth": self._auth,
            "config_topic": "{device}/config",
            "commands_topic": "{device}/commands",
        }

    def devices(self, _workshop):
        is_insecure = self._auth == "device_id"
        return [Device(self.device, NAME, allow_insecure=is_insecure, **self._filters)]


def messages():
    """The documented texts of Hub Events, each with its code, as the tests of the parser have them."""
    tree = ast.parse((ROOT / "host_tests" / "both" / "cases_scaleway.py").read_text("utf-8"))
    return next(ast.literal_eval(node.value) for node in tree.body if _is_table(node))


def _is_table(node):
    return isinstance(node, ast.Assign) and node.targets[0].id == "_MESSAGES"


STATIONS = {
    "shared": ("micropython", Scaleway(), {}),
    "shared-switches": ("cpython", Scaleway(), SWITCHES),
    "dedicated-switches": ("micropython32", Scaleway("dedicated"), SWITCHES),
    "device_id": ("micropython", Scaleway(auth="device_id"), {}),
}


@pytest.fixture(params=STATIONS.values(), ids=STATIONS)
def station(request, workshop, mpy):
    name, kind, settings = request.param
    needs(name)
    with Station(workshop, kind, name, mpy, {"plan": kind.plan, **settings}) as it:
        yield it.online()


class TestScaleway(EveryFreeHub):
    def test_device_is_proved_and_the_plan_kept(self, station):
        proof = station.logged("connect")["proof"]
        is_by_id = "cert" not in station.kind.files
        assert proof == ("device ID" if is_by_id else "certificate, by common name")
        qos = 1 if station.kind.retains else 0
        for kind in ("config", "commands/#"):
            assert station.logged("subscribe", topic=f"{NAME}/{kind}")["granted"] == qos
        assert not any(record["what"] in ("drop", "refuse") for record in station.log.items())

    def test_every_documented_event_reaches_its_handler(self, station):
        for text, code in messages():
            station.hub.raise_event(text, "another-device")
            station.line(f"test: event (error|warning|info) {code} another-device$")


@pytest.fixture
def filtered(request, workshop, mpy):
    """A device whose messages to secret/# are blocked; the parameter: settings of the hub."""
    kind = Scaleway(publish=Filter("reject", ("secret/#",)), subscribe=Filter("reject", ("plant/#",)))
    with Station(workshop, kind, "micropython", mpy, request.param) as it:
        yield it.online()


@pytest.mark.parametrize("filtered", [{}, SWITCHES], indirect=True, ids=["default", "switches"])
def test_blocked_message_is_an_event_and_is_not_sent_for_ever(filtered):
    assert filtered.do("node.publish('secret/1', b'x', 1)") is True
    filtered.line(r"event error sec.topic_denied device .*: unauthorized topic \[secret/1\]")
    assert filtered.do("node.send('count', 1)") is True
    filtered.arrived(filtered.kind.telemetry())
    filtered.settled()


@pytest.mark.parametrize("filtered", [{}], indirect=True)
def test_blocked_subscription_is_a_trouble_and_the_others_work(filtered):
    assert filtered.troubles() == {"subscription_refused": 1}
    filtered.kind.configure(filtered.hub, b"x")
    filtered.line("test: config b'x'")


def test_device_id_is_not_enough_where_it_is_not_allowed(workshop, mpy):
    kind = Scaleway(auth="device_id")
    kind.devices = lambda _workshop: [Device(kind.device, NAME)]
    with Station(workshop, kind, "micropython", mpy) as station:
        station.node.start()
        station.line("link HUB -> DOWN: connack_5")
        assert station.logged("refuse")["reason"] == "mutual TLS authentication is required"


def test_handlers_hear_of_the_device_itself_now_and_then(workshop, mpy):
    """What they send may be the next event's cause."""
    with Station(workshop, Scaleway(), "micropython", mpy) as station:
        station.online()
        for _ in range(2):
            station.hub.raise_event("hub is locked", station.kind.device)
        station.line("test: event error hub.locked")
        station.line("trouble event_held_back: hub.locked")
