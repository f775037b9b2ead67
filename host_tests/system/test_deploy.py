"""`hublink deploy` onto the board on the desk: what it copies, what a cut leaves, what it refuses."""

import os
import re
import subprocess

import pytest
import serial
from hublink_desk import paths
from hublink_desk.deploy import cli, plan, switch
from hublink_desk.deploy.remote import Lost, Remote
from hublink_desk.flash_cost import PROGRAMS
from hublink_desk.hub import DeskHub

from host_tests.both.interpreters import needs
from host_tests.system.board_parts import (
    BOARD,
    LIMIT_S,
    UP,
    deploy,
    deployed,
    mpremote,
    stopped,
    switched_on,
    version,
)
from host_tests.verbs import good, hublink

DEPLOY_CUT = paths.HOST_TESTS / "system" / "programs" / "deploy_cut.py"


# --- the real firmware ---


@pytest.fixture
def pico(tmp_path):
    """The same with a Pico W's word size, and its heap, 205 kB beside the board's own programs."""
    with switched_on(tmp_path / "board", "micropython32", heap="224k") as it:
        yield it


def test_board_boots_connects_and_publishes(pico, workshop, tmp_path):
    received, board = [], pico
    hub = DeskHub(
        dialect="generic",
        server_cert=workshop.hub.cert_pem,
        server_key=workshop.hub.key_pem,
        ca=workshop.ca.cert_pem,
        received=lambda _, message: received.append(message.topic),
    )
    with hub.in_thread():
        section = {"type": "generic", "host": "127.0.0.1", "port": hub.port}
        config = workshop.device("sensor-1", section, wifi={"networks": [{"ssid": "home"}]})
        good("build", "--board", BOARD, "--config", config, "--out", tmp_path / "built")
        told = deployed(board, tmp_path / "built", "--config", config, "--with-keys")
        board.wait_line("link HUB -> ONLINE", LIMIT_S)
        assert {"main.py", "config.json", "device.key.der", "hublink/node.mpy"} <= set(told["copied"])
        assert told["log"][-1] == "hublink: link DOWN -> WIFI"
        # Its watchdog runs by now: a second deploy has to enter maintenance mode.
        again = deployed(board, tmp_path / "built", "--config", config)
        board.wait_line("maintenance mode; neither node nor watchdog runs", LIMIT_S)
        board.wait_line("link HUB -> ONLINE", LIMIT_S)
        assert (again["copied"], again["removed"], again["unchanged"]) == ([], [], len(told["copied"]) - 1)
        assert again["modules"] == told["modules"]
        with stopped(board) as remote:
            for name, place in told["modules"].items():
                assert remote.execute(f"import {name} as m; print(m.__file__)").strip() == place
    assert "sensor-1/telemetry" in received
    assert not [line for line in board.lines if "watchdog: not fed" in line]


# --- cuts ---


def cut_at(monkeypatch, board, count):
    """Take the power away in the middle of the file that is written after `count` others."""
    written = []

    def write(self, path, data, on_progress=None):
        def cut(_):
            if len(written) > count:
                board.kill()

        written.append(path)
        return real(self, path, data, cut)

    real = Remote.write
    monkeypatch.setattr(Remote, "write", write)
    return written


def test_cut_in_the_middle_of_every_file_leaves_the_old_version(board, tmp_path, monkeypatch):
    deployed(board, version(tmp_path / "old", 1))
    built = version(tmp_path / "new", 2)
    (built / "boot.py").write_text((built / "boot.py").read_text() + "# changed\n")
    files = ["boot.py", *(path for path in ("inner/two.py", "one.py", "three.py")), "hublink.files"]
    for number, path in enumerate([*files, plan.PLAN]):
        with monkeypatch.context() as patch:
            written = cut_at(patch, board, 1 if number else 0)
            done = deploy(board, built)
        assert done.code == 1
        assert "does not answer any more" in done.err
        assert written[-1] == plan.staged(path), "what is there already is not copied again"
        board.start()
        board.wait_line(f"^{UP}1 1 1$", LIMIT_S)
        board.wait_line("Type .help", LIMIT_S)
    told = deployed(board, built)
    assert told["log"][-1] == f"{UP}2 2 2"
    with stopped(board) as remote:
        assert not [path for path in remote.run("about")["files"] if path.startswith(plan.NEXT)]


