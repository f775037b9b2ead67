# link: exactly eight pairs of (state, event) mean something; time and backoff hang on two of the states.
from hublink import link
from hublink.backoff import Backoff
from hublink.link import CLOCK, DOWN, HUB, ONLINE, WIFI

_STATES = (DOWN, WIFI, CLOCK, HUB, ONLINE)
_EVENTS = (link.DUE, link.WIFI_UP, link.CLOCK_SET, link.HUB_UP, link.FAILED)
_LISTED = (
    (DOWN, link.DUE, WIFI),
    (WIFI, link.WIFI_UP, CLOCK),
    (CLOCK, link.CLOCK_SET, HUB),
    (HUB, link.HUB_UP, ONLINE),
    (WIFI, link.FAILED, DOWN),
    (CLOCK, link.FAILED, DOWN),
    (HUB, link.FAILED, DOWN),
    (ONLINE, link.FAILED, DOWN),
)
# The last is a few milliseconds before ticks wrap.
_STARTS_MS = (0, 500_000_000, 0x3FFFFFFF - 5)
_STABLE_MS = 60_000


def _later(start_ms, ms):
    return (start_ms + ms) & 0x3FFFFFFF


def _link(state=DOWN, now_ms=0):
    at = link.Link(Backoff(1000, 32000), _STABLE_MS, now_ms)
    for event in (link.DUE, link.WIFI_UP, link.CLOCK_SET, link.HUB_UP)[:state]:
        at.event(event, now_ms)
    return at


def _all(at):
    return at.state, at.since_ms, at.delay_ms, at.reason, at.online_count, at.failed_count


def case_every_listed_pair_leads_where_the_table_says():
    for state, event, then in _LISTED:
        at = _link(state)
        assert at.event(event, 77, "why", 5) == then
        assert at.state == then
        assert at.since_ms == 77


def case_every_other_pair_raises_and_changes_nothing():
    listed = [(state, event) for state, event, _ in _LISTED]
    refused = 0
    for state in _STATES:
        for event in _EVENTS:
            if (state, event) in listed:
                continue
            at = _link(state)
            before = _all(at)
            try:
                at.event(event, 99, "why", 5)
            except ValueError as e:
                assert link.NAMES[state] in str(e)
                refused += 1
            assert _all(at) == before
    assert refused == 17


def case_an_unknown_event_raises():
    for event in (-1, 5, None, "DUE"):
        try:
            _link().event(event, 0)
        except (ValueError, TypeError):
            continue
        raise AssertionError(event)


def case_names_say_the_state():
    assert [link.NAMES[state] for state in _STATES] == ["DOWN", "WIFI", "CLOCK", "HUB", "ONLINE"]


def case_the_first_try_is_due_at_once():
    for start_ms in _STARTS_MS:
        assert _link(DOWN, start_ms).due_in(start_ms) == 0


def case_due_in_counts_down_to_zero_and_stays_there():
    for start_ms in _STARTS_MS:
        at = _link(WIFI, start_ms)
        at.event(link.FAILED, start_ms, "wifi_timeout", 1000)
        left = [at.due_in(_later(start_ms, ms)) for ms in (0, 1, 999, 1000, 1001, 600_000)]
        assert left == [1000, 999, 1, 0, 0, 0]


def case_failures_wait_longer_and_longer():
    at = _link()
    delays = []
    for _ in range(7):
        at.event(link.DUE, 0)
        at.event(link.FAILED, 0, "wifi_timeout", at._backoff.ceiling_ms)
        delays.append(at.delay_ms)
    assert delays == [1000, 2000, 4000, 8000, 16000, 32000, 32000]


def case_counts_and_reason_tell_the_story():
    at = _link(ONLINE)
    assert (at.online_count, at.failed_count, at.reason) == (1, 0, "start")
    at.event(link.FAILED, 0, "reset", 0)
    assert (at.online_count, at.failed_count, at.reason) == (1, 1, "reset")
    at.event(link.DUE, 0)
    assert at.reason == "reset"


# Raises the backoff to its third ceiling, comes online at start_ms.
def _online_after_failures(start_ms):
    at = _link(DOWN, start_ms)
    for _ in range(3):
        at.event(link.DUE, start_ms)
        at.event(link.FAILED, start_ms, "wifi_timeout", 0)
    for event in (link.DUE, link.WIFI_UP, link.CLOCK_SET, link.HUB_UP):
        at.event(event, start_ms)
    return at


def _ceiling_after(at, now_ms):
    at.tick(now_ms)
    at.event(link.FAILED, now_ms, "reset", 8000)
    return at.delay_ms


def case_a_stable_connection_resets_the_backoff():
    for start_ms in _STARTS_MS:
        at = _online_after_failures(start_ms)
        assert _ceiling_after(at, _later(start_ms, _STABLE_MS)) == 8000 % 1001


def case_a_short_connection_does_not():
    for start_ms in _STARTS_MS:
        at = _online_after_failures(start_ms)
        assert _ceiling_after(at, _later(start_ms, _STABLE_MS - 1)) == 8000


def case_the_reset_happens_once_a_connection():
    at = _online_after_failures(0)
    at.tick(_STABLE_MS)
    at._backoff.to_cap()
    at.tick(_STABLE_MS + 1)
    assert at._backoff.ceiling_ms == 32000


def case_the_next_connection_must_prove_itself_anew():
    at = _online_after_failures(0)
    at.tick(_STABLE_MS)
    at.event(link.FAILED, _STABLE_MS, "reset", 0)
    for event in (link.DUE, link.WIFI_UP, link.CLOCK_SET, link.HUB_UP):
        at.event(event, 70_000)
    at._backoff.to_cap()
    at.tick(70_000 + _STABLE_MS - 1)
    assert at._backoff.ceiling_ms == 32000
    at.tick(70_000 + _STABLE_MS)
    assert at._backoff.ceiling_ms == 1000


def case_time_offline_proves_nothing():
    at = _link(HUB)
    at._backoff.to_cap()
    at.tick(_STABLE_MS * 2)
    assert at._backoff.ceiling_ms == 32000
