# health: what one start leaves to the next, over a board and notes that remember.
from hublink import limits, link
from hublink.backoff import Backoff
from hublink.device import system
from hublink.device.health import Health


class Board:
    def __init__(self):
        self.words = (0, 0)
        self.cause = "power_on"
        self.resets = 0
        self.in_maintenance = False

    def kept(self):
        return self.words

    def keep(self, a, b):
        self.words = (a, b)

    def reset_cause(self):
        return self.cause

    def maintenance(self):
        return self.in_maintenance

    def reset(self):
        self.resets += 1


class Notes:
    def __init__(self):
        self.values = {}
        self.writes = 0

    def save(self, **values):
        self.values.update(values)
        self.writes += 1


class Device:
    """Starts again and again; each start lasts as many seconds as it is told."""

    def __init__(self):
        self.board = Board()
        self.notes = Notes()
        self.link = link.Link(Backoff(1000, 32000), 60000, 0)
        self.now_s = 0
        system.uptime_s = lambda: self.now_s  # the cases run for hours
        system.sleep_ms = lambda ms: None

    def start(self, cause="reset"):
        self.board.cause = cause
        if cause == "power_on":
            self.board.words = (0, 0)
        self.now_s = 0
        return Health(self.board, self.notes)

    # Turns of the loop, one a second; the first reason to restart.
    def run(self, health, seconds, state=link.DOWN):
        self.link.state = state
        for _ in range(seconds):
            self.now_s += 1
            reason = health.tick(self.link)
            if reason:
                return reason
        return None


def case_a_clean_power_on_reports_nothing_and_writes_once():
    device = Device()
    for boot in range(1, 4):
        health = device.start("power_on")
        assert (health.boot, health.crash, health.safe) == (boot, None, False)
        device.run(health, 100)
        assert device.notes.writes == boot


def case_a_reset_reports_how_the_device_was():
    device = Device()
    device.run(device.start("power_on"), 75, link.HUB)
    crash = device.start("watchdog").crash
    heap_low = crash.pop("heap_low")
    assert 0 < heap_low <= system.heap_low() + 100000
    assert crash == {"boot": 1, "cause": "watchdog", "up_s": 75, "link": "HUB", "error": None}


def case_the_state_of_the_link_is_kept_at_once():
    device = Device()
    health = device.start("power_on")
    device.link.state = link.HUB
    health.tick(device.link)  # within the first second
    assert device.start("watchdog").crash["link"] == "HUB"


def case_the_least_heap_is_kept_not_the_present_one():
    device = Device()
    system.heap_low = lambda: 4321
    device.start("power_on")
    assert device.start("watchdog").crash["heap_low"] == 4321


def case_a_report_waits_until_it_was_told():
    device = Device()
    device.run(device.start("power_on"), 75)
    crash = device.start("watchdog").crash
    health = device.start("power_on")
    assert health.crash == crash
    health.told()
    assert device.start("power_on").crash is None


def case_whoever_leaves_in_good_order_has_not_crashed():
    device = Device()
    health = device.start("power_on")
    device.run(health, 5)
    health.leave()
    assert device.start("watchdog").crash is None
    assert device.notes.values["bad"] == 0


def case_waking_from_deep_sleep_is_no_crash():
    device = Device()
    device.run(device.start("power_on"), 5)
    health = device.start("deep_sleep")
    assert health.crash is None and health.bad == 0


def case_an_exception_is_kept_with_its_traceback():
    device = Device()
    health = device.start("power_on")
    device.run(health, 10)
    try:
        raise ValueError("a bug")
    except ValueError as e:
        health.crashed(e)
    assert device.board.resets == 1
    crash = device.start().crash
    assert "Traceback" in crash["error"] and "ValueError: a bug" in crash["error"]
    assert device.start().crash == crash  # of two crashes the one with a traceback


def case_a_long_traceback_keeps_its_end():
    device = Device()
    health = device.start("power_on")
    try:
        raise ValueError("x" * 2000 + " the end")
    except ValueError as e:
        health.crashed(e)
    error = device.start().crash["error"]
    assert len(error) == limits.ERROR_LEN and error.strip().endswith("x the end")


