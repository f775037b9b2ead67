"""What outlives a reset: crash reports, safe mode, the last resort of a node that nothing works for."""

import importlib
import json
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509

from host_tests import fakes
from host_tests.fakes import World, certificates
from host_tests.simulation.weather import (
    BOARDS,
    CONNECT_S,
    RADIO_BOARDS,
    READING_S,
    assert_recovered,
    counting,
    online_world,
)

DAY_S = 86400
GOOD_S = 60
BAD_BOOTS = 5
RESTART_S = 6 * 3600


def crashes(world):
    """The different crash reports that arrived, by what they say; each may have come twice (QoS 1)."""
    return [message["data"] for _, message in world.hub.telemetry("crash")]


def counting_app():
    node = importlib.import_module("hublink").Node()
    counting(node)
    node.run()


def broken_app():
    raise ImportError("no module named 'bme280'")


def crashing_app(after_s):
    """An app whose own loop raises."""

    def app():
        node = importlib.import_module("hublink").Node()
        counting(node)
        system = importlib.import_module("hublink.device.system")
        step = node.step

        def failing_step(now_ms):
            if system.uptime_s() >= after_s:
                raise KeyError("a bug of the user's")
            return step(now_ms)

        node.step = failing_step
        node.run()

    return app


def restart_until_safe(world, app):
    """Lets the device crash until it leaves the app out; returns how often it did."""
    for times in range(20):
        world.switch_on(app)
        if world.run(for_s=2 * GOOD_S) == "time":
            return times
    raise AssertionError(f"no safe mode\n{world.tail()}")


# -- crash reports ---------------------------------------------------------------------------------


@pytest.mark.parametrize("board", BOARDS)
def test_clean_power_on_reports_no_crash(board):
    with online_world(board) as world:
        world.lose_power()
        world.boot(counting)
        world.run(until=world.online, limit_s=CONNECT_S)
        world.run(for_s=2 * READING_S)
        assert not crashes(world)


@pytest.mark.parametrize("board", BOARDS)
def test_exception_is_reported_with_how_the_device_was(board):
    with World(board) as world:
        world.may_reset = True
        world.switch_on(crashing_app(100))
        assert world.run(for_s=120) == "reset"
        world.switch_on(counting_app)
        world.run(until=world.online, limit_s=CONNECT_S)
        world.run(for_s=60)
        (crash,) = crashes(world)
        assert crash.pop("error").endswith('KeyError: "a bug of the user\'s"\n')
        heap_low = crash.pop("heap_low")
        assert crash == {"boot": 1, "cause": "reset", "up_s": 99, "link": "ONLINE"}
        assert heap_low == world.device.heap_free
        assert all(arrival.qos == 1 for arrival in world.hub.received if b'"crash"' in arrival.payload)


@pytest.mark.parametrize("board", BOARDS)
def test_bite_of_the_watchdog_is_reported(board):
    with online_world(board) as world:
        world.may_bite = True
        world.call(lambda: world.clock.wait(10_000))
        world.boot(counting)
        world.run(until=lambda: crashes(world), limit_s=2 * CONNECT_S)
        (crash,) = crashes(world)
        assert (crash["cause"], crash["link"], crash["error"]) == ("watchdog", "ONLINE", None)


@pytest.mark.parametrize("board", BOARDS)
def test_leaving_with_ctrl_c_is_no_crash(board):
    with online_world(board) as world:
        world.may_bite = True
        world.press_ctrl_c()
        world.run(for_s=10)
        world.call(lambda: world.clock.wait(10_000))
        world.boot(counting)
        world.run(until=world.online, limit_s=CONNECT_S)
        world.run(for_s=2 * READING_S)
        assert not crashes(world)


