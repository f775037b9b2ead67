"""Where the shim's TLS is stricter than a board: what crashes, hangs or loses data there raises here."""


import contextlib
import datetime
import os
import socket
import ssl
import threading
from types import SimpleNamespace

import pytest
from hublink_desk import pki

from host_tests import shim

DEADLINE_S = 10


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(authority, hub identity, device identity, a device identity of another authority)"""
    folder = tmp_path_factory.mktemp("pki")
    ca = pki.Authority.create(folder / "ca")
    stranger = pki.Authority.create(folder / "other").issue("stranger")
    return ca, ca.issue("hub", "hub"), ca.issue("device"), stranger


class Hub:
    """A TLS 1.2 server on loopback for one connection. It says its `words`, and reads when `go` is set."""

    def __init__(self, identity, authority=None, words=()):
        self._words = words
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.maximum_version = ssl.TLSVersion.TLSv1_2
        self._context.load_cert_chain(identity.cert_pem, identity.key_pem)
        if authority:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(authority.cert_pem)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self.go = threading.Event()
        self.received = b""
        self.end = None  # how reading ended: "eof", or the error
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):  # it has gone already
            self._connection.shutdown(socket.SHUT_RDWR)
        self.finish()
        self._listener.close()

    def finish(self):
        """Waits until the client has gone and everything it sent was read."""
        self.go.set()
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()

    def _serve(self):
        raw, _ = self._listener.accept()
        raw.settimeout(DEADLINE_S)
        self._connection = raw
        try:
            # Without suppress_ragged_eofs an end without close_notify is an error.
            with self._context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False) as stream:
                self._connection = stream
                for word in self._words:
                    stream.sendall(word)
                self.go.wait(DEADLINE_S)
                while data := stream.recv(65536):
                    self.received += data
                self.end = "eof"
        except OSError as error:
            self.end = error


@pytest.fixture
def hub(made):
    with Hub(made[1]) as hub:
        yield hub


@pytest.fixture
def silent_hub():
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield SimpleNamespace(address=listener.getsockname())


@pytest.fixture
def device():
    """A world of the Pico W with the right time."""
    with shim.install("RPI_PICO_W", unix_start_s=int(datetime.datetime.now().timestamp())) as device:
        yield device


def context_of(device, made, identity=None):
    tls = device.modules["tls"]
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(made[0].cert_der.read_bytes())
    if identity:
        context.load_cert_chain(identity.cert_der.read_bytes(), identity.key_der.read_bytes())
    return context


def connect(device, hub, context, blocking=True):
    """(raw, TLS), the handshake done if blocking, else to be done by the first write."""
    raw = device.modules["socket"].socket()
    raw.connect(hub.address)
    raw.setblocking(blocking)
    stream = context.wrap_socket(raw, server_hostname="localhost", do_handshake_on_connect=blocking)
    return raw, stream


def refuses(device, rule, function, *arguments):
    with pytest.raises(shim.BrokenRule, match=rule):
        function(*arguments)
    device.world.broken.clear()


# -- the retry rule ------------------------------------------------------------------------------


def fill(raw, stream, message):
    """Writes until no more is taken; how many bytes were."""
    raw.setblocking(False)
    taken = 0
    while (n := stream.write(message)) == len(message):
        taken += n
    return taken, n


def test_other_bytes_after_a_refused_write_are_refused(device, made, hub):
    raw, stream = connect(device, hub, context_of(device, made))
    fill(raw, stream, b"A" * 4096)
    refuses(device, "same bytes", stream.write, b"B" * 4096)
    refuses(device, "same bytes", stream.write, b"A" * 10)
    raw.close()


def test_the_same_bytes_arrive_once(device, made, hub):
    raw, stream = connect(device, hub, context_of(device, made))
    taken, _ = fill(raw, stream, b"A" * 4096)
    hub.go.set()
    poll = device.modules["select"].poll()
    while stream.write(b"A" * 4096) is None:
        poll.register(stream, 4)
        poll.poll(DEADLINE_S * 1000)
    raw.setblocking(True)
    stream.write(b"B")
    stream.close()
    hub.finish()
    assert hub.received == b"A" * (taken + 4096) + b"B"


def test_after_a_short_write_the_rest_must_come_next(device, made, hub):
    raw, stream = connect(device, hub, context_of(device, made))
    raw.setblocking(False)
    message = os.urandom(2**25)  # 32 MB: more than the sockets take
    taken = stream.write(message)
    assert 0 < taken < len(message)
    assert taken % 4096 == 0
    refuses(device, "same bytes", stream.write, message)
    stream.write(message[taken:])  # is in order, whether or not there is room by now
    raw.close()


def test_the_first_write_is_offered_again_until_the_handshake_is_done(device, made, silent_hub):
    _, stream = connect(device, silent_hub, context_of(device, made), blocking=False)
    assert stream.write(b"CONNECT") is None
    assert stream.write(b"CONNECT") is None
    refuses(device, "same bytes", stream.write, b"PINGREQ")


def test_poll_sees_the_second_of_two_records_that_came_together(device, made):
    with Hub(made[1], words=(b"one", b"four")) as hub:
        raw, stream = connect(device, hub, context_of(device, made))
        both_len = 3 + 4 + 2 * 29  # what AES-GCM adds to a record
        raw._host.recv(both_len, socket.MSG_PEEK | socket.MSG_WAITALL)
        assert stream.read(3) == b"one"
        poll = device.modules["select"].poll()
        poll.register(stream, 1)
        assert poll.poll(0) == [(stream, 1)]
        assert stream.read(4) == b"four"
        assert poll.poll(0) == []
        stream.close()


# -- what crashes or hangs a board ---------------------------------------------------------------


def test_calls_that_crash_a_board_are_refused(device, made, hub):
    _, stream = connect(device, hub, context_of(device, made))
    stream.setblocking(False)
    stream.close()
    refuses(device, "crashes a board", stream.setblocking, True)
    refuses(device, "crashes a board", stream.cipher)
    stream.close()


def test_cipher_before_the_handshake_is_refused(device, made, silent_hub):
    _, stream = connect(device, silent_hub, context_of(device, made), blocking=False)
    refuses(device, "crashes a board", stream.cipher)


def test_a_handshake_at_once_on_a_non_blocking_socket_is_refused(device, made, silent_hub):
    raw = device.modules["socket"].socket()
    raw.connect(silent_hub.address)
    raw.setblocking(False)
    context = context_of(device, made)
    refuses(device, "spins for ever", lambda: context.wrap_socket(raw, server_hostname="localhost"))


# -- closing -------------------------------------------------------------------------------------


def test_close_sends_no_close_notify(device, made, hub):
    _, stream = connect(device, hub, context_of(device, made))
    stream.write(b"last")
    stream.close()
    hub.finish()
    assert hub.received == b"last"
    assert isinstance(hub.end, ssl.SSLEOFError)


def test_a_failed_handshake_leaves_the_raw_socket_to_its_owner(device, made, hub):
    tls = device.modules["tls"]
    raw, stream = connect(device, hub, tls_without_authority(tls), blocking=False)
    poll = device.modules["select"].poll()
    poll.register(stream, 4)
    with pytest.raises(OSError, match="CA Chain"):
        while stream.write(b"x") is None:
            poll.poll(DEADLINE_S * 1000)
    stream.close()
    assert device.open_sockets() == [raw]
    raw.close()
    assert device.open_sockets() == []


def tls_without_authority(tls):
    return tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)


# -- settings ------------------------------------------------------------------------------------


def test_a_client_verifies_and_a_server_does_not_unless_told(device):
    tls = device.modules["tls"]
    assert tls.SSLContext(tls.PROTOCOL_TLS_CLIENT).verify_mode == tls.CERT_REQUIRED == 2
    assert tls.SSLContext(tls.PROTOCOL_TLS_SERVER).verify_mode == tls.CERT_NONE == 0


def test_settings_that_only_cpython_has_are_refused(device, made):
    context = context_of(device, made)
    for name in ("check_hostname", "minimum_version", "options"):
        with pytest.raises(AttributeError):
            setattr(context, name, False)
    with pytest.raises(ValueError, match="verify_mode"):
        context.verify_mode = 3


def test_certificates_are_der_data_and_nothing_else(device, made):
    context = context_of(device, made)
    identity = made[2]
    certificate, key = identity.cert_der.read_bytes(), identity.key_der.read_bytes()
    context.load_cert_chain(certificate, key)
    for wrong in (bytearray, memoryview):
        with pytest.raises(TypeError):
            context.load_cert_chain(wrong(certificate), key)
        with pytest.raises(TypeError):
            context.load_cert_chain(certificate, wrong(key))
        with pytest.raises(TypeError):
            context.load_verify_locations(wrong(certificate))
    for bad in (str(identity.cert_der), b"", identity.cert_pem.read_bytes()):
        with pytest.raises(ValueError, match=r"^invalid cert$"):
            context.load_cert_chain(bad, key)
        with pytest.raises(ValueError, match=r"^invalid cert$"):
            context.load_verify_locations(bad)
    for bad in (str(identity.key_der), b"", identity.key_pem.read_bytes(), certificate):
        with pytest.raises(ValueError, match=r"^invalid key$"):
            context.load_cert_chain(certificate, bad)


def test_no_key_is_left_on_the_disk(device, made, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    context_of(device, made, made[2])
    assert list(tmp_path.iterdir()) == []


def test_the_suites_are_the_boards(device, made, hub):
    context = context_of(device, made)
    suites = context.get_ciphers()
    assert len(set(suites)) == 18
    for wrong in ([], ["TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256"]):
        with pytest.raises(OSError) as error:
            context.set_ciphers(wrong)
        assert error.value.args == (-24192, "SSL - Invalid value in SSL config")
    with pytest.raises(TypeError):
        context.set_ciphers(suites[0])
    for name in [suite for suite in suites if "ECDHE-ECDSA" in suite]:
        context.set_ciphers([name])
    _, stream = connect(device, hub, context)
    assert stream.cipher() == (name, "TLSv1.2")
    stream.close()


# -- what only a part in the shim can show -------------------------------------------------------


def test_the_devices_own_clock_decides_about_dates(made, hub):
    with shim.install("RPI_PICO_W") as device:  # a Pico wakes in 2021
        with pytest.raises(ValueError, match="validity starts in the future"):
            connect(device, hub, context_of(device, made))


def test_a_certificate_has_expired_by_the_devices_clock(made, hub):
    with shim.install("RPI_PICO_W", unix_start_s=4_000_000_000) as device:
        with pytest.raises(ValueError, match="validity has expired"):
            connect(device, hub, context_of(device, made))


def test_a_key_of_another_certificate_is_noticed_by_the_hub_alone(device, made):
    identity, stranger = made[2], made[3]
    context = context_of(device, made)
    context.load_cert_chain(identity.cert_der.read_bytes(), stranger.key_der.read_bytes())
    with Hub(made[1], made[0]) as hub:
        with pytest.raises(OSError) as error:
            connect(device, hub, context)
    assert error.value.args[0] in (-30592, 104, 32)


def test_a_device_can_be_a_server(device, made):
    tls, select = device.modules["tls"], device.modules["select"]
    server = tls.SSLContext(tls.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made[1].cert_der.read_bytes(), made[1].key_der.read_bytes())
    listener = socket.create_server(("127.0.0.1", 0))
    client_raw = device.modules["socket"].socket()
    client_raw.connect(listener.getsockname())
    server_raw = device.modules["socket"].socket(_host=listener.accept()[0])
    listener.close()
    ends = []
    for raw, context, names in (
        (client_raw, context_of(device, made), {"server_hostname": "localhost"}),
        (server_raw, server, {"server_side": True}),
    ):
        raw.setblocking(False)
        ends.append(context.wrap_socket(raw, do_handshake_on_connect=False, **names))
    client, server = ends
    poll = select.poll()
    poll.register(server, select.POLLIN)
    while client.write(b"hello") is None:
        assert server.read(1) is None
    poll.poll(DEADLINE_S * 1000)
    assert server.read(5) == b"hello"
