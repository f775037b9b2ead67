"""`hublink hub` as a process: its first line, its lines, its JSON, its end, its complaints."""

import contextlib
import json
import queue
import signal
import socket
import subprocess
import threading
from types import SimpleNamespace

import pytest

from host_tests.system.desk_hub_parts import PATIENCE_S, Client
from host_tests.verbs import ENVIRONMENT, TOOL

SENSOR, WATCHER = "6f1c3b52-8f0e-4a43-9d0c-1f6f0f1d2a77", "0a7e4cf4-7f0f-4f1e-8c55-0d4c2d8c9b11"
DEVICES = f"""
[[device]]
id = "{SENSOR}"
name = "sensor-1"
[device.publish]
policy = "reject"
topics = ["denied"]

[[device]]
id = "{WATCHER}"
name = "watcher"
allow_insecure = true
"""


@pytest.fixture
def devices_file(tmp_path):
    path = tmp_path / "devices.toml"
    path.write_text(DEVICES)
    return path


class Lines:
    """A process whose output is read line by line, with a deadline."""

    def __init__(self, pki, *arguments):
        command = [*TOOL, "hub"]
        files = ["--ca", pki.ca.cert_pem, "--cert", pki.hub.cert_pem, "--key", pki.hub.key_pem]
        self.process = subprocess.Popen(
            [*command, *files, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def next(self):
        return self._lines.get(timeout=4 * PATIENCE_S)  # the first one waits for the imports

    def wait_for(self, part):
        line = self.next()
        while part not in line:
            line = self.next()
        return line

    def ended(self):
        """(exit code, standard error)."""
        code = self.process.wait(4 * PATIENCE_S)
        return code, self.process.stderr.read()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        self.process.stdout.close()
        self.process.stderr.close()


@contextlib.contextmanager
def hublink_hub(pki, *arguments):
    lines = Lines(pki, *arguments)
    try:
        yield lines
    finally:
        lines.close()


@contextlib.contextmanager
def client(pki, port, client_id, identity=None, **options):
    it = Client(SimpleNamespace(port=port), pki, client_id, identity, **options)
    try:
        yield it
    finally:
        it.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ready_line_then_a_line_per_thing_then_a_clean_end(pki, devices_file, number):
    arguments = ["--dialect", "scaleway", "--devices", devices_file, "--port", "0", "--set", "plan=shared"]
    with hublink_hub(pki, *arguments) as hub:
        ready = hub.next()
        assert ready.startswith("hub: ready on 127.0.0.1:")
        port = int(ready.rsplit(":", maxsplit=1)[1])
        with client(pki, port, WATCHER) as watcher, client(pki, port, SENSOR, pki.sensor) as sensor:
            assert watcher.connack() == 0
            connected = hub.wait_for(f"{WATCHER}: connected from 127.0.0.1:")
            assert connected.endswith(", proved by device ID; keep-alive 60 s")
            watcher.subscribe("a/#")
            hub.wait_for(f"{WATCHER}: subscribed to a/#, granted QoS 0")
            watcher.subscribe("b", 1)
            hub.wait_for(f"{WATCHER}: subscription to b refused: service level: subscribing with QoS 1-2")
            assert sensor.connack() == 0
            hub.wait_for(f"{SENSOR}: connected from 127.0.0.1:")
            sensor.publish("a/b", b"12345", qos=1)
            hub.wait_for(f"{SENSOR}: published a/b, 5 bytes, QoS 1")
            sensor.publish("denied\x1b[2J", b"")
            hub.wait_for(f"{SENSOR}: published denied\\x1b[2J, 0 bytes, QoS 0")
            sensor.publish("denied", b"")
            hub.wait_for(f"{SENSOR}: message dropped: denied, 0 bytes, QoS 0: unauthorized topic [denied]")
            hub.wait_for(f"hub: event $SCW/events/error/device/{SENSOR} ")
        hub.wait_for(f"{SENSOR}: disconnected: DISCONNECT")
        with client(pki, port, SENSOR) as insecure:
            insecure.connack()
        hub.wait_for(f"{SENSOR}: refused (CONNACK 5): mutual TLS authentication is required")
        hub.process.send_signal(number)
        assert hub.ended() == (0, "")


def test_json_lines_are_records(pki, devices_file):
    arguments = ["--dialect", "scaleway", "--devices", devices_file, "--port", 0, "--json"]
    switches = ["--set", "events_prefix=ev", "--set", "event_layout=severity-last"]
    with hublink_hub(pki, *arguments, *switches) as hub:
        ready = json.loads(hub.next())
        assert (ready["what"], ready["host"]) == ("ready", "127.0.0.1")
        with client(pki, ready["port"], SENSOR, pki.sensor, will=("w", b"gone")) as sensor:
            assert sensor.connack() == 0
            sensor.publish("denied", b"")
            records = [json.loads(hub.next()) for _ in range(3)]
        assert [record["what"] for record in records] == ["connect", "drop", "event"]
        assert records[2]["topic"] == f"ev/device/{SENSOR}/error"
        assert json.loads(hub.next())["what"] == "disconnect"
        hub.process.terminate()
        assert hub.ended() == (0, "")


def test_generic_needs_no_devices(pki):
    with hublink_hub(pki, "--dialect", "generic", "--port", 0) as hub:
        port = int(hub.next().rsplit(":", maxsplit=1)[1])
        with client(pki, port, "any", pki.stranger, will=("w", b"gone")) as stranger:
            assert stranger.connack() == 0
            stranger.paho.socket().shutdown(socket.SHUT_RDWR)
        hub.wait_for("any: last will published: w, 4 bytes, QoS 0")
        hub.process.terminate()
        assert hub.ended() == (0, "")


def test_wrong_devices_file_is_one_sentence_and_exit_code_1(pki, tmp_path):
    path = tmp_path / "devices.toml"
    path.write_text('[[device]]\nid = "1"\nname = "sensor-1"\nalow_insecure = true\n')
    with hublink_hub(pki, "--dialect", "scaleway", "--devices", path) as hub:
        code, error = hub.ended()
    flags = "allow_insecure, allow_multiple_connections, enabled"
    expected = f"id, name, {flags}, certificate, publish, subscribe"
    place = f'{path}: device 1 ("sensor-1"): '
    assert (code, error) == (1, f"hublink: {place}alow_insecure = True is unknown; expected {expected}.\n")


def test_port_in_use_is_one_sentence_and_exit_code_1(pki):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with hublink_hub(pki, "--dialect", "generic", "--port", port) as hub:
            code, error = hub.ended()
    assert code == 1
    assert error.startswith(f"hublink: port {port} on 127.0.0.1 cannot be listened on: ")
