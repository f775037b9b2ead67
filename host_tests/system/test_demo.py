"""`hublink demo` as a person runs it, for each hub: eight checks, nothing left behind, also after Ctrl-C."""

import os
import signal
import subprocess
import threading

import psutil
import pytest

from host_tests.both.interpreters import needs
from host_tests.verbs import TOOL

_DEMO = [*TOOL, "demo"]
_LIMIT_S = 90


class Running:
    """The demo as a process of its own, with a folder of its own for temporary files."""

    def __init__(self, tmp_path, *arguments):
        self.tmp_path = tmp_path
        self.lines = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [*_DEMO, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "160"},
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    def wait_for(self, text):
        with self._changed:
            seen = self._changed.wait_for(lambda: any(text in line for line in self.lines), _LIMIT_S)
        assert seen, self.lines

    def finish(self):
        code = self.process.wait(_LIMIT_S)
        self._reader.join(_LIMIT_S)
        self.process.stdout.close()
        return code

    def leftovers(self):
        """Processes that it started, also in sessions of their own, and files in its folder."""
        alive = [p.name() for p in psutil.process_iter() if _variable(p, "TMPDIR") == str(self.tmp_path)]
        return alive, sorted(path.name for path in self.tmp_path.iterdir())

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.finish()


def _variable(process, name):
    try:
        return process.environ().get(name)
    except psutil.Error:  # gone, or another user's
        return None


@pytest.fixture
def demo(tmp_path):
    started = []

    def start(*arguments):
        started.append(Running(tmp_path, *arguments))
        return started[-1]

    yield start
    for running in started:
        running.close()


@pytest.mark.parametrize(
    ("hub", "interpreter"),
    [
        ("scaleway", "micropython"),
        ("scaleway", "micropython32"),
        ("clearblade", "micropython32"),
        ("omnicore", "micropython"),
        ("azure", "micropython"),
        ("generic", "micropython"),
    ],
)
def test_demo_shows_eight_checks_and_succeeds(demo, hub, interpreter):
    needs(interpreter)
    running = demo("--hub", hub, "--interpreter", interpreter)
    assert running.finish() == 0, "\n".join(running.lines)
    assert running.lines[-1] == "demo: 8 of 8 ok"
    assert sum(line.lstrip("│ ").startswith("ok ") for line in running.lines) == 8
    assert running.leftovers() == ([], [])


@pytest.mark.parametrize(
    ("hub", "signal_number"),
    [
        ("scaleway", signal.SIGINT),
        ("scaleway", signal.SIGTERM),
        ("clearblade", signal.SIGINT),
        ("azure", signal.SIGINT),
        ("generic", signal.SIGINT),
    ],
)
def test_interrupted_demo_leaves_nothing_behind(demo, hub, signal_number):
    needs("micropython")
    running = demo("--hub", hub)
    running.wait_for("link HUB -> ONLINE")
    alive, files = running.leftovers()
    assert len(alive) >= 2 and files, "the demo and its device; nothing would be seen of them otherwise"
    os.kill(running.process.pid, signal_number)
    assert running.finish() != 0
    assert running.leftovers() == ([], [])


@pytest.mark.parametrize(("option", "value"), [("--hub", "azur"), ("--interpreter", "micropythonn")])
def test_demo_of_what_there_is_not_says_so_in_one_sentence(demo, option, value):
    running = demo(option, value)
    assert running.finish() == 2
    assert f"'{value}' is not one of" in running.lines[-1]
    assert not any("Traceback" in line for line in running.lines)
    assert running.leftovers() == ([], [])
