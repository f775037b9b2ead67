"""Ticks that wrap: the link, the session and the schedules across 2**30 ms, and a fortnight of quiet."""


import importlib

import pytest

from host_tests.fakes import World
from host_tests.fakes.clock import NEVER
from host_tests.simulation.weather import (
    BACKOFF_S,
    BOARDS,
    CONNECT_S,
    assert_readings_in_order,
    counting,
)

PERIOD_MS = 1 << 30
DAY_S = 86400


def connected_after_ms(world):
    world.boot(counting)
    world.run(until=world.online, limit_s=CONNECT_S)
    return world.clock.now_ms


@pytest.mark.parametrize("board", BOARDS)
def test_ticks_wrap_while_connecting(board):
    with World(board) as world:
        usual_ms = connected_after_ms(world)
    for before_wrap_ms in range(0, usual_ms, 400):
        with World(board, ticks_start_ms=PERIOD_MS - before_wrap_ms) as world:
            assert connected_after_ms(world) == usual_ms
            assert not world.node.uplink.link.failed_count


@pytest.mark.parametrize("before_wrap_s", [12, 20, 35, 60])
def test_ticks_wrap_in_an_outage(before_wrap_s):
    with World(ticks_start_ms=PERIOD_MS - before_wrap_s * 1000) as world:
        world.boot(counting)
        world.run(until=world.online, limit_s=CONNECT_S)
        world.hub.mute = True
        world.run(for_s=60)
        world.hub.mute = False
        world.run(until=world.online, limit_s=10 + BACKOFF_S + CONNECT_S)
        assert_readings_in_order(world)


@pytest.mark.parametrize("before_wrap_s", [30, 90, 125])
def test_ticks_wrap_while_online_and_quiet(before_wrap_s):
    with World(ticks_start_ms=PERIOD_MS - before_wrap_s * 1000) as world:
        world.boot(None)
        world.run(until=world.online, limit_s=CONNECT_S)
        world.run(for_s=300)
        assert not world.node.uplink.link.failed_count and not world.hub.cuts
        assert world.hub.packets < 20


@pytest.mark.parametrize("days", [7, 10])
def test_days_without_the_hub_hold_nothing_back(days):
    with World() as world:
        world.boot(counting)
        world.node.set_state({"v": 1})
        world.run(until=world.online, limit_s=CONNECT_S)
        world.run(for_s=60)
        world.hub.stop()
        for _ in range(days):
            world.clock.deadline_ms = NEVER  # not every turn of a day: one long one, and some
            world.clock.wait(DAY_S * 1000)
            world.run(for_s=60)
        world.hub.start()
        world.run(until=world.online, limit_s=BACKOFF_S + CONNECT_S)
        world.node.set_state({"v": 2})
        queries, turns = world.sntp.queries, world.turns
        world.run(for_s=60)
        states = [arrival.payload for arrival in world.hub.received if arrival.topic.endswith("/state")]
        assert states == [b'{"v": 1}', b'{"v": 2}']
        assert world.sntp.queries == queries + 1, "the clock was kept"
        assert world.turns < turns + 300


def test_fortnight_of_quiet_crosses_the_wrap_twice(monkeypatch):
    # The first wrap comes after an hour, the second 12.4 days later.
    with World("RPI_PICO_W", ticks_start_ms=PERIOD_MS - 3_600_000) as world:

        def program(node):
            counts = iter(range(1_000_000))

            @node.telemetry(every_s=3600)
            def n():
                return next(counts)

        world.boot(program)
        # A loop that sleeps longer at a time takes a quarter of the turns, and of the time of this test.
        monkeypatch.setattr(importlib.import_module("hublink.limits"), "SOCKET_STEP_MS", 4000)
        world.run(until=world.online, limit_s=CONNECT_S)
        world.run(for_s=13 * DAY_S)
        assert world.node.uplink.link.failed_count == 0 and not world.hub.cuts
        assert len(world.hub.telemetry("n")) == 13 * 24 + 1
        assert world.sntp.queries >= 13 * 4, "the clock was kept"
        assert abs(world.device.device_s() - world.clock.unix_s()) < 3
        uptime_s = importlib.import_module("hublink.device.system").uptime_s()
        assert abs(uptime_s - world.clock.now_ms / 1000) < 5
        assert_readings_in_order(world)
