"""`hublink doctor`, `hublink logs` and `hublink repl` on the board on the desk."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import tty

import pytest
from hublink_desk.deploy.remote import Remote
from hublink_desk.hub import DeskHub

from host_tests.system.board_parts import BOARD, LIMIT_S, UP, deployed, stopped, switched_on, version
from host_tests.verbs import SOURCE, TOOL, good, hublink


@pytest.fixture
def node(board, workshop, tmp_path):
    """A node that is online: its board, and its configuration."""
    hub = DeskHub(
        dialect="generic",
        server_cert=workshop.hub.cert_pem,
        server_key=workshop.hub.key_pem,
        ca=workshop.ca.cert_pem,
    )
    with hub.in_thread():
        section = {"type": "generic", "host": "127.0.0.1", "port": hub.port}
        networks = [{"ssid": "home", "password": "top secret"}]
        config = workshop.device("sensor-1", section, wifi={"networks": networks})
        built = tmp_path / "built"
        good("build", "--board", BOARD, "--config", config, "--out", built)
        deployed(board, built, "--config", config, "--with-keys")
        board.wait_line("link HUB -> ONLINE", LIMIT_S)
        yield board


def examined(board, code):
    """What the doctor finds, as a list of dicts."""
    done = hublink("doctor", "--port", board.port, "--json")
    assert done.code == code, done.out + done.err
    return [json.loads(line) for line in done.out.splitlines()]


def by_what(findings):
    return {each["what"]: each for each in findings}


# --- doctor ---


def test_healthy_node_is_reported_and_goes_on(node):
    done = hublink("doctor", "--port", node.port)
    assert done.code == 0, done.out + done.err
    assert "top secret" not in done.out
    node.wait_line("link HUB -> ONLINE", LIMIT_S)
    found = by_what(examined(node, 0))
    node.wait_line("link HUB -> ONLINE", LIMIT_S)
    # Of this interpreter's version a hang is known.
    assert {what for what, each in found.items() if each["level"] != "ok"} == {"micropython"}
    assert found["micropython"]["code"] == "known_hang"
    assert found["hublink"]["text"] == "0.1.0"
    assert found["reset"]["text"] == "reset, boot 2"
    assert found["config"]["text"].startswith("sensor-1 at generic 127.0.0.1:")
    assert "valid until" in found["ca.der"]["text"]
    assert found["device.der"]["text"].startswith("sensor-1, valid until")
    assert found["device.key.der"]["text"] == "is there"
    assert found["radio"]["text"] == "joined, 127.0.0.1, -50 dBm"
    assert found["files"]["text"].endswith(" deployed, 0 changed since")
    assert {"desk", "board", "heap", "flash", "clock", "crash"} <= set(found)


def test_what_is_wrong_is_found(node, monkeypatch):
    crash = {"boot": 6, "cause": "watchdog", "error": "Traceback:\nOSError: 5"}
    with stopped(node) as remote:
        remote.restart("enter")
        remote.stop()
        remote.execute("import os\nos.remove('device.der')\nos.remove('hublink/ticks.mpy')")
        remote.write("hublink/link.py", b"")
        remote.write("hublink/events.mpy", b"")
        config = remote.read("config.json").replace(b'"generic"', b'"genuine"')
        remote.write("config.json", config.replace(b"top secret", b"top secret" * 7))
        remote.write("ca.der", b"no certificate")
        remote.write("hublink.notes", json.dumps({"boot": 7, "bad": 2, "crash": crash}).encode())
    # It was in maintenance mode, and stays there.
    monkeypatch.setattr(Remote, "try_to_leave", lambda _: pytest.fail("started"))
    found = examined(node, 1)
    said = {(each["level"], each["what"], each["text"].partition(":")[0]) for each in found}
    assert said >= {
        ("error", "device.der", "is missing, though config.json names it"),
        ("error", "ca.der", "cannot be read"),
        ("warning", "files", "hublink/ticks.mpy is missing since it was deployed"),
        ("warning", "files", "hublink/events.mpy was changed since it was deployed"),
        ("warning", "files", "module hublink.link is loaded from hublink/link.py"),
        ("warning", "files", "module hublink.ticks is loaded from nowhere"),
        ("warning", "crash", "2 starts in a row were over too soon"),
        ("warning", "crash", "boot 6, cause watchdog\nTraceback"),
        ("warning", "hublink", "0.1.0, in maintenance mode"),
    }
    assert "genuine" in by_what(found)["hub.type"]["text"]
    assert "top secret" not in json.dumps(found)


def test_blank_board_is_reported_too(tmp_path):
    with switched_on(tmp_path / "[" / "b]") as board:  # a port is no markup
        found = by_what(examined(board, 1))
    assert found["hublink"]["code"] == "no_hublink"
    assert found["config"]["code"] == "no_config"
    assert found["files"]["code"] == "by_hand"


@pytest.mark.parametrize(
    "files",
    [
        *({"config.json": each} for each in (b"\xff\xfe", b"[1]", b"[" * 4000, b'{"tls": 5}')),
        *({"config.json": b'{"tls": {"ca": %s}}' % each} for each in (b"null", b"5", b'"ca.der"', b"[{}]")),
        {"config.json": b'{"tls": {"cert": ["x"], "key": {}, "secret": 5}}'},
        *({"hublink.files": each} for each in (b"\xff\xfe", b"", b"no hash\n\nand no path")),
        *({"hublink.notes": each} for each in (b"\xff\xfe", b"[" * 4000, b"[1]", b'{"crash": "x"}')),
        {"hublink.notes": b'{"boot": [], "bad": "x", "crash": {"error": 5}}'},
    ],
)
def test_damaged_files_are_reported_and_replaced(board, tmp_path, files):
    with stopped(board) as remote:
        for path, data in files.items():
            remote.write(path, data)
    found = by_what(examined(board, 1))
    assert found["files"]["code"] in ("by_hand", "changed")
    assert {"reset", "crash", "clock"} <= {*found}
    deployed(board, version(tmp_path / "built", 1))


# --- logs ---


def test_logs_follow_the_board_through_a_power_cut_into_a_file(board, tmp_path):
    built, log = version(tmp_path / "built", 1), tmp_path / "log"
    deployed(board, built)
    # A shell that runs us in the background has it ignored from the start.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    options = ["--port", board.port, "--file", log, "--for", 2 * LIMIT_S]
    words = [sys.executable, "-u", "-c", heed + SOURCE, "logs", *options]
    with subprocess.Popen(
        [str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr.readline() == f"following {board.port}; Ctrl-C ends\n"
            board.kill()
            board.start()
            assert f"{UP}1 1 1\n" in iter(process.stdout.readline, "")
            process.send_signal(signal.SIGINT)
            assert process.wait(LIMIT_S) == 130
        finally:
            process.kill()
    assert f"{UP}1 1 1\n" in log.read_text()


def test_logs_end_after_the_time_that_was_asked_for(board):
    done = hublink("logs", "--port", board.port, "--for", 0.1)
    assert done.code == 0
    assert done.err == f"following {board.port}; Ctrl-C ends\n"


# --- repl ---


def test_repl_talks_to_the_board_and_leaves(board):
    ours, theirs = pty.openpty()
    tty.setraw(theirs)  # as mpremote sets it, but before anything is typed
    words = [*TOOL, "repl", "--port", board.port]
    process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        _expect(ours, b"Ctrl-]")
        os.write(ours, b"6 * 7\r")
        _expect(ours, b"\r\n42\r\n")
        os.write(ours, b"\x1d")
        assert process.wait(LIMIT_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_repl_wants_a_terminal(board):
    done = hublink("repl", "--port", board.port)
    assert (done.code, done.err.splitlines()[0]) == (1, "hublink: hublink repl: expected a terminal.")


def _expect(descriptor, data):
    heard = b""
    while data not in heard:
        assert select.select([descriptor], [], [], LIMIT_S)[0], heard
        heard += os.read(descriptor, 1024)
