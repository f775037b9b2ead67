"""A node on ClearBlade IoT Core, end to end; what only the clock and tokens do is in test_hub_tokens.py."""

import json

import pytest

from host_tests.both.interpreters import needs
from host_tests.system.every_hub import LOST
from host_tests.system.every_iotcore import SWITCHES, UNLIMITED, EveryIotCore, IotCore
from host_tests.system.node_parts import Station

STATIONS = {
    "micropython": ("micropython", {}),
    "switches": ("micropython32", SWITCHES),
}


@pytest.fixture(params=STATIONS.values(), ids=STATIONS)
def station(request, workshop, mpy):
    name, settings = request.param
    needs(name)
    with Station(workshop, IotCore("clearblade"), name, mpy, {**UNLIMITED, **settings}) as it:
        yield it.online()


class TestClearBlade(EveryIotCore):
    def test_state_is_sent_again_behind_the_birth_of_a_new_connection(self, station):
        station.arrived(station.kind.topic("state"))
        station.do("node.set_state({'n': 77})")
        station.hub.drop(station.kind.device)
        station.line(LOST)
        birth = json.loads(station.arrived(station.kind.topic("state")).payload)
        assert birth["online"] is True
        assert station.arrived(station.kind.topic("state")).payload == b'{"n": 77}'
