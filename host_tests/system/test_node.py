"""The whole node against real brokers over mutual TLS: it really talks, really refuses, really recovers.

On CPython with the shim, and on real MicroPython with a Pico W's heap. Most situations are tested in
virtual time (host_tests/simulation); here are those in which a real peer could behave otherwise than a model.
"""

import json
import signal
import subprocess
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hublink_desk.hub import DeskHub, Device
from hublink_desk.mosquitto import Mosquitto
from hublink_desk.wire import Wire
from hublink_desk.workshop import HUB_NAME, device_id

from host_tests.system.desk_hub_parts import wait_until
from host_tests.system.listener import Listener
from host_tests.system.node_parts import STEP_S, board
from host_tests.verbs import TOOL

NAME = "sensor-1"


def generic(port, **settings):
    return {"type": "generic", "host": "127.0.0.1", "port": port, **settings}


def scaleway(port):
    return {"type": "scaleway", "host": "127.0.0.1", "port": port, "device_id": device_id(NAME)}


@pytest.fixture
def mosquitto(workshop, tmp_path):
    with Mosquitto(tmp_path / "mosquitto", workshop.ca, workshop.hub) as broker:
        yield broker


@pytest.fixture
def desk_hub(workshop):
    hub = DeskHub(
        dialect="scaleway",
        server_cert=workshop.hub.cert_pem,
        server_key=workshop.hub.key_pem,
        ca=workshop.ca.cert_pem,
        devices=[Device(device_id(name), name) for name in (NAME, "operator")],
    )
    with hub.in_thread():
        yield hub


def one_of_each(messages, name="counted"):
    """Asserts that the values of a series are 1, 2, 3, ... in order, each once; returns the last."""
    values = [m["data"] for m in messages if m["name"] == name]
    assert values == list(range(values[0], values[0] + len(values)))
    return values[-1]


def test_telemetry_reaches_mosquitto_over_mutual_tls(workshop, mosquitto, interpreter, mpy):
    config = workshop.device(NAME, generic(mosquitto.port))
    with Listener(workshop, mosquitto.port, "#") as listener, board(config, interpreter, mpy) as node:
        node.start()
        messages = listener.wait(f"{NAME}/telemetry", lambda m: m["name"] == "counted" and m["data"] >= 10)
        birth = listener.wait(f"{NAME}/status", lambda m: m["online"])[-1]
        node.stop()
        listener.wait(f"{NAME}/status", lambda m: m == {"online": False})
    assert one_of_each(messages) >= 10
    assert {m["boot"] for m in messages} == {1}
    assert [m["seq"] for m in messages] == list(range(1, len(messages) + 1))
    assert birth["online"] is True
    assert node.exit_code == 0


def test_nothing_is_lost_and_order_is_kept_over_a_broker_restart(workshop, mosquitto, interpreter, mpy):
    with Wire(mosquitto.port) as wire:
        config = workshop.device(NAME, generic(wire.port))
        with board(config, interpreter, mpy) as node:
            node.start()
            with Listener(workshop, mosquitto.port, "#") as listener:
                listener.wait(f"{NAME}/telemetry", lambda m: m["data"] == 5)
                wire.cut()  # so that the listener is back before the node is, and misses nothing
                node.wait_line("link ONLINE -> DOWN", STEP_S)
                last = one_of_each(listener.messages(f"{NAME}/telemetry"))
            mosquitto.restart()
            with Listener(workshop, mosquitto.port, "#") as listener:
                wire.restore()
                messages = listener.wait(
                    f"{NAME}/telemetry", lambda m: m["name"] == "counted" and m["data"] >= last + 30
                )
                troubles = listener.wait(f"{NAME}/telemetry", lambda m: m["name"] == "troubles")[-1]["data"]
    assert one_of_each(messages) >= last + 30
    # What was in flight when the link went may come twice (QoS 1), but nothing is left out.
    assert messages[0]["data"] <= last + 1
    assert sum(troubles.values()) >= 1