@pytest.mark.parametrize("board", BOARDS)
def test_maintenance_mode_is_no_crash(board):
    with World(board) as world:
        world.may_reset = True
        for _ in range(2 * BAD_BOOTS):
            world.switch_on(counting_app)
            world.run(for_s=10)
            for on in (True, False):
                world.call(lambda on=on: importlib.import_module("hublink").maintenance(on))
                world.switch_on(counting_app)
                if on:
                    assert world.run(for_s=10) == "returned"
        world.run(for_s=60)
        assert not crashes(world) and not world.logged("safe_mode")


def test_maintenance_mode_leaves_the_program_out():
    with World() as world:
        world.may_reset = True
        world.switch_on(counting_app)
        world.run(for_s=10)
        world.call(lambda: importlib.import_module("hublink").maintenance(True))
        world.switch_on(broken_app)
        assert world.run(for_s=10) == "returned"


@pytest.mark.parametrize("cut_ms", [*range(0, 400, 20), *range(400, 8000, 400)])
def test_report_arrives_although_a_reset_cuts_it_off(cut_ms):
    """Power fails once more, so long after the connection is up; what is doubled is the same message."""
    with World() as world:
        world.may_reset = True
        world.switch_on(crashing_app(30))
        assert world.run(for_s=60) == "reset"
        world.switch_on(counting_app)
        world.hub.delay_ms = 100
        world.run(until=world.online, limit_s=2 * CONNECT_S)
        world.run(for_s=cut_ms / 1000)
        world.lose_power()
        world.switch_on(counting_app)
        world.run(until=world.online, limit_s=2 * CONNECT_S)
        world.run(for_s=30)
        assert [crash["boot"] for crash in crashes(world)] == [1]


def test_report_waits_for_the_hub_over_resets():
    with World() as world:
        world.may_reset = True
        world.hub.stop()
        world.switch_on(crashing_app(30))
        assert world.run(for_s=60) == "reset"
        for _ in range(3):
            world.switch_on(counting_app)
            world.run(for_s=100)
            world.call(importlib.import_module("board").reset)
        world.hub.start()
        world.switch_on(counting_app)
        world.run(until=world.online, limit_s=60)
        world.run(for_s=30)
        (crash,) = crashes(world)
        assert crash["boot"] == 1 and "KeyError" in crash["error"]


def test_hub_without_room_for_the_report_is_no_reason_to_fail():
    with World() as world:
        world.may_reset = True
        world.switch_on(crashing_app(30), memory={"outbox_len": 512})
        assert world.run(for_s=60) == "reset"
        world.switch_on(counting_app)
        world.run(until=world.online, limit_s=CONNECT_S)
        world.run(for_s=60)
        assert world.online()


# -- safe mode -------------------------------------------------------------------------------------


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("app", [broken_app, crashing_app(3), crashing_app(GOOD_S - 1)])
def test_five_crashes_lead_to_safe_mode(board, app):
    with World(board) as world:
        world.may_reset = True
        assert restart_until_safe(world, app) == BAD_BOOTS
        assert world.online() and world.hub.troubles()["safe_mode"] == 1
        assert "Error" in crashes(world)[-1]["error"]
        before_s = world.clock.now_ms
        world.run(for_s=600)
        assert not [message for ms, message in world.hub.telemetry("n") if ms > before_s]


@pytest.mark.parametrize("board", BOARDS)
def test_watchdog_that_bites_again_and_again_leads_to_safe_mode(board):
    def hanging_app():
        node = importlib.import_module("hublink").Node()
        node.telemetry(every_s=1)(lambda: world.clock.wait(10_000))
        node.run()

    with World(board) as world:
        world.may_bite = True
        assert restart_until_safe(world, hanging_app) == BAD_BOOTS
        assert world.online()


def test_good_run_in_safe_mode_gives_the_program_another_chance():
    with World() as world:
        world.may_reset = True
        restart_until_safe(world, broken_app)
        world.call(importlib.import_module("board").reset)
        world.switch_on(counting_app)
        world.run(until=lambda: world.hub.telemetry("n"), limit_s=30)
        assert not world.hub.telemetry("n")[0][1].get("dropped")


