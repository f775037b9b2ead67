"""Wi-Fi in trouble: what the radio and its driver do, and that the node comes back."""


import pytest

from host_tests.fakes import World
from host_tests.fakes.radio import HANGING, AccessPoint
from host_tests.fakes.world import PASSWORD, SSID
from host_tests.simulation.weather import (
    BACKOFF_S,
    BOARDS,
    CONNECT_S,
    RADIO_BOARDS,
    assert_recovered,
    counting,
    online_world,
)

PUBACK_S = 20
JOIN_S = 15  # limits.WIFI_JOIN_MS: what one vain attempt to join takes


@pytest.mark.parametrize("board", BOARDS)
def test_wifi_drops(board):
    with online_world(board) as world:
        world.radio.lose()
        world.run(for_s=60)
        assert not world.online()
        world.radio.restore()
        assert_recovered(world, "wifi_lost", JOIN_S + BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_wifi_drops_and_the_driver_says_that_it_is_connected(board):
    with online_world(board) as world:
        world.radio.lose(seen=False)
        world.run(for_s=15)
        assert world.node.uplink.wifi.is_up() and not world.radio.passes()
        world.radio.restore()
        # The network is left and joined anew, before the first retry.
        assert_recovered(world, "puback_timeout", PUBACK_S + 1 + CONNECT_S)


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_driver_says_that_it_is_connected_before_the_clock_is_set(board):
    with World(board) as world:
        world.boot(counting)
        world.run(until=lambda: world.logged("-> CLOCK"), limit_s=CONNECT_S)
        world.radio.lose(seen=False)
        world.radio.restore()
        assert_recovered(world, "dns_timeout", 3 * 2 + 1 + CONNECT_S)


def test_wifi_drops_and_the_status_says_connecting_for_ever():
    with online_world() as world:
        world.radio.lose(then=HANGING)
        world.radio.restore()
        assert_recovered(world, "wifi_lost", CONNECT_S)


@pytest.mark.parametrize("board", RADIO_BOARDS)
@pytest.mark.parametrize("seen", [True, False], ids=["seen", "unseen"])
def test_wifi_drops_at_any_moment_of_connecting(board, seen):
    for moment_ms in range(0, 8000, 500):
        with World(board, seed=moment_ms) as world:
            world.boot(counting)
            world.run(for_s=moment_ms / 1000)
            world.radio.lose(seen)
            world.run(for_s=5)
            world.radio.restore()
            world.run(until=world.online, limit_s=150)


def test_interference_for_a_while_costs_no_reading():
    with online_world() as world:
        world.radio.access_points[SSID].carries = False
        world.run(for_s=12)
        world.radio.access_points[SSID].carries = True
        world.run(for_s=60)
        assert world.node.uplink.link.failed_count == 0
        assert world.online()


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_radio_that_joins_nothing_is_restarted(board):
    with online_world(board) as world:
        world.radio.stuck = board == "RPI_PICO_W"  # CYW43 stays in "connecting" until it is powered down
        world.radio.lose()
        starts = world.radio.starts
        world.run(for_s=2 * (JOIN_S + 4))
        world.radio.restore()
        assert_recovered(world, "wifi_timeout" if world.radio.stuck else "wifi_no_such_network", 90)
        assert world.radio.starts > starts


def test_chip_that_answers_eperm_is_powered_down():
    with online_world() as world:
        world.radio.wedged = True
        world.radio.lose()
        world.radio.restore()
        assert_recovered(world, "wifi_error", 30)


def test_chip_that_answers_eperm_and_says_that_it_is_connected_is_powered_down():
    with online_world() as world:
        world.radio.wedged = True
        world.radio.lose(seen=False)
        world.radio.restore()
        assert_recovered(world, "puback_timeout", PUBACK_S + 2 + CONNECT_S)


def test_wifi_internal_state_error():
    with online_world("ESP32_GENERIC") as world:
        world.radio.state_errors = 3
        world.radio.lose()
        world.radio.restore()
        assert_recovered(world, "wifi_error", 30)


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_access_point_without_dhcp(board):
    with online_world(board) as world:
        world.radio.access_points[SSID].dhcp = False
        world.radio.lose()
        world.radio.restore()
        world.run(for_s=60)
        world.radio.access_points[SSID].dhcp = True
        assert_recovered(world, "wifi_timeout", JOIN_S + BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_password_was_changed(board):
    with online_world(board) as world:
        world.radio.access_points[SSID].password = "another one"
        world.radio.lose()
        world.radio.restore()
        world.run(for_s=60)
        world.radio.access_points[SSID].password = PASSWORD
        assert_recovered(world, "wifi_bad_password", JOIN_S + BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_second_network_is_joined_when_the_first_is_gone(board):
    networks = [{"ssid": SSID, "password": PASSWORD}, {"ssid": "shed", "password": "number two"}]
    with online_world(board, wifi={"networks": networks}) as world:
        world.radio.lose()
        world.radio.access_points["shed"] = AccessPoint("number two")
        assert_recovered(world, "wifi_no_such_network", 2 * JOIN_S + BACKOFF_S + CONNECT_S)
        assert world.node.uplink.wifi.ssid() == "shed"


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_soft_reset_with_wifi_still_up(board):
    with online_world(board) as world:
        joins = world.radio.joins
        world.soft_reset()
        world.boot(counting)
        world.run(until=world.online, limit_s=CONNECT_S)
        assert world.radio.joins == joins


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_power_saving_is_off_whenever_packets_are_to_flow(board):
    with online_world(board) as world:
        assert not world.radio.power_save
        world.radio.stuck = True
        world.radio.lose()
        world.radio.restore()
        world.run(until=world.online, limit_s=150)
        assert not world.radio.power_save


def test_esp32_driver_does_not_retry_by_itself():
    with online_world("ESP32_GENERIC") as world:
        assert not world.radio.retries
