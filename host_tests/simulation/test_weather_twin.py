"""A twin of Azure's that cannot be had at the moment: its device asks again, later and later."""

from itertools import pairwise

import pytest

from host_tests.fakes import World
from host_tests.simulation.weather import BACKOFF_S, BOARDS, CONNECT_S

GET, SET = "$iothub/twin/GET/?$rid=get", "$iothub/twin/PATCH/properties/reported/?$rid=set"
TRIES = 9


class Twin:
    """A world's node on this hub, and the hub's answers, given by hand."""

    def __init__(self, world):
        self.world, self.configs = world, []
        world.boot(self._program, hub={"type": "azure"})
        world.run(until=world.online, limit_s=CONNECT_S)

    def _program(self, node):
        node.on_config(self.configs.append)

    def requests(self, topic):
        return [arrival for arrival in self.world.hub.received if arrival.topic == topic]

    def answer(self, topic, status, payload=b""):
        """The next request there gets this answer; returns it."""
        count = len(self.requests(topic)) + 1
        self.world.run(until=lambda: len(self.requests(topic)) >= count, limit_s=BACKOFF_S + 2)
        self._tell(topic, status, payload)
        return self.requests(topic)[-1]

    def first(self, topic, status, payload=b""):
        """Answer to what was asked on connecting."""
        self.world.run(until=lambda: self.requests(topic), limit_s=5)
        self._tell(topic, status, payload)
        return self.requests(topic)[-1]

    def _tell(self, topic, status, payload):
        rid = topic.rpartition("=")[2]
        self.world.hub.publish(f"$iothub/twin/res/{status}/?$rid={rid}", payload)


def assert_grows(requests):
    """Each wait is a random one below a ceiling that doubles; the node looks at everything once a second."""
    times_ms = [request.at_ms for request in requests]
    waits_ms = [after - before for before, after in pairwise(times_ms)]
    for number, wait_ms in enumerate(waits_ms, 1):
        assert wait_ms <= min(1000 << number, BACKOFF_S * 1000) + 3000
    assert sum(waits_ms[4:]) > 2 * sum(waits_ms[:4])


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("board", BOARDS)
def test_configuration_that_is_refused_for_now_comes_later(board, status):
    with World(board) as world:
        twin = Twin(world)
        twin.first(GET, status)
        for _ in range(TRIES - 2):
            twin.answer(GET, status)
        twin.answer(GET, 200, b'{"desired":{"every_s":5,"$version":2},"reported":{"$version":1}}')
        world.run(until=lambda: twin.configs, limit_s=2)
        assert_grows(twin.requests(GET))
        world.run(for_s=2 * BACKOFF_S)
        assert len(twin.requests(GET)) == TRIES
        world.hub.publish("$iothub/twin/PATCH/properties/desired/?$version=3", b"{}")
        world.run(for_s=3)
        assert len(twin.requests(GET)) == TRIES + 1


@pytest.mark.parametrize("status", [429, 503])
def test_state_that_is_refused_for_now_is_sent_later(status):
    with World() as world:
        twin = Twin(world)
        twin.first(GET, 200, b'{"desired":{"$version":1},"reported":{"$version":1}}')
        world.node.set_state({"n": 1})
        for _ in range(TRIES - 1):
            twin.answer(SET, status)
        twin.answer(SET, 204)
        assert_grows(twin.requests(SET))
        assert {bytes(request.payload) for request in twin.requests(SET)} == {b'{"n": 1}'}
        world.run(for_s=2 * BACKOFF_S)
        assert len(twin.requests(SET)) == TRIES