def test_what_is_on_flash_survives_a_power_cut(workshop, mosquitto, interpreter, mpy):
    with Wire(mosquitto.port) as wire:
        config = workshop.device(NAME, generic(wire.port))
        with (
            Listener(workshop, mosquitto.port, "#") as listener,
            board(config, interpreter, mpy) as node,
        ):
            node.start()
            listener.wait(f"{NAME}/telemetry", lambda m: m["data"] == 5)
            wire.cut()
            node.wait_line("link ONLINE -> DOWN", STEP_S)
            seen = listener.messages(f"{NAME}/telemetry")
            flash = config.parent / "outbox"
            wait_until(lambda: flash.is_dir() and stored_len(flash) > 3000)  # a few batches
            node.kill()
            wire.restore()
            node.start()
            messages = listener.wait(f"{NAME}/telemetry", lambda m: m["boot"] == 2 and m["data"] == 1)
            wait_until(lambda: not any(flash.iterdir()))
    kept = [m for m in messages if m["boot"] == 1][len(seen) :]
    last = one_of_each(seen)
    # QoS 1: what was in flight may come twice, and what was only in RAM is gone.
    assert kept[0]["data"] <= last + 1
    assert one_of_each(kept) > last + 8


def stored_len(folder):
    return sum(file.stat().st_size for file in folder.iterdir())


def test_hub_that_falls_silent_is_noticed_and_left(workshop, mosquitto, mpy):
    with Wire(mosquitto.port) as wire:
        config = workshop.device(NAME, generic(wire.port, keepalive_s=30))
        with Listener(workshop, mosquitto.port, "#") as listener, board(config, "micropython32", mpy) as node:
            node.start()
            node.wait_line("link HUB -> ONLINE", STEP_S)
            wire.stall()
            reason = node.wait_line("link ONLINE -> DOWN: ((ping|puback|write)_timeout)", 40).group(1)
            wire.restore()
            node.wait_line("link HUB -> ONLINE", 60)
            listener.wait(f"{NAME}/telemetry", lambda m: m["name"] == "troubles" and reason in m["data"])


def test_scaleway_event_about_another_device_is_handled(workshop, desk_hub, interpreter, mpy):
    config = workshop.device(NAME, scaleway(desk_hub.port))
    with board(config, interpreter, mpy) as node:
        node.start()
        node.wait_line("link HUB -> ONLINE", STEP_S)
        with Listener(workshop, desk_hub.port, None, client_id="nobody-knows-me") as stranger:
            assert stranger.refused_with
        node.wait_line("test: event", STEP_S)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5])
def test_connack_refusal_is_reported_and_tried_again_later(workshop, desk_hub, mpy, code):
    desk_hub.refuse_connect(code)
    config = workshop.device(NAME, scaleway(desk_hub.port))
    with board(config, "micropython32", mpy) as node:
        node.start()
        node.wait_line(f"trouble connack_{code}", STEP_S)
        node.wait_line(f"link HUB -> DOWN: connack_{code}; again in [0-9]+ ms", STEP_S)


def _hub_certificates(workshop, kind):
    now = datetime.now(timezone.utc)
    day = timedelta(days=1)
    issue = workshop.ca.issue
    if kind == "certificate_expired":
        return issue("old", "hub", not_before=now - 9 * day, not_after=now - day)
    if kind == "certificate_not_yet_valid":
        return issue("early", "hub", not_before=now + day, not_after=now + 9 * day)
    if kind == "wrong_host":
        return issue("elsewhere", "hub", hosts=["elsewhere.example.test"])
    return workshop.foreign.issue("foreign", "hub", hosts=["127.0.0.1"])


@pytest.mark.parametrize(
    "reason", ["certificate_expired", "certificate_not_yet_valid", "wrong_host", "untrusted_hub"]
)
def test_hub_with_a_bad_certificate_is_refused(workshop, interpreter, mpy, reason):
    identity = _hub_certificates(workshop, reason)
    seen = []
    hub = DeskHub(
        dialect="generic",
        server_cert=identity.cert_pem,
        server_key=identity.key_pem,
        ca=workshop.ca.cert_pem,
        log=seen.append,
    )
    with hub.in_thread(), board(workshop.device(NAME, generic(hub.port)), interpreter, mpy) as node:
        node.start()
        node.wait_line(f"trouble {reason}", STEP_S)
        node.wait_line("link HUB -> DOWN", STEP_S)
    assert {record["what"] for record in seen} <= {"ready", "refuse"}


def test_device_of_another_authority_is_refused_by_mosquitto(workshop, mosquitto, interpreter, mpy):
    config = workshop.device(NAME, generic(mosquitto.port), identity=workshop.foreign.issue(NAME))
    with board(config, interpreter, mpy) as node:
        node.start()
        node.wait_line("trouble (hub_refuses_certificate|reset_in_handshake)", STEP_S)


