"""A node on KORE OmniCore, end to end."""

import pytest

from host_tests.both.interpreters import needs
from host_tests.system.every_iotcore import UNLIMITED, EveryIotCore, IotCore
from host_tests.system.iotcore_parts import GATEWAY, LIGHT
from host_tests.system.node_parts import Station

STATIONS = {
    "micropython": ("micropython", {}),
}


@pytest.fixture(params=STATIONS.values(), ids=STATIONS)
def station(request, workshop, mpy):
    name, settings = request.param
    needs(name)
    with Station(workshop, IotCore("omnicore"), name, mpy, {**UNLIMITED, **settings}) as it:
        yield it.online()


class TestOmniCore(EveryIotCore):
    def test_device_whose_name_makes_no_topic_is_refused_although_the_gateway_is_blamed(self, station):
        """Past the node's own rule for names."""
        station.do("setattr(node.hub, 'may_bind', len)")
        station.do(f"[node.gateway.attach(name) for name in ('goog-1', '{LIGHT}')]")
        station.line(f"test: event error GATEWAY_INVALID_MQTT_TOPIC {GATEWAY}$")
        station.devices(refused=1, ready=1)
        station.settled()
