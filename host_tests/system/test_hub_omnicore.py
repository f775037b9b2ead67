"""A node on KORE OmniCore, end to end."""

import pytest

from host_tests.both.interpreters import needs
from host_tests.system.every_iotcore import UNLIMITED, EveryIotCore, IotCore
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
    pass
