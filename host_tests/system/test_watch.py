"""`hublink watch` as a process: real nodes seen through a broker and a hub, recorded, and shown again."""

import contextlib
import os
import pty
import re
import signal
import threading
from pathlib import Path

import pytest
from hublink_desk.hub import DeskHub, Device
from hublink_desk.run import DeskBoard
from hublink_desk.workshop import device_id

from host_tests.both.interpreters import needs
from host_tests.system.node_parts import STEP_S, Feed, board
from host_tests.system.watching import Watching
from host_tests.verbs import hublink

NAME, MONITOR = "sensor-1", "monitor"
HEALTH = Path(__file__).parent / "programs" / "health.py"


@pytest.fixture
def generic(workshop, mosquitto):
    """Make the configuration of a device of that name."""

    def make(name):
        return workshop.device(name, {"type": "generic", "host": "127.0.0.1", "port": mosquitto.port})

    return make


@pytest.fixture
def node(generic, mpy):
    """A node on the broker that counts, and crashes if there is a file "broken" beside its configuration."""
    needs("micropython")
    config = generic(NAME)
    with DeskBoard(config, "micropython", script=HEALTH, env={"MICROPYPATH": f"{mpy}:.frozen"}) as it:
        it.folder = config.parent
        yield it


def counted(watching, boot, count):
    """Wait for that reading."""
    watching.change("telemetry", device=NAME, boot=boot, data=count)


def test_a_device_lives_dies_and_crashes_and_a_replay_shows_the_same(generic, node, tmp_path):
    record = tmp_path / "record.jsonl"
    with Watching("--config", generic(MONITOR), "--record", record, "--json") as watching:
        watching.change("listening")
        node.start()
        watching.change("online", device=NAME)
        counted(watching, 1, 5)
        node.kill()
        watching.change("offline", device=NAME)
        (node.folder / "broken").write_text("loop")
        node.start()
        node.wait_line("board: machine.reset\\(\\), restarting", STEP_S)
        (node.folder / "broken").unlink()
        crash = watching.change("crash", device=NAME)
        counted(watching, crash["boot"], 5)
        node.kill()
        watching.change("offline", device=NAME)
        fleet = watching.end()
    known = fleet[NAME]
    assert list(fleet) == [NAME]
    assert (known["is_online"], known["boot"], known["lost"], known["unreadable"]) == (
        False,
        crash["boot"],
        0,
        0,
    )
    assert (known["crashes"], known["crash"]) == (1, "reset: KeyError: in the user's loop")
    assert known["name"] == "counted" and known["vitals"]["heap_free"] > 0
    with Watching("--replay", record, "--speed", 0, "--json") as again:
        assert again.last() == fleet
        assert again.lines.items()[:-1] == watching.lines.items()[:-1]
        assert again.problems.items() == []


def test_a_broker_that_restarts_is_listened_to_again_and_nothing_counts_as_lost(
    generic, node, mosquitto, tmp_path
):
    record = tmp_path / "record.jsonl"
    with Watching("--config", generic(MONITOR), "--record", record, "--json") as watching:
        watching.change("listening")
        node.start()
        counted(watching, 1, 5)
        mosquitto.restart()
        watching.change("listening")
        again = watching.change("telemetry", device=NAME)
        counted(watching, 1, again["data"] + 5)
        fleet = watching.end()
    said = watching.problems.items()
    assert said[0] == said[-1] == f"watch: 127.0.0.1:{mosquitto.port}: connected"
    assert said[1].startswith(f"watch: 127.0.0.1:{mosquitto.port}: connection lost: ")
    assert (fleet[NAME]["is_online"], fleet[NAME]["lost"]) == (True, 0)
    with Watching("--replay", record, "--speed", 0, "--json") as again:
        assert again.last() == fleet


class Hub:
    """A Scaleway hub on one port, which can be ended and started again."""

    def __init__(self, workshop, stack):
        self._workshop, self._stack = workshop, stack
        self.port = 0

    def start(self):
        names = (NAME, "sensor-2", MONITOR)
        self._running = self._stack.enter_context(contextlib.ExitStack())
        hub = DeskHub(
            dialect="scaleway",
            server_cert=self._workshop.hub.cert_pem,
            server_key=self._workshop.hub.key_pem,
            ca=self._workshop.ca.cert_pem,
            devices=[Device(device_id(name), name) for name in names],
            port=self.port,
        )
        self.port = self._running.enter_context(hub.in_thread()).port

    def stop(self):
        self._running.close()

    def device(self, name, **sections):
        hub = {"type": "scaleway", "host": "127.0.0.1", "port": self.port, "device_id": device_id(name)}
        return self._workshop.device(name, hub, **sections)