def case_a_traceback_that_needs_more_than_the_heap_is_a_line():
    class Full:
        def StringIO(self):
            raise MemoryError

    device = Device()
    health = device.start("power_on")
    io, system.io = system.io, Full()
    try:
        health.crashed(ValueError("a bug"))
    finally:
        system.io = io
    assert device.board.resets == 1 and device.start().crash["error"].startswith("ValueError('a bug'")


def case_an_exception_that_cannot_be_printed_resets_nevertheless():
    class BadFrame(ValueError):
        def __repr__(self):
            raise MemoryError

    device = Device()
    health = device.start("power_on")
    health.crashed(BadFrame())
    assert device.board.resets == 1 and "BadFrame" in device.start().crash["error"]


def case_a_wrong_configuration_goes_to_the_repl():
    class ConfigError(ValueError):
        pass

    device = Device()
    health = device.start("power_on")
    try:
        health.crashed(ConfigError("hub: missing"))
        raised = None
    except ConfigError as e:
        raised = e
    assert str(raised) == "hub: missing" and not device.board.resets


def case_five_crashes_in_a_row_lead_to_safe_mode():
    device = Device()
    health = device.start("power_on")
    for _ in range(limits.BAD_BOOTS):
        assert not health.safe
        device.run(health, limits.GOOD_S - 1)
        health = device.start("watchdog")
    assert health.safe and health.bad == 5


def case_a_good_run_clears_the_count():
    device = Device()
    health = device.start("power_on")
    for _ in range(limits.BAD_BOOTS - 1):
        device.run(health, 5)
        health = device.start("watchdog")
    device.run(health, limits.GOOD_S)
    writes = device.notes.writes
    device.run(health, 1000)
    assert device.notes.writes == writes  # cleared once
    device.run(device.start("power_on"), 5)
    assert not device.start("watchdog").safe


def case_losing_power_neither_counts_nor_clears():
    device = Device()
    for _ in range(20):
        device.run(device.start("power_on"), 5)
    device.run(device.start("power_on"), 5)
    assert device.start("watchdog").bad == 1
    assert device.start("power_on").bad == 1


def case_maintenance_mode_keeps_nothing():
    device = Device()
    device.board.in_maintenance = True
    for _ in range(10):
        device.start()
    device.board.in_maintenance = False
    health = device.start()
    assert not health.safe and health.crash is None


def case_in_safe_mode_an_exception_goes_to_the_repl():
    device = Device()
    device.notes.values["bad"] = limits.BAD_BOOTS
    health = device.start("power_on")
    try:
        health.crashed(ValueError("a bug"))
        raised = False
    except ValueError:
        raised = True
    assert raised and not device.board.resets


def case_safe_mode_ends_after_a_while():
    device = Device()
    device.notes.values["bad"] = limits.BAD_BOOTS
    health = device.start("power_on")
    assert device.run(health, limits.RESTART_S - 1, link.ONLINE) is None
    assert device.run(health, 1, link.ONLINE) == "safe_mode"
    health.restart("safe_mode")
    assert device.board.resets == 1 and not device.start().safe


def case_without_anything_that_works_the_board_is_reset_in_the_end():
    device = Device()
    health = device.start("power_on")
    device.run(health, 1000, link.ONLINE)
    device.link.reason = "wifi_timeout"
    assert device.run(health, limits.RESTART_S - 1, link.WIFI) is None
    assert device.run(health, 1, link.WIFI) == "wifi_timeout"
    health.restart("wifi_timeout")
    assert device.start().crash["error"] == "wifi_timeout"


def case_a_hub_that_is_away_is_no_reason_to_reset():
    device = Device()
    health = device.start("power_on")
    device.link.reason = "tcp_timeout"
    assert device.run(health, 3 * limits.RESTART_S, link.HUB) is None


def case_a_restart_does_not_replace_a_report_that_waits():
    device = Device()
    health = device.start("power_on")
    try:
        raise ValueError("a bug")
    except ValueError as e:
        health.crashed(e)
    health = device.start()
    device.run(health, 100)
    health.restart("wifi_timeout")
    assert "a bug" in device.start().crash["error"]
