# limits: the waits have an order, and nothing that blocks outlasts the watchdog.
from hublink import limits

# A wait compared with ticks.diff must stay below half their period.
_TICKS_HALF = 1 << 29
_RP2040_WATCHDOG_MS = 8388


def _waits():
    return [(name, getattr(limits, name)) for name in dir(limits) if name.endswith("_MS")]


def case_socket_step_is_shorter_than_the_ping_reply():
    assert limits.SOCKET_STEP_MS < limits.PING_REPLY_MS


def case_ping_reply_is_shorter_than_half_of_any_keepalive():
    assert limits.PING_REPLY_MS < limits.KEEPALIVE_MIN_S * 1000 // 2
    assert limits.KEEPALIVE_MIN_S <= limits.KEEPALIVE_S <= limits.KEEPALIVE_MAX_S <= 1177


def case_every_blocking_call_is_shorter_than_the_watchdog():
    assert limits.WATCHDOG_MS <= _RP2040_WATCHDOG_MS
    # What really sleeps: the loop's wait, the wait under asyncio, and the pause before a reset.
    for blocking_ms in (limits.SOCKET_STEP_MS, limits.SERVE_STEP_MS, limits.RESET_PAUSE_MS):
        assert 0 < blocking_ms < limits.WATCHDOG_MS


def case_every_wait_is_positive_and_comparable_with_ticks():
    assert len(_waits()) > 10
    for name, wait_ms in _waits():
        assert 0 < wait_ms < _TICKS_HALF, name


def case_the_keepalive_is_comparable_with_ticks():
    assert 65535 * 1000 < _TICKS_HALF
    assert limits.KEEPALIVE_MAX_S * 1000 < _TICKS_HALF


def case_a_silent_hub_is_noticed_before_it_gives_up_on_us():
    # MQTT 3.1.1, 3.1.2.10: the hub waits one and a half times the keep-alive.
    for keepalive_s in (limits.KEEPALIVE_MIN_S, limits.KEEPALIVE_S, limits.KEEPALIVE_MAX_S):
        noticed_ms = keepalive_s * 1000 // 2 + limits.PING_REPLY_MS + limits.SOCKET_STEP_MS
        assert noticed_ms < keepalive_s * 1500


def case_the_backoff_has_a_range():
    assert 0 < limits.BACKOFF_BASE_MS < limits.BACKOFF_CAP_MS
    assert limits.BACKOFF_CAP_MS <= limits.STABLE_MS


def case_sizes_fit_together():
    assert 64 <= limits.OUTBOX_LEN <= 65536
    # An event must fit into what is received, and what is kept of it into the event.
    assert limits.EVENT_TEXT_LEN <= limits.RX_LEN
    assert 0 < limits.CHUNK_LEN <= limits.RX_LEN
    assert limits.WINDOW <= 16


def case_the_clock_believes_an_interval():
    # 2026-11-01 and 2100-01-01 as Unix seconds, by hand: days since 1970 times 86,400.
    assert limits.CLOCK_FLOOR_S == 20758 * 86400
    assert limits.CLOCK_CEILING_S == 47482 * 86400
