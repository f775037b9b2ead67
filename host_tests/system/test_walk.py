"""From nothing to a node that is online, as a person does it: each verb a process, in a folder of its own."""

import json
import subprocess

import pytest
from hublink_desk.hub import DeskHub

from host_tests.system.board_parts import switched_on
from host_tests.system.watching import Watching
from host_tests.verbs import ENVIRONMENT, TOOL

LIMIT_S = 30


@pytest.fixture
def run(tmp_path):
    """Runs a verb in an empty folder; returns (exit code, standard output, standard error).

    text: what is typed.
    """

    def run(line, text=""):
        done = subprocess.run(
            [*TOOL, *line.split()],
            cwd=tmp_path,
            env=ENVIRONMENT,
            input=text,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_from_nothing_to_a_node_that_is_online(run, tmp_path):
    fleet = tmp_path / "fleet"
    assert run("ca init")[0] == 0
    assert run("ca server desk --host localhost --host 127.0.0.1")[0] == 0
    broker, authority = fleet / "hubs" / "desk" / "desk", fleet / "ca" / "ca.cert.pem"
    hub = DeskHub(
        dialect="generic", server_cert=f"{broker}.cert.pem", server_key=f"{broker}.key.pem", ca=authority
    )
    config = "fleet/devices/s1/config.json"
    with hub.in_thread(), switched_on(tmp_path / "board") as board:
        place = f"--hub generic --host 127.0.0.1 --port {hub.port}"
        code, told, _ = run(
            f"device add s1 --board RPI_PICO_W {place} --wifi home --wifi-passwords -", "secret\n"
        )
        assert (code, "folder: fleet/devices/s1" in told) == (0, True)
        code, told, _ = run(f"config check {config} --connect --json")
        last = json.loads(told.splitlines()[-1])
        assert (code, last["what"], last["level"]) == (0, "mqtt", "ok")
        assert run("device renew s1")[0] == 0
        assert "s1" in run("device list")[1]
        assert run(f"build --board RPI_PICO_W --config {config} --out built")[0] == 0
        assert run(f"device add monitor --board unix {place}")[0] == 0
        with Watching("--config", fleet / "devices" / "monitor" / "config.json") as watching:
            watching.lines.next(lambda line: line.endswith(" hub: listening"))
            options = f"--config {config} --with-keys --build built --port {board.port}"
            code, told, complaint = run(f"deploy --board RPI_PICO_W {options}")
            assert (code, complaint, told.splitlines()[-1]) == (0, "", "started: hublink: link DOWN -> WIFI")
            board.wait_line("link HUB -> ONLINE", LIMIT_S)
            watching.lines.next(lambda line: line.endswith(" s1: online"))
            watching.lines.next(lambda line: " s1: memory " in line)
    assert {path.name for path in tmp_path.iterdir()} == {"fleet", "built", "board"}


@pytest.mark.parametrize(
    ("line", "code", "complaint"),
    [
        (
            "device renew s1",
            1,
            "hublink: Device 's1' is not in fleet/inventory.toml; it has no device yet.\n",
        ),
        ("config check none.json", 1, "hublink: none.json cannot be read (No such file or directory); "),
        ("build --board PICO", 2, "Invalid value for '--board': 'PICO' is not one of "),
        ("device add s1 --hub nohub --board unix", 2, "Invalid value for '--hub'"),
    ],
)
def test_complaints_and_exit_codes(run, line, code, complaint):
    done = run(line)
    assert (done[0], done[1]) == (code, "")
    assert complaint in done[2]
    assert "Traceback" not in done[2]
