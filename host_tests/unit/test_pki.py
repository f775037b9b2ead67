"""Certificates are judged by those who will use them: OpenSSL (CPython) and mbedTLS (MicroPython)."""

import hashlib
import os
import socket
import ssl
import stat
import subprocess
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hublink_desk import paths, pki
from hublink_desk.errors import DeskError

LIMIT_S = 10
HUB_NAME = "hub.example.test"
NOW = datetime.now(timezone.utc)
PAST = {"not_before": NOW - timedelta(days=3), "not_after": NOW - timedelta(days=2)}
FUTURE = {"not_before": NOW + timedelta(days=2), "not_after": NOW + timedelta(days=3)}

# What a board does: DER files, certificate required, name checked. Prints one line.
DEVICE_PY = """
import socket, sys, tls
def read(path):
    with open(path, "rb") as file:
        return file.read()
port, name, ca, cert, key = sys.argv[1:]
context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
context.verify_mode = tls.CERT_REQUIRED
context.load_verify_locations(read(ca))
if cert:
    context.load_cert_chain(read(cert), read(key))
raw = socket.socket()
raw.connect(socket.getaddrinfo("127.0.0.1", int(port))[0][-1])
raw.settimeout(5)
try:
    secure = context.wrap_socket(raw, server_hostname=name)
    secure.write(b"ping")
    print("said", secure.read(4))
except (OSError, ValueError) as error:
    print("refused", type(error).__name__, str(error).replace("\\n", " "))
finally:
    raw.close()
"""


class Pki:
    """One set of identities for the module: good ones and one of each bad sort."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = pki.Authority.create(folder / "ca")
        self.other_ca = pki.Authority.create(folder / "other", name="another authority")
        self.devices = self._identities("device")
        self.hubs = self._identities("hub")
        self.hubs["wrong host"] = self.ca.issue("hub-elsewhere", "hub", hosts=["elsewhere.example.test"])
        self.lone = pki.self_signed(folder / "lone", "lone-device")

    def _identities(self, kind):
        return {
            "good": self.ca.issue(f"{kind}-good", kind),
            "expired": self.ca.issue(f"{kind}-expired", kind, **PAST),
            "not yet valid": self.ca.issue(f"{kind}-early", kind, **FUTURE),
            "wrong authority": self.other_ca.issue(f"{kind}-foreign", kind),
            "wrong purpose": self.ca.issue(f"{kind}-as-other", {"hub": "device", "device": "hub"}[kind]),
        }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@contextmanager
def tls_hub(identity, trusted_pem):
    """A TLS 1.2 server that takes one connection, requires a certificate, and answers pong to ping."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(identity.cert_pem, identity.key_pem)
    context.load_verify_locations(trusted_pem)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(LIMIT_S)
    outcome = {"port": listener.getsockname()[1]}

    def serve():
        try:
            raw, _ = listener.accept()
            raw.settimeout(LIMIT_S)
            with context.wrap_socket(raw, server_side=True) as secure:
                outcome["peer"] = dict(part[0] for part in secure.getpeercert()["subject"])["commonName"]
                if secure.recv(4) == b"ping":
                    secure.sendall(b"pong")
        except OSError as error:
            outcome["error"] = str(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield outcome
    finally:
        thread.join()
        listener.close()


def cpython_device(port, ca, identity, host=HUB_NAME):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca.cert_pem)
    if identity:
        context.load_cert_chain(identity.cert_pem, identity.key_pem)
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as raw:
        try:
            with context.wrap_socket(raw, server_hostname=host) as secure:
                secure.sendall(b"ping")
                return f"said {secure.recv(4)}"
        except OSError as error:
            return f"refused {type(error).__name__} {error}"


def micropython_device(interpreter):
    def connect(port, ca, identity, host=HUB_NAME):
        script = ca.folder.parent / "device.py"
        script.write_text(DEVICE_PY)
        files = [identity.cert_der, identity.key_der] if identity else ["", ""]
        command = [paths.program(interpreter), script, str(port), host, ca.cert_der, *files]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return connect


DEVICES = {
    "cpython": cpython_device,
    "micropython": micropython_device("micropython"),
    "micropython32": micropython_device("micropython32"),
}
every_device = pytest.mark.parametrize("connect", DEVICES.values(), ids=DEVICES)


