"""`make soak`, shortened: real MicroPython in the simulator's weather. And that it would notice a loss."""

import pytest

from host_tests.both.interpreters import needs
from host_tests.soak.account import Account
from host_tests.soak.soak import soak
from host_tests.soak.wire_weather import changes

SECONDS = 15
PACE = {"sooner": 500, "longest_s": 3}
KINDS = {"drop", "corrupt", "half-open", "stall", "cut", "delay", "power"}


def _has_everything(seed):
    """Does each kind of fault come, and is the device left in power for long enough to promise something?"""
    faults = [change.fault for change in changes(seed, SECONDS, **PACE) if change.begins]
    return set(faults) == KINDS and faults.count("power") <= 2


def test_nothing_that_was_promised_is_lost_in_bad_weather(tmp_path):
    needs("micropython")
    report = soak(tmp_path, next(filter(_has_everything, range(1000))), SECONDS, **PACE)
    assert report.is_good, str(report)
    assert set(report.faults) == KINDS, str(report)
    assert report.messages["promised"] >= 5 and report.files_left == 0, str(report)
    assert report.heap_low > 20_000, str(report)


@pytest.mark.parametrize("seed", range(20))
def test_all_that_begins_also_ends(seed):
    lasting = [each for each in changes(seed, 600) if each.fault in ("stall", "cut", "delay", "power")]
    assert sum(change.begins for change in lasting) * 2 == len(lasting)
    assert lasting == sorted(lasting)


def arrivals(*keys):
    return [{"boot": boot, "seq": seq} for boot, seq in keys]


def test_account_finds_what_is_missing_doubled_and_late():
    account = Account()
    for line in ("soak: kept 1 2", "soak: kept 1 5", "soak: heap 70000", "soak: heap 60000", "link WIFI"):
        account.read(line)
    found = account.settle(arrivals((1, 1), (1, 2), (1, 2), (1, 6), (1, 4), (2, 1), (2, 2)))
    assert found == {
        **{"arrived": 6, "promised": 2, "lost": 1},
        **{"gaps": 1, "missing": 3, "twice": 1, "out of order": 1},
    }
    assert account.lost(arrivals((1, 2), (1, 5))) == set()
    assert account.heap_low == 60_000
