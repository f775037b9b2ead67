"""The shim's TLS says word for word what MicroPython 1.25 says: one client script on every interpreter.

The expected lines were taken from the MicroPython processes that these tests run.
"""

import contextlib
import datetime
import socket
import ssl
import struct
import subprocess
import threading

import pytest
from hublink_desk import paths, pki

from host_tests.both import interpreters

SCRIPT = paths.HOST_TESTS / "both" / "scripts" / "tls_client.py"
DEADLINE_S = 30

OPEN = "raw socket open: True"
CLOSED = "raw socket open: False"
NVAL = "poll: 32"


class Peer:
    """A server on loopback for one connection, whose part is played by `behave(socket)` on a thread."""

    def __init__(self, behave):
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        # Wakes an accept that nobody called on.
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join(DEADLINE_S)
        self._listener.close()
        assert not self._thread.is_alive()

    def _serve(self):
        connection, _ = self._listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.settimeout(DEADLINE_S)
            self._behave(connection)


def echo(identity, authority=None):
    """Echoes over TLS 1.2, and ends the connection when told how; asks for a certificate of `authority`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(identity.cert_pem, identity.key_pem)
    if authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.cert_pem)

    def behave(connection):
        with context.wrap_socket(connection, server_side=True) as stream:
            while data := stream.recv(65536):
                if data in ENDS:
                    return ENDS[data](stream)
                stream.sendall(data)

    return behave


def close_with_notice(stream):
    stream.setblocking(False)
    with contextlib.suppress(ssl.SSLWantReadError):  # the device never answers the notice
        stream.unwrap()


def reset(stream):
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


ENDS = {
    b"drop": lambda stream: None,
    b"close": close_with_notice,
    b"reset": reset,
    b"quiet": lambda stream: stream.recv(1),
}


def silent(connection):
    while connection.recv(65536):
        pass


def hang_up(connection):
    connection.recv(65536)


def speak_http(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    silent(connection)


def when_rung(bell, behave):
    """Does nothing until somebody has connected to the listener `bell`."""

    def wait(connection):
        bell.settimeout(DEADLINE_S)
        bell.accept()[0].close()
        behave(connection)

    return wait


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Identities by name; the authorities are `ca` and `other_ca`."""
    folder = tmp_path_factory.mktemp("pki")
    ca, other_ca = (pki.Authority.create(folder / name, name) for name in ("ca", "other"))
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    return {
        "ca": ca,
        "other_ca": other_ca,
        "hub": ca.issue("hub", "hub"),
        "expired": ca.issue("expired", "hub", not_before=now - 9 * day, not_after=now - day),
        "future": ca.issue("future", "hub", not_before=now + day, not_after=now + 9 * day),
        "other_hub": other_ca.issue("hub", "hub"),
        "device": ca.issue("device"),
        "stranger": other_ca.issue("stranger"),
    }


@pytest.fixture(params=interpreters.INTERPRETERS)
def interpreter(request):
    interpreters.needs(request.param)
    return request.param


def transcript(interpreter, scenario, behave, *, host="localhost", ca=None, identity=None, more=()):
    """The lines that the client printed; `more` are arguments of its scenario."""
    files = [ca.cert_der if ca else "-", *((identity.cert_der, identity.key_der) if identity else "--")]
    with Peer(behave) as peer:
        command, env = interpreters.command(interpreter, SCRIPT, scenario, peer.port, host, *files, *more)
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.splitlines()


def latched(first, number):
    """What a handshake that failed prints: the failure, and ever after its number alone."""
    again = f"OSError {number}"
    return [f"write: {first}", f"write again: {again}", f"read: {again}", NVAL, OPEN]


NOT_TRUSTED = "The certificate is not correctly signed by the trusted CA"
WRONG_NAME = "The certificate Common Name (CN) does not match with the expected CN"
EXPIRED = "The certificate validity has expired"
FUTURE = "The certificate validity starts in the future"


@pytest.mark.parametrize(
    ("hub", "host", "reason"),
    [
        pytest.param("other_hub", "localhost", NOT_TRUSTED, id="wrong_authority"),
        pytest.param("hub", "elsewhere", WRONG_NAME, id="wrong_host"),
        pytest.param("hub", "127.0.0.2", WRONG_NAME, id="wrong_address"),
        pytest.param("expired", "localhost", EXPIRED, id="expired"),
        pytest.param("future", "localhost", FUTURE, id="not_yet_valid"),
    ],
)
def test_hub_is_refused(interpreter, made, hub, host, reason):
    text = f"ValueError \n{reason}\n"
    lines = transcript(interpreter, "refused", echo(made[hub]), host=host, ca=made["ca"])
    assert "\n".join(lines) == "\n".join(latched(text, -9984))

    lines = transcript(interpreter, "refused_at_once", echo(made[hub]), host=host, ca=made["ca"])
    assert "\n".join(lines) == f"wrap: {text}\n{OPEN}"