@every_device
@pytest.mark.parametrize("host", [HUB_NAME, "localhost", "127.0.0.1"])
def test_both_sides_prove_themselves(made, connect, host):
    with tls_hub(made.hubs["good"], made.ca.cert_pem) as hub:
        assert connect(hub["port"], made.ca, made.devices["good"], host) == "said b'pong'"
    assert hub["peer"] == "device-good"


HUB_REFUSALS = {  # what OpenSSL says, what mbedTLS says
    "expired": ("certificate has expired", "validity has expired"),
    "not yet valid": ("not yet valid", "validity starts in the future"),
    "wrong host": ("Hostname mismatch", "does not match"),
    "wrong authority": ("unable to get local issuer", "not correctly signed"),
    "wrong purpose": ("unsuitable certificate purpose", "extendedKeyUsage"),
}


@every_device
@pytest.mark.parametrize("flaw", HUB_REFUSALS)
def test_device_refuses_hub(made, connect, flaw):
    with tls_hub(made.hubs[flaw], made.ca.cert_pem) as hub:
        said = connect(hub["port"], made.ca, made.devices["good"])
    assert said.startswith("refused")
    assert HUB_REFUSALS[flaw][connect is not cpython_device] in said
    assert "peer" not in hub


DEVICE_REFUSALS = {
    "expired": "certificate has expired",
    "not yet valid": "certificate is not yet valid",
    "wrong authority": "unable to get local issuer certificate",
    "wrong purpose": "unsuitable certificate purpose",
    "no certificate": "peer did not return a certificate",
}


@every_device
@pytest.mark.parametrize("flaw", DEVICE_REFUSALS)
def test_hub_refuses_device(made, connect, flaw):
    with tls_hub(made.hubs["good"], made.ca.cert_pem) as hub:
        said = connect(hub["port"], made.ca, made.devices.get(flaw))
    assert said.startswith("refused OSError" if connect is not cpython_device else "refused"), said
    assert DEVICE_REFUSALS[flaw] in hub["error"]
    assert "peer" not in hub


@every_device
def test_self_signed_device_is_known_by_its_own_certificate(made, connect):
    with tls_hub(made.hubs["good"], made.lone.cert_pem) as hub:
        assert connect(hub["port"], made.ca, made.lone) == "said b'pong'"
    assert hub["peer"] == "lone-device"


def test_fingerprint_is_the_hash_of_the_certificate(made):
    der = ssl.PEM_cert_to_DER_cert(made.lone.cert_pem.read_text())
    assert der == made.lone.cert_der.read_bytes()
    assert made.lone.fingerprint == hashlib.sha256(der).hexdigest()


def test_key_is_the_same_in_both_forms(made):
    """The desk's MicroPython would take PEM from a .der file too; boards do not."""
    for identity in (made.lone, made.hubs["good"]):
        from_pem = serialization.load_pem_private_key(identity.key_pem.read_bytes(), None)
        from_der = serialization.load_der_private_key(identity.key_der.read_bytes(), None)
        assert from_pem.private_numbers() == from_der.private_numbers()
        assert from_pem.curve.name == "secp256r1"


def test_files_and_their_modes(made):
    files = [path for path in made.folder.rglob("*") if path.suffix in (".pem", ".der")]
    modes = {path.name: stat.filemode(path.stat().st_mode) for path in files}
    assert {name for name in modes if ".key." in name} == {n for n, m in modes.items() if m == "-rw-------"}
    assert {name for name in modes if ".cert." in name} == {n for n, m in modes.items() if m == "-rw-r--r--"}


def test_no_temporary_file_stays(made):
    assert not list(made.folder.rglob(".*"))


def test_key_is_never_readable_by_others(tmp_path, monkeypatch):
    seen = []
    real_link = os.link

    def link(source, target):
        seen.append((os.path.basename(target), stat.S_IMODE(os.stat(source).st_mode)))
        real_link(source, target)

    monkeypatch.setattr(os, "link", link)
    old_mask = os.umask(0)
    try:
        pki.self_signed(tmp_path, "dev")
    finally:
        os.umask(old_mask)
    assert ("dev.key.der", 0o600) in seen and ("dev.key.pem", 0o600) in seen


