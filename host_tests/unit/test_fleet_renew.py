"""`hublink device renew`, and what follows when an authority is replaced."""

import hashlib
import stat
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from hublink_desk import pki

from host_tests.fleets import CLEARBLADE, GENERIC, add, cert_of, key_of, snapshot
from host_tests.verbs import as_json, good, hublink


def test_renewal_keeps_the_key(fleet):
    add("s1", *GENERIC, "--days", 1)
    folder = fleet / "devices" / "s1"
    before, old = snapshot(folder), cert_of(folder)
    told = as_json("device", "renew", "s1", "--days", 100)
    after, new = snapshot(folder), cert_of(folder)
    changed = {str(path) for path in after if after[path] != before[path]}
    assert changed == {"device.der", "console/device.cert.pem"}
    assert new.not_valid_after_utc - old.not_valid_after_utc > timedelta(days=98)
    assert new.subject == old.subject
    new.verify_directly_issued_by(pki.Authority.load(fleet / "ca").cert)
    assert told["sha256"] == hashlib.sha256(after[(folder / "device.der").relative_to(folder)]).hexdigest()
    assert stat.S_IMODE((folder / "device.key.der").stat().st_mode) == 0o600


@pytest.mark.parametrize("options", [GENERIC, (*GENERIC, "--self-signed"), CLEARBLADE])
def test_new_key_is_made_when_told_to(fleet, hub_ca, options):
    add("s1", *options, "--hub-ca", hub_ca)
    folder = fleet / "devices" / "s1"
    before = key_of(folder).private_numbers()
    good("device", "renew", "s1", "--new-key")
    key = key_of(folder)
    assert key.private_numbers() != before
    if (folder / "device.der").exists():
        assert cert_of(folder).public_key() == key.public_key()
    public = serialization.load_pem_public_key((folder / "console/device.public.pem").read_bytes())
    assert public == key.public_key()


def test_renewal_of_what_a_console_made_takes_what_it_makes(fleet, console):
    add("s1", *GENERIC, "--cert", console / "s1.cert.pem", "--key", console / "s1.key.pem")
    folder = fleet / "devices" / "s1"
    before = snapshot(folder)
    done = hublink("device", "renew", "s1")
    assert (done.code, snapshot(folder)) == (1, before)
    assert "is by CN=console authority, not by" in done.err
    key = serialization.load_der_private_key((console / "s1.key.der").read_bytes(), None)
    cert = pki.Authority.load(console).certify("s1", key.public_key())
    (console / "new.pem").write_bytes(pki.cert_pem(cert))
    good("device", "renew", "s1", "--cert", console / "new.pem")
    assert cert_of(folder) == cert
    assert hublink(
        "device", "renew", "s1", "--cert", console / "new.pem", "--key", console / "other.key.der"
    ).code


NOT_RENEWED = {
    "unknown": (("s2",), "Device 's2' is not in"),
    "key alone": (("s1",), "has a key alone, which does not end"),
    "no certificate": (
        ("s1", "--cert", __file__),
        "--cert and --key given; a hub with these settings takes --key.",
    ),
}


@pytest.mark.parametrize("case", NOT_RENEWED)
def test_renewal_that_cannot_be_changes_nothing(fleet, hub_ca, case):
    arguments, complaint = NOT_RENEWED[case]
    add("s1", *CLEARBLADE, "--hub-ca", hub_ca)
    before = snapshot(fleet)
    done = hublink("device", "renew", *arguments)
    assert (done.code, snapshot(fleet)) == (1, before)
    assert complaint in done.err


def test_renewal_makes_a_key_or_takes_one_in_but_not_both(fleet):
    add("s1", *GENERIC)
    before = snapshot(fleet)
    done = hublink("device", "renew", "s1", "--new-key", "--key", __file__)
    assert (done.code, snapshot(fleet)) == (2, before)
    assert "--new-key makes a key" in done.err
