# backoff: ceilings double to the cap, and the delay is any number from 0 to the ceiling.
from hublink.backoff import Backoff

_HUGE = 0x3FFFFFFF


def case_ceilings_double_from_base_to_cap():
    backoff = Backoff(1000, 32000)
    seen = []
    for _ in range(8):
        seen.append(backoff.ceiling_ms)
        backoff.next_ms(0)
    assert seen == [1000, 2000, 4000, 8000, 16000, 32000, 32000, 32000]


def case_delay_reaches_both_ends_of_its_range():
    # The remainder of a division by ceiling + 1: 0 and the ceiling itself are both possible.
    for random, delay_ms in ((0, 0), (1, 1), (999, 999), (1000, 1000), (1001, 0), (2001, 1000)):
        assert Backoff(1000, 32000).next_ms(random) == delay_ms


def case_delay_at_the_cap_is_any_up_to_the_cap():
    backoff = Backoff(1000, 32000)
    backoff.to_cap()
    assert backoff.next_ms(32000) == 32000
    assert backoff.next_ms(32001) == 0
    assert backoff.next_ms(_HUGE) == _HUGE % 32001


def case_jitter_is_spread_evenly():
    counts = [0] * 4
    for random in range(4 * 1001):
        counts[Backoff(1000, 32000).next_ms(random) // 251] += 1
    assert max(counts) - min(counts) <= 16


def case_cap_that_is_no_power_of_two_is_kept():
    backoff = Backoff(1000, 5000)
    ceilings = []
    for _ in range(5):
        ceilings.append(backoff.ceiling_ms)
        backoff.next_ms(0)
    assert ceilings == [1000, 2000, 4000, 5000, 5000]


def case_reset_starts_from_the_base():
    backoff = Backoff(1000, 32000)
    backoff.to_cap()
    backoff.reset()
    assert backoff.next_ms(1000) == 1000
    assert backoff.ceiling_ms == 2000


def case_base_may_equal_cap():
    for base_ms in (1, 500):
        backoff = Backoff(base_ms, base_ms)
        assert [backoff.next_ms(base_ms) for _ in range(3)] == [base_ms] * 3


def case_impossible_bounds_are_refused():
    for base_ms, cap_ms in ((0, 1000), (-1, 1000), (1001, 1000)):
        try:
            Backoff(base_ms, cap_ms)
        except ValueError as e:
            assert "base_ms <= cap_ms" in str(e)
        else:
            raise AssertionError((base_ms, cap_ms))