def test_cut_after_the_plan_is_there_leaves_the_new_version(board, tmp_path, monkeypatch):
    deployed(board, version(tmp_path / "old", 1))

    def cut(*_):
        board.kill()
        raise Lost("gone")

    monkeypatch.setattr(cli, "_start", cut)
    assert deploy(board, version(tmp_path / "new", 2)).code == 1
    board.start()
    board.wait_line("new version in place", LIMIT_S)
    board.wait_line(f"^{UP}2 2 2$", LIMIT_S)


def test_cut_before_boot_py_is_replaced_leaves_it_to_the_next_deploy(board, tmp_path, monkeypatch):
    deployed(board, version(tmp_path / "old", 1))
    built = version(tmp_path / "new", 2)
    (built / "boot.py").write_text("print('new boot.py')\n" + (built / "boot.py").read_text())
    real = Remote.run
    with monkeypatch.context() as patch:
        patch.setattr(Remote, "run", lambda *a, **k: board.kill() if a[1] == "rename" else real(*a, **k))
        assert "does not answer any more" in deploy(board, built).err
    board.start()
    board.wait_line(f"^{UP}1 1 1$", LIMIT_S)
    assert "new boot.py" in deployed(board, built)["log"]


def test_what_a_cut_has_left_goes_when_the_old_version_is_deployed_again(board, tmp_path, monkeypatch):
    old = version(tmp_path / "old", 1)
    deployed(board, old)
    with monkeypatch.context() as patch:
        cut_at(patch, board, 1)
        assert deploy(board, version(tmp_path / "new", 2)).code == 1
    board.start()
    assert deployed(board, old)["copied"] == []
    with stopped(board) as remote:
        assert plan.NEXT not in remote.run("about")["folders"]


def test_ctrl_c_lets_the_old_version_run_on(board, tmp_path, monkeypatch):
    deployed(board, version(tmp_path / "old", 1))
    board.wait_line(f"^{UP}1 1 1$", LIMIT_S)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(switch, "_copy", interrupted)
    assert deploy(board, version(tmp_path / "new", 2)).code == 1
    board.wait_line(f"^{UP}1 1 1$", LIMIT_S)


