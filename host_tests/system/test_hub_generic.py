"""A node on a generic MQTT broker, end to end: everything that EveryFreeHub says."""

import pytest

from host_tests.both.interpreters import needs
from host_tests.system.every_hub import NAME, EveryFreeHub, FreeTopics
from host_tests.system.node_parts import Station


class Generic(FreeTopics):
    dialect, device, retains = "generic", NAME, True
    refusals = (
        "node.publish('a', b'', 2)",
        "node.publish('a/+', b'')",
        "node.publish('', b'')",
        "node.send('n', 1, 'a/#')",
    )

    def settings(self, port):
        return {
            "type": "generic",
            "host": "127.0.0.1",
            "port": port,
            "errors_filter": "trouble/#",
            "config_topic": "{device}/config",
            "commands_topic": "{device}/commands",
        }

    def devices(self, _workshop):
        return ()


@pytest.fixture(params=["cpython", "micropython"])
def station(request, workshop, mpy):
    needs(request.param)
    with Station(workshop, Generic(), request.param, mpy) as it:
        yield it.online()


class TestGeneric(EveryFreeHub):
    def test_certificate_proves_the_device(self, station):
        proof = station.logged("connect", client=NAME)["proof"]
        assert proof == f"certificate of '{NAME}', signed by the CA"

    def test_error_topic_makes_events(self, station):
        station.hub.publish("trouble/pump", b"it \xff leaks")
        station.line("test: event error hub.error trouble/pump")

    def test_birth_and_state_are_retained(self, station):
        station.do("node.set_state({'n': 1})")
        for kind in ("status", "state"):
            assert station.arrived(f"{NAME}/{kind}").retain is True
        assert station.do("node.publish('plant/9/level', b'x', 1, True)") is True
        assert station.arrived("plant/9/level").retain is True
