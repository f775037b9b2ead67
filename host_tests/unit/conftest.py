"""What tests of fetching share, on loopback, and tests of fleets: a fleet, and what hubs made for one."""

import functools
import http.server
import socket
import threading
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hublink_desk import pki

from host_tests.verbs import good


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def folder_server(tmp_path):
    """`.folder`, an empty folder, and `.url`, where it is served."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield SimpleNamespace(folder=folder, url=f"http://127.0.0.1:{server.server_address[1]}")
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def unused_port():
    """A port that is taken, so that nobody else gets it, and at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


# --- fleets ---


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    """Folder of a fleet that has an authority; it is the default of all verbs."""
    monkeypatch.setenv("HUBLINK_FLEET", str(tmp_path / "fleet"))
    good("ca", "init")
    return tmp_path / "fleet"


@pytest.fixture
def hub_ca(tmp_path):
    """The certificate of a hub's authority, PEM."""
    return pki.Authority.create(tmp_path / "hub-ca", "hub authority").cert_pem


@pytest.fixture
def console(tmp_path):
    """Folder of what a hub's console made for the device s1, in every form."""
    made = pki.Authority.create(tmp_path / "console", "console authority").issue("s1")
    folder = made.cert_pem.parent
    key = serialization.load_pem_private_key(made.key_pem.read_bytes(), None)
    sec1 = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    (folder / "sec1.key.pem").write_bytes(sec1)
    other = ec.generate_private_key(ec.SECP256R1())
    (folder / "other.key.der").write_bytes(pki.key_der(other))
    encryption = serialization.BestAvailableEncryption(b"password")
    (folder / "locked.key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return folder
