"""Name servers and time servers in trouble, and a clock that is not set."""


import pytest

from host_tests.fakes import World
from host_tests.fakes.hub import ADDRESS as HUB_ADDRESS
from host_tests.fakes.hub import Hub
from host_tests.fakes.radio import GATEWAY
from host_tests.fakes.servers import Dns, Sntp
from host_tests.fakes.world import HUB_NAME, TIME_NAME
from host_tests.simulation.weather import (
    BACKOFF_S,
    BOARDS,
    CONNECT_S,
    RADIO_BOARDS,
    assert_readings_in_order,
    assert_recovered,
    booted_world,
    counting,
    online_world,
)

# Three tries of 2 s each, for each name.
ASKING_S = 3 * 2
DAY_S = 86400

# How a name server fails -> what the node calls it.
DNS_FAILURES = {
    "silent": "dns_timeout",
    "nxdomain": "dns_no_such_name",
    "servfail": "dns_refused",
    "garbage": "dns_timeout",  # an answer to another question is no answer
    "wrong_id": "dns_timeout",
    "cut_off": "dns_garbage",
    "truncated": "dns_no_address",
}
# How a time server fails -> what the node calls it.
SNTP_FAILURES = {
    "silent": "sntp_timeout",
    "garbage": "sntp_timeout",  # it answers another request
    "wrong_originate": "sntp_timeout",
    "zero_time": "sntp_zero_time",
    "kiss_of_death": "sntp_kiss_of_death",
    "wrong_mode": "sntp_not_a_server",
    "short": "sntp_short",
    "unsynchronised": "sntp_unsynchronised",
    "implausible": "sntp_implausible",
}


@pytest.mark.parametrize("board", RADIO_BOARDS)
@pytest.mark.parametrize("mode", DNS_FAILURES)
def test_dns_fails(board, mode):
    with booted_world(board) as world:
        world.dns.mode = mode
        world.run(for_s=60)
        assert not world.hub.knocks
        world.dns.mode = "answer"
        assert_recovered(world, DNS_FAILURES[mode], BACKOFF_S + ASKING_S + CONNECT_S)


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_dns_fails_after_the_address_was_known(board):
    with online_world(board) as world:
        world.run(for_s=2 * world.dns.ttl_s)
        world.dns.mode = "silent"
        world.hub.drop()
        assert_recovered(world, "closed_by_hub", 1 + ASKING_S + CONNECT_S)
        assert not world.logged("dns_"), "an old address is better than none"


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_address_is_used_again_without_asking(board):
    with online_world(board) as world:
        queries = world.dns.queries
        world.hub.drop()
        world.run(until=lambda: not world.online(), limit_s=5)
        world.run(until=world.online, limit_s=1 + CONNECT_S)
        assert world.dns.queries == queries