def test_loaded_authority_is_the_one_created(tmp_path):
    created = pki.Authority.create(tmp_path)
    device = pki.Authority.load(tmp_path).issue("dev", folder=tmp_path / "dev")
    hub = created.issue("hub", "hub")
    with tls_hub(hub, created.cert_pem) as served:
        assert cpython_device(served["port"], created, device) == "said b'pong'"
    assert device.cert_pem.parent == tmp_path / "dev"


def test_default_validity(made):
    def days(path):
        cert = x509.load_der_x509_certificate(path.read_bytes())
        dates = cert.not_valid_before_utc, cert.not_valid_after_utc
        return [round((date - NOW) / timedelta(days=1)) for date in dates]

    assert days(made.ca.cert_der) == [-1, 3650]
    assert days(made.devices["good"].cert_der) == [-1, 365]


# --- refusals of the desk's own arguments ---


def test_nothing_is_overwritten(tmp_path):
    ca = pki.Authority.create(tmp_path)
    ca.issue("dev")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for again in (lambda: pki.Authority.create(tmp_path), lambda: ca.issue("dev"), lambda: ca.issue("ca")):
        with pytest.raises(DeskError, match="exists already"):
            again()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_set_of_files_is_written_whole_or_not_at_all(tmp_path):
    (tmp_path / "dev.cert.der").write_text("in the way")
    with pytest.raises(DeskError, match=r"dev\.cert\.der exists already"):
        pki.self_signed(tmp_path, "dev")
    assert [path.name for path in tmp_path.iterdir()] == ["dev.cert.der"]


@pytest.mark.parametrize("name", ["", ".", "../up", "a/b", ".hidden", "a b", "x" * 65, "a\nb", "é", "a\n"])
def test_identity_name_is_checked(made, name):
    with pytest.raises(DeskError, match="Identity name"):
        made.ca.issue(name)
    with pytest.raises(DeskError, match="Identity name"):
        pki.self_signed(made.folder, name)


@pytest.mark.parametrize("name", ["", "x" * 65, "new\nline"])
def test_authority_name_is_checked(tmp_path, name):
    with pytest.raises(DeskError, match="Authority name"):
        pki.Authority.create(tmp_path, name)


@pytest.mark.parametrize("hosts", [[], "localhost", ["UP.test"], ["a b"], ["-a.test"], ["a..b"], ["x" * 64]])
def test_hosts_are_checked(made, hosts):
    with pytest.raises(DeskError, match="Host"):
        made.ca.issue("hub", "hub", hosts=hosts)


def test_kind_is_checked(made):
    with pytest.raises(DeskError, match="one of device, hub is expected"):
        made.ca.issue("dev", "gateway")


def test_dates_are_checked(made):
    with pytest.raises(DeskError, match="ends before it starts"):
        made.ca.issue("dev", not_before=NOW, not_after=NOW - timedelta(days=1))
    with pytest.raises(DeskError, match="time zone is expected"):
        made.ca.issue("dev", not_after=datetime(2040, 1, 1))


def test_load_names_what_is_wrong(tmp_path, made):
    with pytest.raises(DeskError, match=r"Cannot read .*ca\.key\.pem") as refused:
        pki.Authority.load(tmp_path)
    assert "`hublink ca init --replace`" in refused.value.hint
    encryption = serialization.BestAvailableEncryption(b"password")
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (tmp_path / "ca.key.pem").write_bytes(pki.new_key().private_bytes(pem, pkcs8, encryption))
    with pytest.raises(DeskError, match=r"ca\.key\.pem is encrypted"):
        pki.Authority.load(tmp_path)
    (tmp_path / "ca.key.pem").write_text("no key")
    with pytest.raises(DeskError, match=r"ca\.key\.pem does not hold"):
        pki.Authority.load(tmp_path)
    (tmp_path / "ca.key.pem").write_bytes((made.folder / "other" / "ca.key.pem").read_bytes())
    (tmp_path / "ca.cert.pem").write_bytes(made.ca.cert_pem.read_bytes())
    with pytest.raises(DeskError, match="is not the key of"):
        pki.Authority.load(tmp_path)


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DeskError, match="Cannot write into"):
        pki.self_signed(tmp_path / "file" / "below", "dev")