def test_no_authority(interpreter, made):
    lines = transcript(interpreter, "refused", echo(made["hub"]), identity=made["device"])
    assert lines == latched("OSError -30336 SSL - No CA Chain is set, but required to operate", -30336)


def test_no_server_name(interpreter, made):
    lines = transcript(interpreter, "without_name", silent, ca=made["ca"])
    assert lines == ["wrap: ValueError CERT_REQUIRED requires server_hostname"]


# Which of the three numbers it is depends on who is faster (facts 1.6).
@pytest.mark.parametrize("device", [None, "stranger"])
def test_device_is_refused(interpreter, made, device):
    behave = echo(made["hub"], made["ca"])
    lines = transcript(interpreter, "refused", behave, ca=made["ca"], identity=made.get(device))
    alert = latched("OSError -30592 SSL - A fatal alert message was received from our peer", -30592)
    assert lines in (alert, latched("OSError 32", -32), latched("OSError 104", -104))


def test_peer_speaks_http(interpreter, made):
    lines = transcript(interpreter, "refused", speak_http, ca=made["ca"])
    assert lines == latched("OSError -29184 SSL - An invalid SSL record was received", -29184)


def test_peer_hangs_up_in_the_handshake(interpreter, made):
    lines = transcript(interpreter, "refused_at_once", hang_up, ca=made["ca"])
    assert lines == ["wrap: OSError -29312 SSL - The connection indicated an EOF", OPEN]


def test_silent_peer_and_a_timeout_on_the_raw_socket(interpreter, made):
    assert transcript(interpreter, "silent", silent, ca=made["ca"]) == ["wrap: OSError 110"]


def test_poll_in_the_handshake_waits_for_the_direction_that_tls_needs(interpreter, made):
    assert transcript(interpreter, "direction", silent, ca=made["ca"]) == [
        "write: None",
        "poll OUT: 0",
        "read: None",
        "poll OUT: 4",
        "poll IN: 0",
    ]


def test_poll_in_the_handshake_answers_in_the_direction_that_was_asked_for(interpreter, made):
    with socket.create_server(("127.0.0.1", 0)) as bell:
        behave = when_rung(bell, echo(made["hub"]))
        more = (bell.getsockname()[1],)
        lines = transcript(interpreter, "direction_met", behave, ca=made["ca"], more=more)
    assert lines == ["write: None", "poll OUT: 5"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "hub.example.test"])
def test_talk(interpreter, made, host):
    behave = echo(made["hub"], made["ca"])
    assert transcript(interpreter, "talk", behave, host=host, ca=made["ca"], identity=made["device"]) == [
        "poll before: 4",
        "write: 5",
        "cipher: ('TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256', 'TLSv1.2')",
        "poll: 1",
        "read: b'he'",
        "poll: 1 raw: 0",
        "readinto: 3 b'llo'",
        "nothing: None None None None",
        "poll: 4",
        "write n: 3",
        "read: b'abc'",
        "write offset n: 3",
        r"readline: b'\n' b'b\n'",
        CLOSED,
        "read closed: OSError -28928 SSL - Bad input parameters to function",
        "read closed: OSError -28928",
        NVAL,
    ]


def test_talk_blocking(interpreter, made):
    assert transcript(interpreter, "talk_blocking", echo(made["hub"]), ca=made["ca"]) == [
        "write: 10000",
        "read: 10000",
        "write: 7",
        r"readline: b'one\n'",
        "read: b'two'",
        "end: b'' b''",
    ]


@pytest.mark.parametrize("scenario", ["unverified", "optional"])
def test_without_verification_an_expired_stranger_is_believed(interpreter, made, scenario):
    lines = transcript(interpreter, scenario, echo(made["expired"]), ca=made["other_ca"])
    assert lines[0] == "write: 5"


@pytest.mark.parametrize("scenario", ["ends_dropped", "ends_with_notice"])
def test_the_end_of_a_connection_is_empty_bytes(interpreter, made, scenario):
    lines = transcript(interpreter, scenario, echo(made["hub"]), ca=made["ca"])
    assert lines[0] == "read: b''"
    assert lines[2] == OPEN


def test_a_reset_is_latched_with_a_negative_number(interpreter, made):
    lines = transcript(interpreter, "ends_reset", echo(made["hub"]), ca=made["ca"])
    assert lines == ["read: OSError -104", "read: OSError -104", OPEN]


def test_a_read_timeout_ends_the_connection(interpreter, made):
    assert transcript(interpreter, "timeout", echo(made["hub"]), ca=made["ca"]) == [
        "read: OSError -110",
        "read: OSError -110",
        "write: OSError -110",
        NVAL,
        OPEN,
    ]
