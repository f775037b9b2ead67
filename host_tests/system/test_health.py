"""What outlives a reset, on real interpreters against Mosquitto: crash reports and safe mode."""

import shutil
from pathlib import Path

import pytest
from hublink_desk import paths
from hublink_desk.run import DeskBoard

from host_tests.system.listener import Listener

PROGRAM = Path(__file__).parent / "programs" / "health.py"
NAME = "sensor-1"
TOPIC = f"{NAME}/telemetry"
STEP_S = 20.0
BAD_BOOTS = 5
KILLS = 3


@pytest.fixture
def config(workshop, mosquitto):
    return workshop.device(NAME, {"type": "generic", "host": "127.0.0.1", "port": mosquitto.port})


def board(config, interpreter, mpy, script=PROGRAM):
    env = {} if interpreter == "cpython" else {"MICROPYPATH": f"{mpy}:.frozen"}
    return DeskBoard(config, interpreter, script=script, env=env)


def crashes(listener):
    """The different messages that report a crash; each may have come twice (QoS 1)."""
    messages = [m for m in listener.messages(TOPIC) if m["name"] == "crash"]
    return [m["data"] for m in {(m["boot"], m["seq"]): m for m in messages}.values()]


def wait_crash(listener):
    listener.wait(TOPIC, lambda m: m["name"] == "crash")


def break_once(node, broken, listener):
    """Start a node that crashes while there is the file `broken`, and not after; wait for its report."""
    node.start()
    node.wait_line("board: machine.reset\\(\\), restarting", STEP_S)
    broken.unlink()
    wait_crash(listener)


def test_exception_in_the_users_loop_is_reported(workshop, mosquitto, config, interpreter, mpy):
    broken = config.parent / "broken"
    broken.write_text("loop")
    with Listener(workshop, mosquitto.port, "#") as listener, board(config, interpreter, mpy) as node:
        break_once(node, broken, listener)
        listener.wait(TOPIC, lambda m: m["name"] == "counted" and m["data"] >= 10 and m["boot"] == 2)
    (crash,) = crashes(listener)
    assert (crash["boot"], crash["cause"]) == (1, "reset")
    assert "in program" in crash["error"] and "KeyError: " in crash["error"]
    assert 0 < crash["heap_low"] < (400 if interpreter == "micropython" else 200) * 1024
    assert len(crash["error"]) <= 512


def test_exception_in_the_loop_under_asyncio_is_reported(workshop, mosquitto, config, interpreter, mpy):
    broken = config.parent / "broken"
    broken.write_text("serve and break")
    with Listener(workshop, mosquitto.port, "#") as listener, board(config, interpreter, mpy) as node:
        break_once(node, broken, listener)
    (crash,) = crashes(listener)
    assert "TypeError: " in crash["error"] and "in serve" in crash["error"]


@pytest.mark.parametrize("how", ["serve", "serve and cancel"])
def test_loop_under_asyncio_says_goodbye(workshop, mosquitto, config, interpreter, mpy, how):
    (config.parent / "broken").write_text(how)
    with Listener(workshop, mosquitto.port, "#") as listener, board(config, interpreter, mpy) as node:
        for _ in range(3):
            node.start()
            node.wait_line("quiet", STEP_S)
            node.stop()
        (config.parent / "broken").unlink()
        node.start()
        listener.wait(TOPIC, lambda m: m["name"] == "counted" and m["boot"] == 4)
    assert mosquitto.log_path.read_text().count(f"Received DISCONNECT from {NAME}") == 3
    assert not crashes(listener)


def test_program_that_cannot_be_imported_leads_to_safe_mode(workshop, mosquitto, config, interpreter, mpy):
    (config.parent / "broken").write_text("import")
    with Listener(workshop, mosquitto.port, "#") as listener, board(config, interpreter, mpy) as node:
        node.start()
        node.wait_line("trouble safe_mode", 2 * STEP_S)
        wait_crash(listener)
        listener.wait(TOPIC, lambda m: m["name"] == "troubles" and m["data"].get("safe_mode"))
        node.stop()  # as somebody at the REPL would
    assert node.resets == ["reset"] * BAD_BOOTS
    (crash,) = crashes(listener)
    assert "no_such_driver" in crash["error"] and crash["boot"] == BAD_BOOTS
    assert not [m for m in listener.messages(TOPIC) if m["name"] == "counted"]


def test_bite_of_the_watchdog_is_reported(workshop, mosquitto, config, interpreter, mpy):
    broken = config.parent / "broken"
    broken.write_text("hang")
    with Listener(workshop, mosquitto.port, "#") as listener, board(config, interpreter, mpy) as node:
        node.start()
        node.wait_line("watchdog: not fed for 8388 ms", 2 * STEP_S)
        broken.unlink()
        wait_crash(listener)
    (crash,) = crashes(listener)
    assert (crash["cause"], crash["error"], crash["link"]) == ("watchdog", None, "ONLINE")


def test_report_arrives_although_the_power_fails_meanwhile(workshop, mosquitto, config, interpreter, mpy):
    broken = config.parent / "broken"
    broken.write_text("loop")
    with Listener(workshop, mosquitto.port, "#") as listener, board(config, interpreter, mpy) as node:
        node.start()
        node.wait_line("board: machine.reset\\(\\), restarting", STEP_S)
        broken.unlink()
        for _ in range(KILLS):
            node.wait_line("link HUB -> ONLINE", STEP_S)
            node.kill()
            node.start()
        listener.wait(TOPIC, lambda m: m["name"] == "counted" and m["boot"] == 5)
        wait_crash(listener)
    boots = [crash["boot"] for crash in crashes(listener)]
    # Of QoS 1: a cut between its delivery and the note of that brings it again, once.
    assert set(boots) == {1} and len(boots) <= 1 + KILLS


def test_power_cuts_and_ctrl_c_are_no_crashes(workshop, mosquitto, config, interpreter, mpy):
    with Listener(workshop, mosquitto.port, "#") as listener, board(config, interpreter, mpy) as node:
        for end in (node.kill, node.stop) * 3:
            node.start()
            node.wait_line("link HUB -> ONLINE", STEP_S)
            end()
        node.start()
        listener.wait(TOPIC, lambda m: m["name"] == "counted" and m["boot"] == 7)
    assert not crashes(listener)


def test_main_py_survives_an_app_py_that_is_no_python(workshop, mosquitto, config, mpy, tmp_path):
    (tmp_path / "app.py").write_text("def (:")
    main = shutil.copy(paths.FIRMWARE / "main.py", tmp_path)
    with Listener(workshop, mosquitto.port, "#") as listener:
        with board(config, "micropython32", mpy, main) as node:
            node.start()
            wait_crash(listener)
    assert "SyntaxError" in crashes(listener)[0]["error"]
    assert node.resets == ["reset"] * BAD_BOOTS