def test_safe_mode_ends_by_itself():
    with World() as world:
        world.may_reset = True
        restart_until_safe(world, broken_app)
        began_ms = world.clock.now_ms - 2 * GOOD_S * 1000
        assert world.run(for_s=RESTART_S) == "reset"
        assert world.clock.now_ms - began_ms == pytest.approx(RESTART_S * 1000, abs=10_000)
        world.switch_on(counting_app)
        world.run(until=lambda: world.hub.telemetry("n"), limit_s=30)


def test_crashes_after_good_runs_do_not_lead_to_safe_mode():
    with World() as world:
        world.may_reset = True
        for _ in range(3 * BAD_BOOTS):
            world.switch_on(crashing_app(GOOD_S + 1))
            assert world.run(for_s=2 * GOOD_S) == "reset"
        assert not world.logged("safe_mode")


def test_wrong_configuration_stops_at_the_repl():
    with World() as world:
        world.switch_on(counting_app, hub={"keepalive_s": 1})
        with pytest.raises(ValueError, match=r"hub\.keepalive_s"):
            world.run(for_s=10)
        assert not world.resets


def test_safe_mode_that_fails_itself_stops_at_the_repl(monkeypatch):
    with World() as world:
        world.may_reset = world.may_bite = True
        restart_until_safe(world, broken_app)
        world.call(importlib.import_module("board").reset)
        notes = Path(world.folder, "hublink.notes")
        notes.write_text(json.dumps(json.loads(notes.read_text()) | {"bad": BAD_BOOTS}))
        Path(world.folder, "ca.der").write_bytes(b"damaged")
        world.switch_on(counting_app)
        with pytest.raises(ValueError, match=r"tls\.ca"):
            world.run(for_s=10)


# -- flash -----------------------------------------------------------------------------------------


def writes_of(world, run):
    """How many files the device writes in one start in which run() is called."""
    before = world.flash.writes
    world.switch_on(counting_app)
    run()
    world.lose_power()
    return world.flash.writes - before


def test_start_writes_one_small_file():
    with World() as world:
        assert writes_of(world, lambda: world.run(for_s=600)) == 1
        assert writes_of(world, lambda: world.run(for_s=600)) == 1
        assert writes_of(world, lambda: world.run(for_s=10)) == 1


def test_crash_writes_its_exception_and_its_report():
    with World() as world:
        world.may_reset = True
        world.switch_on(counting_app)
        world.run(for_s=100)
        world.lose_power()
        before = world.flash.writes
        world.switch_on(crashing_app(100))
        world.run(for_s=200)
        assert world.flash.writes - before == 2  # the boot number, the exception
        # The boot number with the crash; the report as a message; that it is one.
        assert writes_of(world, lambda: world.run(for_s=600)) == 3


# -- escalation ------------------------------------------------------------------------------------


def sparse_app():
    """A node whose loop turns seldom, so that a week passes soon; it measures once an hour."""
    limits = importlib.import_module("hublink.limits")
    limits.POLL_MS = limits.SOCKET_STEP_MS = 5000
    node = importlib.import_module("hublink").Node()
    node.telemetry(every_s=3600)(lambda: 1)
    node.run()


