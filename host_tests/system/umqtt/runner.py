"""What the tests of the shape share: programs written for umqtt.simple, run in several ways.

A program of `programs/` is run against the script of a broker: with umqtt.simple itself, where the
deficiency must show, and with hublink's client, where only its import line is changed.
"""

import os
import re
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hublink_desk import paths, pki

from host_tests.both import interpreters
from host_tests.system.scripted_broker import ScriptedBroker

PROGRAMS = Path(__file__).with_name("programs")
ORIGINAL, OURS = "umqtt.simple", "hublink.net.mqtt"
PINNED = paths.DEPS / "lib"  # umqtt.simple 1.3.4
NEWER = os.environ.get("HUBLINK_UMQTT")  # folder with a newer umqtt/simple.py
IMPORT = re.compile(r"^from umqtt\.(simple|robust) import (\w+)$", re.MULTILINE)
HANG_S = 1.0  # an original that has not ended so long after the broker has said all hangs
TURN_S = 0.05  # how often a program is asked whether it has ended
DEADLINE_S = 20

# Limits that a test would wait for too long; what they are on a board is limits.py's matter.
SHORT = {"SOCKET_STEP_MS": 100, "PING_REPLY_MS": 250, "BACKOFF_BASE_MS": 50, "BACKOFF_CAP_MS": 100}


def set_limits(**limits):
    """Source that gives limits.py other values."""
    return "from hublink import limits\n" + "".join(f"limits.{k} = {v}\n" for k, v in limits.items())


@dataclass
class Outcome:
    """What became of a program: lines it printed, how it ended (exit code or "hangs"), its broker."""

    lines: list
    ending: object
    errors: str
    peers: list
    script_error: Exception | None

    def assert_good(self, *lines):
        assert (self.lines, self.ending, self.script_error) == (list(lines), 0, None), self.errors


@dataclass
class Way:
    """One way to run a program: whose client, on which interpreter, over the umqtt of which folder."""

    client: str
    interpreter: str
    umqtt: Path = PINNED

    def __str__(self):
        base = "" if self.umqtt == PINNED else "-over-newer"
        return f"{self.client.partition('.')[0]}-{self.interpreter}{base}"


BASES = [PINNED, *([Path(NEWER)] if NEWER else [])]
DEVICES = [Way(OURS, name, base) for base in BASES for name in ("micropython", interpreters.CPYTHON)]
WAYS = [Way(ORIGINAL, "micropython"), *DEVICES]
# For a test in which lengths or the heap matter.
also_32_bit = pytest.mark.parametrize(
    "way", [*WAYS, *(Way(OURS, "micropython32", base) for base in BASES)], ids=str, indirect=True
)


class Runner:
    """Runs programs in one way; `is_original` says what to expect."""

    def __init__(self, way, folder, monkeypatch):
        interpreters.needs(way.interpreter)
        monkeypatch.setenv("HUBLINK_UMQTT", str(way.umqtt))
        self.is_original = way.client == ORIGINAL
        self._way = way
        self._folder = folder

    def run(self, name, script, *arguments, insert="", context=None):
        """Runs a program against a script.

        Args:
            name: start of the program's file name.
            script: see ScriptedBroker.
            arguments: more of the program's own, behind the port.
            insert: source that takes effect behind the import line.
            context: of a TLS broker.

        Returns:
            Outcome.
        """
        (source,) = PROGRAMS.glob(f"{name}*.py")
        program = self._folder / source.name
        program.write_text(self._import_line_changed(source.read_text("utf-8"), insert), "utf-8")
        with ScriptedBroker(script, context) as broker:
            lines, ending, errors = self._execute(program, arguments, broker)
        return Outcome(lines, ending, errors, broker.peers, broker.error)

    def _import_line_changed(self, text, insert):
        def changed(line):
            module = self._way.client
            if line[1] == "robust" and not self.is_original:
                module = "hublink.net.robust"
            return f"from {module} import {line[2]}\n{insert}"

        text, count = IMPORT.subn(changed, text)
        assert count == 1
        return text if self.is_original else set_limits(**SHORT) + text

    def _execute(self, program, arguments, broker):
        command, env = interpreters.command(
            self._way.interpreter, program, broker.port, *arguments, folder=PROGRAMS
        )
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, env=env, text=True, **pipes)
        limit_s = DEADLINE_S
        if self.is_original:
            while process.poll() is None and not broker.said.wait(TURN_S):
                pass
            limit_s = HANG_S
        try:
            out, errors = process.communicate(timeout=limit_s)
            ending = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            out, errors = process.communicate()
            ending = "hangs"
        return out.splitlines(), ending, errors


class TlsFiles:
    """A broker's TLS context, and the files of a device that it lets in: CA, certificate, key."""

    def __init__(self, folder):
        authority = pki.Authority.create(folder)
        hub, device = authority.issue("hub", "hub"), authority.issue("device")
        self.device_paths = [authority.cert_der, device.cert_der, device.key_der]
        self.server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server_context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.server_context.load_cert_chain(hub.cert_pem, hub.key_pem)


def listen(broker):
    """The script of a broker that greets one client, and says no more."""
    peer = broker.accept()
    peer.greet()
    peer.end()


def acknowledge_five(broker):
    """The script of a broker that takes five messages of QoS 1."""
    peer = broker.accept()
    peer.greet()
    for _ in range(5):
        peer.acknowledge()
    peer.end()


def kinds(peer):
    """Of the packets that a client sent."""
    return [packet.kind for packet in peer.packets]
