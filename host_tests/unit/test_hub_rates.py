"""How often something may happen on a hub: an allowance that fills with time, one for each key."""

import pytest
from hublink_desk.hub.rates import Rates

# Times a second, then (seconds, whether it may happen) in a row.
ROWS = {
    "one-a-second": (1.0, [(0, True), (0.9, False), (1.8, True), (1.9, False), (60, True), (60.5, False)]),
    "a-burst-of-three": (3.0, [(0, True), (0, True), (0, True), (0, False), (0.34, True), (0.35, False)]),
    "no-more-than-a-burst-is-saved": (2.0, [(0, True), (99, True), (99, True), (99, False)]),
    "less-than-one-a-second": (0.5, [(0, True), (1.9, False), (2.0, True), (3.9, False), (4.1, True)]),
    "any-number": (0.0, [(0, True)] * 99),
}


@pytest.mark.parametrize(("per_s", "steps"), ROWS.values(), ids=ROWS)
def test_so_many_a_second_and_a_burst(per_s, steps):
    now = [0.0]
    rates = Rates(per_s, lambda: now[0])
    for at_s, expected in steps:
        now[0] = at_s
        assert rates.takes("key") is expected, at_s


def test_each_key_has_its_own():
    rates = Rates(1.0, lambda: 0.0)
    assert [rates.takes(key) for key in ("a", "b", "a", "b")] == [True, True, False, False]