def test_power_cut_at_every_operation_of_the_flash_leaves_one_version_whole():
    needs("micropython")
    search = f"{paths.FIRMWARE}:{PROGRAMS}:{DEPLOY_CUT.parent}:.frozen"
    words = [paths.program("micropython"), "-X", "heapsize=64m", DEPLOY_CUT, paths.FIRMWARE / "boot.py"]
    done = subprocess.run(
        [str(word) for word in words], env=os.environ | {"MICROPYPATH": search},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    last = done.stdout.splitlines()[-1]
    old, new = map(
        int, re.fullmatch(r"deploy-cut: (\d+) cuts had the old version, (\d+) the new one", last).groups()
    )
    assert old > 50
    assert new > 200


def test_file_that_arrives_damaged_is_not_put_in_place(board, tmp_path, monkeypatch):
    deployed(board, version(tmp_path / "old", 1))
    real = Remote.write
    monkeypatch.setattr(Remote, "write", lambda self, path, data, _: real(self, path, b"x" + data[1:]))
    done = deploy(board, version(tmp_path / "new", 2))
    assert (done.code, "inner/two.py arrived damaged; the version before runs on." in done.err) == (1, True)
    board.wait_line(f"^{UP}1 1 1$", LIMIT_S)


# --- what is there already ---


def test_only_what_has_changed_is_copied_and_what_is_stale_removed(board, tmp_path):
    old = version(tmp_path / "old", 1, gone="", **{"deep/er/gone": ""})
    deployed(board, old)
    with stopped(board) as remote:
        for path in ("mine.py", "config.json", "hublink.notes", "one.mpy", "lib_three.py"):
            remote.write(path, b"N = 0\n")
        remote.execute("import os; os.mkdir('lib'); os.mkdir('hublink')")
        for path in ("lib/three.py", "hublink/node.py"):
            remote.write(path, b"N = 0\n")
    built = version(tmp_path / "new", 1)
    (built / "one.py").write_text("N = 2\n")
    told = deployed(board, built)
    assert told["copied"] == ["one.py", "hublink.files"]
    files = ["deep/er/gone.py", "gone.py", "hublink/node.py", "lib/three.py", "one.mpy"]
    assert told["removed"] == [*files, "lib", "hublink", "deep/er", "deep"]
    assert told["log"][-1] == f"{UP}2 1 1"
    with stopped(board) as remote:
        about = remote.run("about")
    kept = {"mine.py", "config.json", "hublink.notes", "lib_three.py"}
    code = {"boot.py", "main.py", "one.py", "three.py", "inner/two.py", "hublink.files"}
    assert set(about["files"]) == kept | code
    assert about["folders"] == ["inner"]


def test_what_was_copied_by_hand_runs_and_is_not_copied_again(board, tmp_path):
    built = version(tmp_path / "built", 1)
    mpremote(board, "cp", "-r", f"{built}/.", ":")
    mpremote(board, "reset")
    board.wait_line(f"^{UP}1 1 1$", LIMIT_S)
    assert deployed(board, built)["copied"] == ["hublink.files"]


def test_keys_go_only_when_asked_for(board, workshop, tmp_path):
    section = {"type": "generic", "host": "127.0.0.1"}
    config = workshop.device("sensor-1", section, wifi={"networks": [{"ssid": "home"}]})
    built = version(tmp_path / "built", 1)
    done = deploy(board, built, "--config", config)
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "hublink: The board has no device.key.der, which its configuration names.\n"
        "  hint: --with-keys copies it\n"
    )
    assert "device.key.der" in deployed(board, built, "--config", config, "--with-keys")["copied"]
    assert deployed(board, built, "--config", config)["copied"] == []
    (config.parent / "device.key.der").write_bytes(workshop.identity("another").key_der.read_bytes())
    assert "has another device.key.der" in deploy(board, built, "--config", config).err


# --- refusals ---


def test_program_that_does_not_start_is_quoted(board, tmp_path):
    done = deploy(board, version(tmp_path / "built", 1, three="N = 1 / 0\n"))
    assert done.code == 1
    assert "is in place, but does not start" in done.err
    assert "ZeroDivisionError: divide by zero" in done.err
    assert "hint: `hublink doctor`" in done.err


def test_damaged_board_module_is_no_hindrance(board, tmp_path):
    with stopped(board) as remote:
        remote.write("board.mpy", b"M\x05\x00\x1f")  # of an older format
    assert deployed(board, version(tmp_path / "built", 1))["log"][-1] == f"{UP}1 1 1"


def test_no_space_is_said_before_anything_is_copied(board, tmp_path):
    built = version(tmp_path / "built", 1)
    (built / "large.mpy").write_bytes(bytes(900_000))
    done = deploy(board, built)
    assert (done.code, "bytes of flash; 860,160 are free." in done.err) == (1, True)


def test_other_board_is_refused(board, tmp_path):
    done = hublink(
        "deploy", "--board", "RPI_PICO2_W", "--port", board.port, "--build", version(tmp_path / "b", 1)
    )
    assert (done.code, done.err.splitlines()[0]) == (1, "hublink: The board is RPI_PICO_W, not RPI_PICO2_W.")


def test_busy_port_and_no_port_are_one_sentence(board, tmp_path):
    built = version(tmp_path / "built", 1)
    with serial.Serial(board.port, exclusive=True):
        assert deploy(board, built).err.startswith(f"hublink: {board.port} is in use by another program.\n")
    board.kill()
    assert deploy(board, built).err.startswith(f"hublink: There is no port {board.port}.\n")


def test_keys_without_a_configuration_are_refused(board, tmp_path):
    done = deploy(board, tmp_path, "--with-keys")
    assert (done.code, done.err.splitlines()[0]) == (1, "hublink: --with-keys: expected --config, too.")


def test_no_build_says_how_to_make_one(board, tmp_path):
    done = deploy(board, tmp_path / "nothing")
    assert (done.code, "hint: build it first: hublink build --board RPI_PICO_W" in done.err) == (1, True)