def test_name_is_resolved_and_clock_is_set(
    workshop, mosquitto, dns, sntp, interpreter, mpy
):
    config = workshop.device(
        NAME,
        generic(mosquitto.port) | {"host": HUB_NAME},
        dns={"servers": [f"127.0.0.1:{dns.port}"]},
        clock={"servers": [f"127.0.0.1:{sntp.port}"]},
    )
    dns.mode = "nxdomain"
    sntp.mode = "zero_time"
    with board(config, interpreter, mpy) as node:
        node.start()
        node.wait_line("trouble dns_no_such_name", STEP_S)
        dns.mode = "answer"
        node.wait_line("link HUB -> ONLINE", STEP_S)
        node.wait_line("trouble sntp_zero_time", STEP_S)


def test_last_will_is_published_when_the_device_is_killed(workshop, mosquitto, interpreter, mpy):
    config = workshop.device(NAME, generic(mosquitto.port))
    with Listener(workshop, mosquitto.port, "#") as listener, board(config, interpreter, mpy) as node:
        node.start()
        listener.wait(f"{NAME}/status", lambda m: m["online"])
        node.kill()
        listener.wait(f"{NAME}/status", lambda m: m == {"online": False})
        node.start()
        listener.wait(f"{NAME}/telemetry", lambda m: m["boot"] == 2)


def test_watchdog_bites_when_a_sensor_hangs_and_the_node_comes_back(workshop, mosquitto, mpy):
    config = workshop.device(NAME, generic(mosquitto.port))
    with board(config, "micropython32", mpy, "hang") as node:
        node.start()
        node.wait_line("test: hanging", STEP_S)
        node.wait_line("watchdog: not fed for 8388 ms", STEP_S)
        node.wait_line("link HUB -> ONLINE", STEP_S)
    assert node.resets[:1] == ["watchdog"]


def test_handler_and_sensor_that_raise_are_reported(workshop, desk_hub, interpreter, mpy):
    config = workshop.device(NAME, scaleway(desk_hub.port))
    operator = Listener(workshop, desk_hub.port, f"{NAME}/#", client_id=device_id("operator"), qos=0)
    with operator as listener:
        with board(config, interpreter, mpy, "handler") as node:
            node.start()
            node.wait_line("link HUB -> ONLINE", STEP_S)
            with Listener(workshop, desk_hub.port, None, client_id="nobody-knows-me"):
                node.wait_line("trouble handler_raised: RuntimeError", STEP_S)
            messages = listener.wait(f"{NAME}/telemetry", lambda m: "handler_raised" in m["data"])
    told = [message for message in messages if message["name"] == "troubles"]
    assert told[0]["data"]["sensor_broken"] >= 1
    assert all(later["time"] - earlier["time"] >= 4 for earlier, later in pairwise(told))  # 5 s apart


def test_maintenance_mode_starts_neither_node_nor_watchdog(workshop, mosquitto, interpreter, mpy):
    config = workshop.device(NAME, generic(mosquitto.port))
    flag = config.parent / "maintenance.flag"
    flag.touch()
    with board(config, interpreter, mpy) as node:
        node.start()
        assert node.wait_exit(STEP_S) == 0
    assert not any("link" in line for line in node.lines)
    flag.unlink()
    with board(config, interpreter, mpy) as node:
        node.start()
        node.wait_line("link HUB -> ONLINE", STEP_S)


def test_bad_configuration_is_one_sentence_and_no_connection(workshop, mosquitto, interpreter, mpy):
    config = workshop.device(NAME, generic(mosquitto.port))
    settings = json.loads(config.read_text())
    settings["hub"]["verify"] = False
    config.write_text(json.dumps(settings))
    with board(config, interpreter, mpy) as node:
        node.start()
        node.wait_line("hub.verify: unknown setting, expected one of type, host, port", STEP_S)
        assert node.wait_exit(STEP_S) == 1


def test_run_keeps_a_node_on_the_desk_until_ctrl_c(workshop, mosquitto, interpreter):
    config = workshop.device(NAME, generic(mosquitto.port))
    verb = [*TOOL, "run", "--interpreter", interpreter]
    with Listener(workshop, mosquitto.port, "#") as listener:
        with subprocess.Popen([*verb, config], stdout=subprocess.PIPE, text=True) as process:
            try:
                listener.wait(f"{NAME}/telemetry", lambda m: m["name"] == "memory")  # firmware/app.py's
                process.send_signal(signal.SIGINT)
                output, _ = process.communicate(timeout=STEP_S)
            finally:
                process.kill()
        listener.wait(f"{NAME}/status", lambda m: m == {"online": False})
    assert process.returncode == 128 + signal.SIGINT
    assert "link HUB -> ONLINE" in output
