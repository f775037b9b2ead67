"""The real broker, started by the desk and spoken to by a real client."""

import socket
import ssl
import subprocess
import sys
import threading
import time

import paho.mqtt.client as paho
import psutil
import pytest
from hublink_desk import mosquitto, pki
from hublink_desk.errors import DeskError
from hublink_desk.mosquitto import Mosquitto

LIMIT_S = 5


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(authority, hub, device, device of another authority)"""
    folder = tmp_path_factory.mktemp("pki")
    ca = pki.Authority.create(folder / "ca")
    stranger = pki.Authority.create(folder / "other").issue("stranger")
    return ca, ca.issue("hub", "hub"), ca.issue("device"), stranger


@pytest.fixture
def broker(tmp_path, made):
    with Mosquitto(tmp_path / "a folder", made[0], made[1]) as broker:
        yield broker


def tls(made, identity=None):
    context = ssl.create_default_context(cafile=made[0].cert_pem)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if identity:
        context.load_cert_chain(identity.cert_pem, identity.key_pem)
    return context


class Client:
    """A paho client that is connected, or raises; echoes to itself."""

    def __init__(self, port, context=None, username=None):
        self._paho = paho.Client(paho.CallbackAPIVersion.VERSION2)
        if context:
            self._paho.tls_set_context(context)
        if username:
            self._paho.username_pw_set(username, "any")
        self._connected, self._subscribed = threading.Event(), threading.Event()
        self._heard, self.lost = threading.Event(), threading.Event()
        self._paho.on_connect = lambda *_: self._connected.set()
        self._paho.on_subscribe = lambda *_: self._subscribed.set()
        self._paho.on_message = lambda *_: self._heard.set()
        self._paho.on_disconnect = lambda *_: self.lost.set()
        self._paho.connect("127.0.0.1", port)
        self._paho.loop_start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._paho.disconnect()
        self._paho.loop_stop()

    def hears_itself(self):
        assert self._connected.wait(LIMIT_S)
        self._paho.subscribe("echo", 1)
        assert self._subscribed.wait(LIMIT_S)
        self._paho.publish("echo", b"hello", 1)
        return self._heard.wait(LIMIT_S)


def assert_refused(port):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), LIMIT_S)


def assert_logs(broker, words):
    """The client may know of its refusal before the broker has written it down."""
    deadline_s = time.monotonic() + LIMIT_S
    while words not in broker.log_path.read_text():
        assert time.monotonic() < deadline_s, broker.log_path.read_text()
        time.sleep(0.01)


def test_device_talks_and_is_known_by_its_certificate(broker, made):
    with Client(broker.port, tls(made, made[2]), username="somebody else") as client:
        assert client.hears_itself()
    log = broker.log_path.read_text()
    assert "u'device'" in log
    assert "somebody else" not in log


def test_user_name_can_be_the_clients_own(tmp_path, made):
    with Mosquitto(tmp_path, made[0], made[1], use_identity_as_username=False) as broker:
        with Client(broker.port, tls(made, made[2]), username="chosen") as client:
            assert client.hears_itself()
        assert "u'chosen'" in broker.log_path.read_text()


def test_device_without_certificate_is_refused(broker, made):
    with pytest.raises(OSError, match=r"alert|reset|EOF"):
        Client(broker.port, tls(made))
    assert_logs(broker, "peer did not return a certificate")


def test_device_of_another_authority_is_refused(broker, made):
    with pytest.raises(OSError, match=r"unknown ca|reset|EOF"):
        Client(broker.port, tls(made, made[3]))
    assert_logs(broker, "certificate verify failed")


def test_certificate_need_not_be_required(tmp_path, made):
    with Mosquitto(tmp_path, made[0], made[1], require_certificate=False) as broker:
        with Client(broker.port, tls(made)) as client:
            assert client.hears_itself()


def test_only_tls_1_2_is_spoken(broker, made):
    context = tls(made, made[2])
    context.maximum_version = ssl.TLSVersion.TLSv1_3  # would, if the broker did
    with socket.create_connection(("127.0.0.1", broker.port), LIMIT_S) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as secure:
            assert secure.version() == "TLSv1.2"
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with socket.create_connection(("127.0.0.1", broker.port), LIMIT_S) as raw:
        with pytest.raises(ssl.SSLError, match="protocol version"):
            context.wrap_socket(raw, server_hostname="localhost")


def test_plain_broker(tmp_path):
    with Mosquitto(tmp_path, plain=True) as broker, Client(broker.port) as client:
        assert client.hears_itself()


def test_extra_settings_count(tmp_path):
    with Mosquitto(tmp_path, plain=True, extra="allow_anonymous false") as broker:
        with Client(broker.port) as client:
            assert client.lost.wait(LIMIT_S)
        assert_logs(broker, "not authorised")


# --- its life ---


def test_restart_keeps_the_port_and_the_log(broker, made):
    port, pid = broker.port, broker.pid
    with Client(port, tls(made, made[2])) as client:
        assert client.hears_itself()
        broker.restart()
        assert client.lost.wait(LIMIT_S)
    assert (broker.port, broker.pid == pid) == (port, False)
    with Client(port, tls(made, made[2])) as client:
        assert client.hears_itself()
    assert broker.log_path.read_text().count("running") == len(["first", "second"])


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_ended_broker_refuses_and_comes_back_on_its_port(broker, made, end):
    process, port = psutil.Process(broker.pid), broker.port
    getattr(broker, end)()
    assert not process.is_running()
    assert broker.pid is None
    assert_refused(port)
    broker.stop()  # again: nothing to do
    broker.kill()
    broker.start()
    assert broker.port == port
    with Client(port, tls(made, made[2])) as client:
        assert client.hears_itself()


def test_stop_lets_it_say_goodbye_and_kill_does_not(broker):
    broker.kill()
    assert "terminating" not in broker.log_path.read_text()
    broker.start()
    broker.stop()
    assert "terminating" in broker.log_path.read_text()


def test_broker_that_does_not_obey_is_killed(broker, monkeypatch):
    monkeypatch.setattr(mosquitto, "_STOP_MAX_S", 0.1)
    process = psutil.Process(broker.pid)
    process.suspend()
    broker.stop()
    assert not process.is_running()


def test_broker_that_crashed_can_be_started_again(broker):
    crashed = psutil.Process(broker.pid)
    crashed.kill()
    crashed.wait(LIMIT_S)
    assert broker.pid is None
    broker.start()
    assert broker.pid


def test_ends_with_its_block_whatever_happens(tmp_path):
    with pytest.raises(ZeroDivisionError):
        with Mosquitto(tmp_path, plain=True) as broker:
            process = psutil.Process(broker.pid)
            1 / 0  # noqa: B018 - reading it is what is tested
    assert not process.is_running()


def assert_ends(process):
    """An orphan is gone or, where nobody collects the dead, a zombie."""
    deadline_s = time.monotonic() + LIMIT_S
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline_s:
            process.kill()
            raise AssertionError(f"{process} has outlived its parent")
        time.sleep(0.01)


ORPHAN = """
import sys, time
from hublink_desk.mosquitto import Mosquitto
print(Mosquitto(sys.argv[1], plain=True).start().pid, flush=True)
time.sleep(60)
"""

if sys.platform == "linux":  # no other system offers it

    def test_ends_with_a_killed_parent(tmp_path):
        with subprocess.Popen([sys.executable, "-c", ORPHAN, tmp_path], stdout=subprocess.PIPE) as parent:
            broker = psutil.Process(int(parent.stdout.readline()))
            parent.kill()
            assert_ends(broker)


# --- what can go wrong ---


def children():
    return psutil.Process().children()


def test_start_twice_is_refused(broker):
    with pytest.raises(DeskError, match=f"runs already on port {broker.port}"):
        broker.start()


def test_wrong_setting_is_quoted(tmp_path):
    with pytest.raises(DeskError, match=r'(?s)did not start.*Unknown configuration variable "nonsense"'):
        Mosquitto(tmp_path, plain=True, extra="nonsense 1").start()
    assert not children()


def test_tls_without_identity_is_refused(tmp_path):
    with pytest.raises(DeskError, match="an authority and an identity are expected"):
        Mosquitto(tmp_path)


def test_another_port_is_tried_when_a_race_is_lost(tmp_path, monkeypatch):
    real = mosquitto.lasting_listener
    with real() as taken:
        probes = [taken.dup(), real()]
        monkeypatch.setattr(mosquitto, "lasting_listener", lambda: probes.pop(0))
        with Mosquitto(tmp_path, plain=True) as broker:
            assert broker.port != taken.getsockname()[1]
            assert "Address already in use" in broker.log_path.read_text()


def test_port_lost_while_stopped_is_told(broker):
    broker.stop()
    with socket.create_server(("127.0.0.1", broker.port)):
        with pytest.raises(DeskError, match=r"(?s)did not start.*Address already in use"):
            broker.start()
    broker.start()


def test_broker_that_never_listens_is_given_up(tmp_path, monkeypatch):
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    monkeypatch.setattr(mosquitto.paths, "program", lambda _: silent)
    monkeypatch.setattr(mosquitto, "_START_MAX_S", 0.2)
    started_s = time.monotonic()
    with pytest.raises(DeskError, match="did not start"):
        Mosquitto(tmp_path, plain=True).start()
    assert time.monotonic() - started_s < LIMIT_S
    assert not children()
