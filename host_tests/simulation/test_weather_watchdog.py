"""The watchdog bites when the loop really hangs, and maintenance mode keeps it from being started.

That it never bites otherwise is checked at the end of every other test (`World.check`).
"""


import importlib

import pytest

from host_tests.fakes import World
from host_tests.simulation.weather import BOARDS, CONNECT_S, RADIO_BOARDS, counting, online_world

WATCHDOG_MS = 8388
DAY_S = 86400


# What a driver does that polls its bus: it looks and sleeps, and does not come back.
def wait_for_ever(world):
    time = world.modules["time"]
    while True:
        time.sleep_ms(100)


@pytest.mark.parametrize("board", BOARDS)
def test_watchdog_bites_when_a_sensor_hangs(board):
    with World(board) as world:
        world.may_bite = True

        def program(node):
            counting(node)

            @node.telemetry(every_s=20)
            def probe():
                if world.online():
                    wait_for_ever(world)

        world.boot(program)
        world.run(until=world.online, limit_s=CONNECT_S)
        assert world.run(for_s=60) == "watchdog"
        world.boot(counting)
        world.node.status()
        assert world.logged("boot 2 (watchdog)"), world.tail()
        world.run(until=world.online, limit_s=CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_watchdog_bites_when_the_loop_is_stuck(board, monkeypatch):
    with online_world(board) as world:
        world.may_bite = True
        monkeypatch.setattr(world.node.uplink, "step", lambda now_ms: wait_for_ever(world))
        began_ms = world.clock.now_ms
        assert world.run(for_s=60) == "watchdog"
        assert WATCHDOG_MS <= world.bites[0] - began_ms <= WATCHDOG_MS + 1000
        world.boot(counting)
        world.run(until=world.online, limit_s=CONNECT_S)


def test_watchdog_bites_in_a_call_that_takes_too_long():
    def program(node):
        counting(node)

        @node.telemetry(every_s=20)
        def networks():
            if world.online():
                return len(world.modules["network"].WLAN(0).scan())  # 10 s on rp2

    with World("RPI_PICO_W") as world:
        world.may_bite = True
        world.boot(program)
        world.run(until=world.online, limit_s=CONNECT_S)
        assert world.run(for_s=60) == "watchdog"


@pytest.mark.parametrize("board", BOARDS)
def test_longest_call_of_a_hard_day(board):
    """Every kind of call that takes time was made, and none took as long as half the watchdog allows."""
    with online_world(board) as world:
        for harm in (world.radio.lose, world.hub.vanish, lambda: setattr(world.dns, "mode", "wrong_id")):
            harm()
            world.run(for_s=120)
            world.radio.restore()
            world.hub.start()
            world.dns.mode = "answer"
            world.run(until=world.online, limit_s=150)
        longest_ms = dict(world.clock.longest_ms)
        assert longest_ms.pop("TLS handshake") <= 2000
        assert all(ms <= 1000 for ms in longest_ms.values()), longest_ms


@pytest.mark.parametrize("board", BOARDS)
def test_cause_of_the_reset_is_told_apart(board):
    with online_world(board) as world:
        world.may_reset = True
        assert world.call(importlib.import_module("board").reset) == "reset"
        world.boot(counting)
        world.node.status()
        assert world.logged("boot 2 (reset)"), world.tail()
        world.lose_power()
        world.boot(counting)
        world.node.status()
        assert world.logged("boot 3 (power_on)"), world.tail()


# -- maintenance mode ------------------------------------------------------------------------------


def enter_maintenance(world, on=True):
    world.may_reset = True
    hublink = importlib.import_module("hublink")
    return world.call(lambda: hublink.maintenance(on))


@pytest.mark.parametrize("board", BOARDS)
def test_maintenance_mode_starts_neither_watchdog_nor_node(board):
    with online_world(board) as world:
        assert enter_maintenance(world) == "reset"
        world.boot(counting)
        assert world.logged("maintenance mode")
        knocks = world.hub.knocks
        assert world.run(for_s=1) == "returned"
        world.clock.wait(DAY_S * 1000)  # a day at the REPL: no watchdog, or it would bite here
        assert world.hub.knocks == knocks


@pytest.mark.parametrize("board", BOARDS)
def test_maintenance_mode_outlives_a_reset(board):
    with online_world(board) as world:
        enter_maintenance(world)
        for _ in range(3):
            world.boot(counting)
            assert world.run(for_s=1) == "returned"
            assert world.call(importlib.import_module("board").reset) == "reset"
        world.boot(counting)
        assert world.run(for_s=1) == "returned"


@pytest.mark.parametrize("board", BOARDS)
def test_leaving_maintenance_mode_starts_the_node(board):
    with online_world(board) as world:
        enter_maintenance(world)
        world.boot(counting)
        assert enter_maintenance(world, on=False) == "reset"
        world.boot(counting)
        world.run(until=world.online, limit_s=CONNECT_S)
        assert world.clock.deadline_ms < world.clock.now_ms + 10_000, "the watchdog runs again"


@pytest.mark.parametrize("board", BOARDS)
def test_entering_and_leaving_maintenance_mode_is_no_crash(board):
    with online_world(board) as world:
        for on in (True, False):
            enter_maintenance(world, on)
            world.boot(counting)
        world.node.status()
        assert world.logged("(reset)") and not world.logged("(watchdog)")


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_ctrl_c_leaves_a_watchdog_that_bites_and_says_so(board):
    with online_world(board) as world:
        world.may_bite = True
        world.press_ctrl_c()
        assert world.run(for_s=10) == "returned"
        assert world.logged("the watchdog will reset the board") and world.logged("maintenance(True)")
        world.clock.wait(1000)
        assert world.hub.farewells
        assert world.call(lambda: world.clock.wait(WATCHDOG_MS)) == "watchdog"


@pytest.mark.parametrize("board", BOARDS)
def test_maintenance_mode_after_ctrl_c_makes_the_repl_usable(board):
    with online_world(board) as world:
        world.press_ctrl_c()
        world.run(for_s=10)
        assert enter_maintenance(world) == "reset"
        world.boot(counting)
        assert world.call(lambda: world.clock.wait(DAY_S * 1000)) == "returned"


def test_watchdog_runs_through_a_soft_reset_on_rp2():
    with online_world() as world:
        world.may_bite = True
        world.soft_reset()
        world.boot(counting)
        assert world.call(lambda: world.clock.wait(WATCHDOG_MS)) == "watchdog"