def week(world):
    """Lets a week and an hour pass, restarting the device after resets. Returns (resets, files written)."""
    end_ms = world.clock.now_ms + (7 * DAY_S + 3600) * 1000
    writes, resets = world.flash.writes, len(world.resets)
    while world.clock.now_ms < end_ms:
        reason = world.run(for_s=(end_ms - world.clock.now_ms) / 1000)
        if reason != "time":
            assert reason == "reset"
            world.switch_on(sparse_app)
    return len(world.resets) - resets, world.flash.writes - writes


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_week_without_an_access_point(board):
    with World(board) as world:
        world.may_reset = True
        world.switch_on(sparse_app)
        world.run(until=world.online, limit_s=60)
        world.radio.lose()
        resets, writes = week(world)
        assert resets == 28
        assert writes <= 3 * resets + 7 * 24  # a message an hour may cost one, too
        assert not world.logged("safe_mode")
        times_ms = [ms for ms, _ in world.resets]
        assert all(b - a >= RESTART_S * 1000 for a, b in pairwise(times_ms))
        world.radio.restore()
        world.run(until=world.online, limit_s=120)
        world.run(until=lambda: crashes(world), limit_s=60)
        assert crashes(world)[0]["error"].startswith("wifi_")


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_week_without_the_hub(board):
    with World(board) as world:
        world.switch_on(sparse_app)
        world.run(until=world.online, limit_s=60)
        starts = world.radio.starts
        world.hub.vanish()
        resets, writes = week(world)
        assert not resets and writes <= 7 * 24 * 2
        assert 7 * 24 <= world.radio.starts - starts <= 7 * 24 * 4  # the radio is restarted now and then
        world.hub.start()
        world.run(until=world.online, limit_s=120)


def test_nothing_is_lost_in_a_restart():
    with World() as world:
        world.may_reset = True
        world.switch_on(sparse_app)
        world.run(until=world.online, limit_s=60)
        world.run(for_s=10)
        world.radio.lose()
        assert world.run(for_s=RESTART_S + 600) == "reset"
        world.switch_on(sparse_app)
        world.radio.restore()
        world.run(until=world.online, limit_s=120)
        world.run(for_s=120)
        seqs = [message["seq"] for _, message in world.hub.telemetry() if message["boot"] == 1]
        assert seqs == list(range(1, len(seqs) + 1)) and len(seqs) >= 7


# -- certificates ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "warned"), [(100, False), (31, False), (30, True), (1, True)])
def test_certificate_that_will_expire_is_reported_ahead(monkeypatch, days, warned):
    der = (certificates.device_files() / "device.der").read_bytes()
    expires_s = int(x509.load_der_x509_certificate(der).not_valid_after_utc.timestamp())
    monkeypatch.setattr(fakes.world, "START_S", (expires_s // DAY_S - days) * DAY_S)
    with World() as world:
        world.boot(counting, telemetry={"vitals_s": 60})
        world.run(until=world.online, limit_s=CONNECT_S)
        world.run(for_s=120)
        vitals = world.hub.telemetry("vitals")[-1][1]["data"]
        assert vitals["cert_days"] == days and vitals["ca_days"] > days
        assert world.hub.troubles().get("certificate_expires", 0) == warned


def test_certificate_is_reported_once_a_day():
    with online_world() as world:
        world.node.reports.expiries = {"ca_days": world.clock.unix_s() // DAY_S + 5}
        world.node.reports._warned_s = -DAY_S
        world.run(for_s=2.5 * DAY_S)
        assert world.hub.troubles()["certificate_expires"] == 3


@pytest.mark.parametrize("board", BOARDS)
def test_certificate_that_expires_while_running_is_told(board):
    with online_world(board) as world:
        world.hub.certificate = world.hub.certificate.but(not_after_s=int(world.clock.now_ms / 1000))
        world.hub.drop()
        world.run(until=lambda: world.logged("trouble certificate_expired"), limit_s=60)
        world.hub.certificate = world.hub.certificate.but(not_after_s=4_000_000_000)
        assert_recovered(world, "certificate_expired", 120)


# -- vitals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("board", BOARDS)
def test_vitals_tell_the_least_free_heap_and_its_largest_block(board):
    with World(board) as world:
        world.boot(counting, telemetry={"vitals_s": 60})
        world.run(until=world.online, limit_s=CONNECT_S)
        world.device.heap_free = 20_000
        world.run(for_s=70)
        world.device.heap_free = 90_000
        world.run(for_s=70)
        vitals = world.hub.telemetry("vitals")[-1][1]["data"]
        assert (vitals["heap_free"], vitals["heap_low"]) == (90_000, 20_000)
        assert vitals.get("largest_block") == (65_536 if board == "ESP32_GENERIC" else None)