@pytest.fixture
def scaleway(workshop):
    with contextlib.ExitStack() as stack:
        hub = Hub(workshop, stack)
        hub.start()
        yield hub


def test_a_hub_without_retained_messages_its_events_and_its_restart(scaleway, workshop, mpy):
    needs("micropython")
    monitor, config = scaleway.device(MONITOR), scaleway.device(NAME)
    guest = scaleway.device("sensor-2", identity=workshop.identity("somebody"))
    with Watching("--config", monitor, "--json") as watching, board(config, "micropython", mpy) as node:
        watching.change("listening")
        node.start()
        watching.change("online", device=NAME)
        counted(watching, 1, 5)
        with board(guest, "micropython", mpy) as refused:
            refused.start()
            event = watching.change("event", device="sensor-2", object_id=device_id("sensor-2"))
        scaleway.stop()
        node.wait_line("link ONLINE -> DOWN", STEP_S)
        scaleway.start()
        watching.change("listening")
        last = watching.change("telemetry", device=NAME)
        node.kill()
        watching.change("offline", device=NAME)
        fleet = watching.end()
    assert event["code"] == "sec.bad_certificate"
    assert (fleet["sensor-2"]["events"], fleet["sensor-2"]["is_online"]) == (1, None)
    assert (fleet[NAME]["is_online"], fleet[NAME]["lost"]) == (False, 0)
    assert fleet[NAME]["seq"] >= last["seq"]


# --- the verb ---


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_people_read_a_line_for_each_change_until_a_signal(generic, node, mosquitto, number):
    with Watching("--config", generic(MONITOR)) as watching:
        watching.lines.next(lambda line: line.endswith(" hub: listening"))
        node.start()
        watching.lines.next(lambda line: line.endswith(f" {NAME}: online"))
        watching.lines.next(lambda line: re.search(rf" {NAME}: counted 3 \(boot 1, seq \d+\)$", line))
        watching.process.send_signal(number)
        assert watching.process.wait(STEP_S) == 0
    assert watching.problems.items() == [f"watch: 127.0.0.1:{mosquitto.port}: connected"]


def test_a_terminal_gets_a_table_that_says_when_nothing_is_heard(generic, node, mosquitto):
    screen, inside = pty.openpty()
    feed = Feed()
    reader = threading.Thread(target=_read_screen, args=(screen, feed))
    with Watching("--config", generic(MONITOR), stdout=inside) as watching:
        os.close(inside)
        reader.start()
        try:
            feed.next(lambda text: "0 of 0 online" in text)
            node.start()
            feed.next(lambda text: "1 of 1 online" in text)
            mosquitto.stop()
            feed.next(lambda text: "what is above may be old" in text)
            watching.process.send_signal(signal.SIGINT)
            assert watching.process.wait(STEP_S) == 0
        finally:
            watching.process.kill()
            reader.join()
            os.close(screen)


def _read_screen(descriptor, feed):
    """All that a terminal was sent, the old with the new, until the last of its writers is gone."""
    text = ""
    with contextlib.suppress(OSError):
        while data := os.read(descriptor, 65536):
            text += data.decode(errors="replace")
            feed.put(text)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "there is nothing to watch, or too much; expected --config or --replay."),
        (
            ["--replay", "a", "--record", "b"],
            2,
            "--record is given with --replay; expected --config.",
        ),
        (["--config", "a", "--replay", "b"], 2, "expected --config or --replay."),
        (
            ["--config", "a"],
            1,
            "hublink: a cannot be read (No such file or directory); expected a configuration.",
        ),
        (["--replay", "a"], 1, "hublink: a cannot be read (No such file or directory); expected a record."),
    ],
)
def test_what_cannot_be_watched_is_one_sentence(arguments, code, said):
    done = hublink("watch", *arguments)
    assert (done.code, done.err.splitlines()[-1][-len(said) :]) == (code, said)


def test_a_hub_where_nobody_hears_others_is_refused(workshop):
    hub = {"type": "azure", "host": "h.azure-devices.net"}
    done = hublink("watch", "--config", workshop.device(MONITOR, hub))
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("hublink: On azure no device hears another: ") and done.err.count("\n") == 1


def test_a_hub_that_is_not_there_at_first_is_one_sentence(generic, mosquitto):
    mosquitto.stop()
    done = hublink("watch", "--config", generic(MONITOR))
    said = f"hublink: 127.0.0.1:{mosquitto.port}: no connection: Connection refused."
    assert (done.code, done.out, done.err.splitlines()[0]) == (1, "", said)


def test_help_has_examples():
    assert "hublink watch --replay fleet.jsonl --speed 60" in hublink("watch", "--help").out
