"""What a hub's console made, taken in by `hublink device add`."""

import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from hublink_desk import pki
from hublink_desk.errors import DeskError
from hublink_desk.fleet.identity import read_key

from host_tests.fleets import GENERIC, add, snapshot
from host_tests.verbs import hublink, refused


@pytest.mark.parametrize(
    ("cert", "key"),
    [
        ("s1.cert.pem", "s1.key.pem"),
        ("s1.cert.der", "s1.key.der"),
        ("s1.cert.pem", "sec1.key.pem"),
    ],
)
def test_import(fleet, console, cert, key):
    add("s1", *GENERIC, "--cert", console / cert, "--key", console / key)
    folder = fleet / "devices" / "s1"
    assert (folder / "device.der").read_bytes() == (console / "s1.cert.der").read_bytes()
    assert (folder / "device.key.der").read_bytes() == (console / "s1.key.der").read_bytes()


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("other.key.der", "is not the key of"),
        ("locked.key.pem", "is encrypted"),
        ("s1.cert.pem", "no private key"),
    ],
)
def test_import_that_does_not_fit_is_refused(fleet, console, key, complaint):
    done = hublink("device", "add", "s1", *GENERIC, "--cert", console / "s1.cert.pem", "--key", console / key)
    assert done.code == 1
    assert complaint in done.err


def test_import_of_a_slow_key_warns(fleet, tmp_path):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    cert = pki.Authority.create(tmp_path / "console").certify("s1", key.public_key())
    (tmp_path / "s1.pem").write_bytes(pki.cert_pem(cert) + pki.key_pem(key))
    told = add("s1", *GENERIC, "--cert", tmp_path / "s1.pem", "--key", tmp_path / "s1.pem")
    assert "an RSA key takes a Pico W 4 to 7 s" in told["warning"]


@pytest.mark.parametrize(("first", "last"), [(-9, -2), (1, 9)])
def test_import_of_what_is_not_valid_now_changes_nothing(fleet, console, first, last):
    now = datetime.now(timezone.utc)
    dates = {"not_before": now + timedelta(days=first), "not_after": now + timedelta(days=last)}
    made = pki.Authority.load(console).issue("other", folder=console / "old", **dates)
    files = ("--cert", made.cert_pem, "--key", made.key_pem)
    add("s1", *GENERIC)
    before = snapshot(fleet)
    for verb in (("add", "s2", *GENERIC), ("renew", "s1")):
        message, hint = refused("device", *verb, *files)
        assert message.startswith(f"{made.cert_pem} is valid from {dates['not_before']:%Y-%m-%d %H:%M} to ")
        assert "take another from the console" in hint
        assert snapshot(fleet) == before


LOCKED = [
    (Encoding.PEM, PrivateFormat.PKCS8),
    (Encoding.PEM, PrivateFormat.TraditionalOpenSSL),
    (Encoding.DER, PrivateFormat.PKCS8),
]


@pytest.mark.parametrize(("encoding", "form"), LOCKED)
def test_hint_opens_a_key_with_a_password(tmp_path, encoding, form):
    key, path = pki.new_key(), tmp_path / "locked.key"
    path.write_bytes(key.private_bytes(encoding, form, BestAvailableEncryption(b"password")))
    with pytest.raises(DeskError) as refused:
        read_key(path)
    assert refused.value.message == f"{path} is encrypted; expected a key without a password."
    command = refused.value.hint.removeprefix("decrypt it: ").split()
    subprocess.run([*command, "-passin", "pass:password"], cwd=tmp_path, check=True)
    assert read_key(tmp_path / "plain.key.pem").private_numbers() == key.private_numbers()


def test_import_of_a_chain_is_refused(fleet, console):
    bundle = console / "bundle.pem"
    bundle.write_bytes((console / "s1.cert.pem").read_bytes() + (console / "ca.cert.pem").read_bytes())
    files = ("--cert", bundle, "--key", console / "s1.key.pem")
    message, hint = refused("device", "add", "s1", *GENERIC, *files)
    assert message == f"{bundle} has 2 certificates; expected the device's alone: boards show no chain."
    assert "trust the authority that has signed the device's" in hint


def test_renewal_of_a_consoles_certificate_needs_no_authority(tmp_path, monkeypatch, console, hub_ca):
    monkeypatch.setenv("HUBLINK_FLEET", str(tmp_path / "other"))
    files = ("--cert", console / "s1.cert.pem", "--key", console / "s1.key.pem", "--hub-ca", hub_ca)
    add("s1", *GENERIC, *files)
    message, hint = refused("device", "renew", "s1")
    assert message == "The certificate is by CN=console authority, not by an authority of this fleet."
    assert hint == "renew it where it was made, and take it in with --cert and --key"