@pytest.mark.parametrize("board", BOARDS)
def test_hub_moves_to_another_address(board):
    with online_world(board) as world:
        world.hub.vanish()
        world.hub.move("10.0.0.6")
        world.dns.names[HUB_NAME] = ["10.0.0.6"]
        assert_recovered(world, "puback_timeout", 20 + 2 * (10 + BACKOFF_S) + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_address_of_an_impostor_is_not_kept_for_its_ttl(board):
    with booted_world(board) as world:
        foreign = world.hub.certificate.but(authority=world.foreign_authority)
        impostor = Hub(world.clock, world.net, world.tls, foreign, "10.0.0.66")
        world.dns.names[HUB_NAME], world.dns.ttl_s = ["10.0.0.66"], DAY_S
        world.run(until=lambda: world.logged("untrusted_hub"), limit_s=CONNECT_S)
        assert impostor.knocks and not impostor.records
        world.dns.names[HUB_NAME] = [HUB_ADDRESS]
        assert_recovered(world, "untrusted_hub", BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_second_address_of_the_hub_is_tried(board):
    with booted_world(board) as world:
        world.dns.names[HUB_NAME] = ["10.0.0.77", *world.dns.names[HUB_NAME]]
        world.run(until=world.online, limit_s=10 + CONNECT_S)


@pytest.mark.parametrize("board", RADIO_BOARDS)
@pytest.mark.parametrize("mode", SNTP_FAILURES)
def test_clock_unset_and_sntp_answers_nonsense(board, mode):
    with booted_world(board) as world:
        world.sntp.mode = mode
        world.run(for_s=60)
        assert not world.hub.knocks, "no handshake before the clock is set"
        world.sntp.mode = "ok"
        assert_recovered(world, SNTP_FAILURES[mode], BACKOFF_S + ASKING_S + CONNECT_S)
        assert abs(world.device.device_s() - world.clock.unix_s()) < 3


@pytest.mark.parametrize("mode", SNTP_FAILURES)
def test_clock_set_and_sntp_answers_nonsense(mode):
    with booted_world("unix") as world:
        world.sntp.mode = mode
        assert_recovered(world, SNTP_FAILURES[mode], CONNECT_S + ASKING_S)
        assert world.node.uplink.link.failed_count == 0


def test_close_leaves_no_question_to_a_time_server():
    with booted_world("unix") as world:
        world.sntp.mode = "silent"
        world.run(until=lambda: world.online() and world.sntp.queries, limit_s=CONNECT_S)
        world.node.close()
        assert not world.device.stack.sockets
        world.sntp.mode = "ok"
        queries = world.sntp.queries
        world.run(until=lambda: world.logged("was off by"), limit_s=CONNECT_S)
        assert world.sntp.queries == queries + 1


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_clock_is_set_by_the_server_that_answers(board):
    with booted_world(board, clock={"servers": ["nowhere.example.test", TIME_NAME]}) as world:
        world.run(until=world.online, limit_s=CONNECT_S)


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_readings_made_before_the_clock_is_set_have_no_time(board):
    with booted_world(board) as world:
        world.sntp.mode = "silent"
        world.run(for_s=20)
        world.sntp.mode = "ok"
        world.run(until=lambda: len(world.hub.telemetry("n")) > 10, limit_s=120)
        times = [message["time"] for _, message in world.hub.telemetry("n")]
        known = [time_s for time_s in times if time_s is not None]
        assert times[0] is None and known == sorted(known)
        assert abs(known[-1] - world.clock.unix_s()) < 10


@pytest.mark.parametrize("board", BOARDS)
def test_clock_is_asked_for_again_while_online(board):
    with online_world(board) as world:
        world.device.set_unix_ns(world.device.unix_ns() + 90_000_000_000)
        world.run(for_s=6 * 3600 + 60)
        assert world.logged("was off by 90 s") or world.logged("was off by 89 s"), world.tail()
        assert world.node.uplink.link.failed_count == 0


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_time_floor_rises_with_the_time_that_passed_and_outlives_a_power_cut(board):
    with online_world(board) as world:
        floor_s = world.node.uplink.clock.floor_s
        world.run(for_s=DAY_S)
        world.lose_power()
        world.boot(counting)
        assert 0.7 * DAY_S < world.node.uplink.clock.floor_s - floor_s < world.clock.now_ms / 1000
        # A server whose clock fell back behind what we knew.
        world.sntp.offset_s = floor_s + DAY_S / 2 - world.clock.unix_s()
        world.run(for_s=30)
        assert world.logged("sntp_implausible") and not world.online()
        world.sntp.offset_s = 0
        world.run(until=world.online, limit_s=BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_wrong_time_within_the_hubs_certificate_is_no_floor(board):
    """Neither a server that is years ahead, nor a hub that is content with that, may lock the device out."""
    with booted_world(board) as world:
        world.sntp.offset_s = 4 * 365 * DAY_S
        world.run(until=world.online, limit_s=CONNECT_S)
        world.run(for_s=DAY_S)
        world.lose_power()
        world.sntp.offset_s = 0
        world.boot(counting)
        world.run(until=world.online, limit_s=CONNECT_S)


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_time_far_in_the_future_is_forgotten_with_the_next_answer(board):
    with booted_world(board) as world:
        world.sntp.offset_s = 20 * 365 * DAY_S
        world.run(until=lambda: world.logged("certificate_expired"), limit_s=CONNECT_S)
        world.sntp.offset_s = 0
        assert_recovered(world, "certificate_expired", BACKOFF_S + ASKING_S + CONNECT_S)


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_time_far_in_the_future_does_not_outlive_a_power_cut(board):
    """A server that said 2046 once, with no hub to confirm it, must not lock the device out for ever."""
    with booted_world(board) as world:
        world.sntp.offset_s = 20 * 365 * DAY_S
        world.run(until=lambda: world.logged("certificate_expired"), limit_s=CONNECT_S)
        world.lose_power()
        world.sntp.offset_s = 0
        world.boot(counting)
        world.run(until=world.online, limit_s=BACKOFF_S + ASKING_S + CONNECT_S)


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_second_time_server_is_asked_when_the_first_answers_nonsense(board):
    with World(board) as world:
        Sntp(world.net.host("10.0.0.10"), world.clock)
        world.dns.names["time2.example.test"] = ["10.0.0.10"]
        world.sntp.mode = "zero_time"
        world.boot(counting, clock={"servers": [TIME_NAME, "time2.example.test"]})
        world.run(until=world.online, limit_s=CONNECT_S)
        assert world.sntp.queries == 1


@pytest.mark.parametrize("board", BOARDS)
def test_second_name_server_is_asked_when_the_first_is_silent(board):
    with World(board) as world:
        Dns(world.net.host("192.168.4.9"), world.dns.names)
        world.dns.mode = "silent"
        world.boot(counting, dns={"servers": [GATEWAY, "192.168.4.9"]})
        world.run(until=world.online, limit_s=2 * 2 + CONNECT_S)


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_no_memory_for_a_datagram_socket(board):
    with booted_world(board) as world:
        world.run(for_s=1)
        world.device.stack.full = True
        world.run(for_s=10)
        world.device.stack.full = False
        world.run(until=world.online, limit_s=BACKOFF_S + CONNECT_S)
        assert_readings_in_order(world)
