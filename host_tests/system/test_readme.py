"""What the README shows is true: its commands, its program, its configuration, its figures."""

import json
import re
import shutil
import subprocess

import pytest
from hublink_desk import paths
from hublink_desk.build import compile_firmware
from hublink_desk.workshop import Workshop

from host_tests.shim import install
from host_tests.system.board_parts import LIMIT_S, switched_on

README = (paths.ROOT / "README.md").read_text("utf-8")
_TOLERANCE = 0.03  # of a size in the table; more, and the table is old


def make(*arguments):
    return subprocess.run(["make", *arguments], cwd=paths.ROOT, capture_output=True, text=True, check=False)


def commands():
    """The lines of indented blocks that a person would type."""
    lines = re.findall(r"^    (make .*|mpremote .*|\.venv/.*)$", README, re.MULTILINE)
    return [line.split("#")[0].strip() for line in lines]


def test_every_make_command_is_a_target():
    listed = {line.split()[1] for line in make("help").stdout.splitlines() if line.startswith("make ")}
    shown = {line.split()[1] for line in commands() if line.startswith("make ")}
    assert shown == {*"demo test help run hub watch size bench wear simulate soak long".split()}
    assert shown <= listed


def test_make_run_without_a_configuration_says_what_is_missing():
    done = make("run")
    assert done.returncode == 2
    assert "make run CONFIG=path/to/config.json" in done.stderr


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("build", '--board "B" --config "C"'),
        ("flash", '--board "B"  --port "P"'),
        ("deploy", '--board "B" --config "C" --port "P"'),
        ("logs", '--port "P"'),
        ("watch", '--config "C"'),
        ("check", '"C"'),
    ],
)
def test_make_hands_on_what_a_verb_takes(target, options):
    said = make("--dry-run", target, "BOARD=B", "CONFIG=C", "PORT=P", "ARGS=--more").stdout
    assert f"{options} --more" in said


def test_make_demo_hands_the_hub_on():
    assert "hublink demo --hub" not in make("--dry-run", "demo").stdout
    assert 'hublink demo --hub "clearblade"' in make("--dry-run", "demo", "HUB=clearblade").stdout


def test_commands_of_the_desk_lead_to_a_node_on_a_board(tmp_path):
    """In the order of the page; only the hub itself is not asked."""
    Workshop(tmp_path / "desk")
    shutil.copy(tmp_path / "desk" / "authority" / "ca.cert.pem", tmp_path / "iot-hub-ca-ecdsa.pem")
    shown = [line.split() for line in commands() if line.startswith(".venv/")]
    assert [line[1] for line in shown] == [
        "ca",
        "device",
        "config",
        "build",
        "deploy",
        "logs",
        "hub-ctl",
        "events",
    ]
    with switched_on(tmp_path / "board") as board:
        more = {
            "device": ["--wifi-passwords", "-"],
            "deploy": ["--port", board.port],
            "logs": ["--port", board.port, "--for", "0.1"],
        }
        for _, *words in shown:
            asked = [word for word in words if word != "--connect"]
            done = subprocess.run(
                [paths.ROOT / ".venv/bin/hublink", *asked, *more.get(words[0], [])],
                cwd=tmp_path,
                input="the password\n",
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        board.wait_line("hublink: link WIFI -> CLOCK", LIMIT_S)


def test_make_hub_explains_itself():
    done = make("hub", "ARGS=--help")
    assert done.returncode == 0
    assert "--dialect" in done.stdout


def test_files_that_it_names_are_there():
    named = set(re.findall(r"`((?:boards|firmware|host_tests)/[^`<]*)`", README))
    assert named
    for name in named:
        assert (paths.ROOT / name).exists(), name


def test_program_is_app_py():
    shown = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    assert shown == (paths.FIRMWARE / "app.py").read_text("utf-8")
    assert sum(1 for line in shown.splitlines() if line.strip()) < 20


def test_configuration_is_accepted_and_reads_its_files(tmp_path):
    shown = re.search(r"```json\n(.*?)```", README, re.DOTALL)[1]
    workshop = Workshop(tmp_path / "desk")
    home = workshop.device("sensor-1", {}).parent
    with install():
        from hublink import config

        checked = config.parse(shown.encode())
        config.read_credentials(checked, lambda name: (home / name).read_bytes())
    assert checked["hub"]["port"] == 8883


def test_table_names_every_setting():
    with install():
        from hublink import config, hubs

        known = {field[0] for fields in config._SECTIONS.values() for field in fields}
        known |= {field[0] for name in hubs.NAMES for field in hubs.module(name).FIELDS}
        known |= {field[0] for field in config._HUB} - {"tls"}
    table = README.split("| section |")[1].split("\n\n")[0]
    assert known - {"ca", "cert", "key"} <= set(re.findall(r"`([a-z_]+)`", table))


def test_promises_are_the_limits():
    with install():
        from hublink import limits

        waits = [limits.TCP_CONNECT_MS, limits.TLS_HANDSHAKE_MS, limits.CONNACK_MS, limits.SUBACK_MS]
        waits += [limits.PUBACK_MS, limits.PING_REPLY_MS, limits.WRITE_MS, limits.WIFI_JOIN_MS]
        assert f"longer than {max(waits) // 1000} s;" in README
        assert f"try within {limits.BACKOFF_CAP_MS // 1000} s." in README
        assert f"At most {limits.OUTBOX_LEN:,} bytes" in README
        assert f"at most every {limits.TROUBLES_S} s" in README
        assert f"not fed for {limits.WATCHDOG_MS:,} ms" in README.replace("\n", " ")


@pytest.mark.parametrize("what", [".mpy, everything"])
def test_sizes_are_those_of_this_source(tmp_path, what):
    shown = int(re.search(rf"\| {re.escape(what)} \| ([0-9,]+) \|", README)[1].replace(",", ""))
    actual = sum(compile_firmware(tmp_path / "mpy").values())
    assert abs(shown - actual) <= _TOLERANCE * actual, f"README says {shown}, it is {actual}"


def test_message_on_the_wire_has_the_shape_that_is_shown():
    shown = json.loads(re.search(r"`(\{\"time\".*?\}\})`", README)[1])
    with install():
        from hublink.telemetry import Telemetry

        telemetry = Telemetry(3)
        telemetry.seq = 16
        made = json.loads(telemetry.encode("memory", {"free": 97344}, 1795248000, 0))
    assert made == shown
