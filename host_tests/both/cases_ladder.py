# ladder: networks in order of preference, the radio restarted after every second round.
from hublink.ladder import JOIN, RESTART, Ladder, is_at_end


def _tries(ladder, n):
    return [ladder.next() for _ in range(n)]


def case_one_network_is_joined_twice_between_restarts():
    assert _tries(Ladder(1), 6) == [(JOIN, 0), (JOIN, 0), (RESTART, 0), (JOIN, 0), (RESTART, 0), (JOIN, 0)]


def case_networks_take_turns_in_order_of_preference():
    assert _tries(Ladder(3), 7) == [
        (JOIN, 0), (JOIN, 1), (JOIN, 2), (JOIN, 0), (JOIN, 1), (JOIN, 2), (RESTART, 0),
    ]  # fmt: skip


def case_a_restart_comes_every_second_round():
    rungs = [rung for rung, _ in _tries(Ladder(2), 12)]
    assert rungs == [JOIN] * 4 + [RESTART] + [JOIN] * 3 + [RESTART] + [JOIN] * 3


def case_the_network_that_was_joined_is_tried_first_next_time():
    ladder = Ladder(3)
    _tries(ladder, 2)
    ladder.joined()
    assert _tries(ladder, 3) == [(JOIN, 1), (JOIN, 2), (JOIN, 0)]


def case_joining_after_a_restart_starts_the_ladder_at_its_foot():
    ladder = Ladder(2)
    assert _tries(ladder, 5)[-1] == (RESTART, 0)
    ladder.joined()
    assert _tries(ladder, 5) == [(JOIN, 0), (JOIN, 1), (JOIN, 0), (JOIN, 1), (RESTART, 0)]


def case_joining_again_and_again_never_restarts_the_radio():
    ladder = Ladder(1)
    for _ in range(10):
        assert ladder.next() == (JOIN, 0)
        ladder.joined()


def case_a_reset_is_left_to_try_where_the_device_itself_is_at_its_end():
    for reason in ("wifi_timeout", "wifi_error", "wifi_lost", "network", "out_of_memory"):
        assert is_at_end(reason), reason
    for reason in ("start", "tcp_timeout", "dns_timeout", "sntp_timeout", "connection_refused", "connack_5"):
        assert not is_at_end(reason), reason
