"""`hublink device renew`, and what follows when an authority is replaced."""

import hashlib
import shutil
import stat
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hublink_desk import device_code, pki
from hublink_desk.fleet.identity import host_names, read_key

from host_tests.fleets import CLEARBLADE, GENERIC, HOST, add, cert_of, key_of, snapshot
from host_tests.verbs import as_json, good, hublink, refused


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


# --- when an authority is replaced ---

BROKER = ("ca", "server", "broker")


def problems():
    return {row["name"]: row["problem"] for row in as_json("device", "list") if row["problem"]}


@pytest.mark.parametrize("name", ["hublink authority", "Second"])
def test_replaced_authority_is_followed_by_broker_and_device(fleet, name):
    hosts = ("--host", HOST, "--host", "192.0.2.1")
    as_json(*BROKER, *hosts)
    add("s1", *GENERIC)
    add("s2", *GENERIC, "--self-signed")
    broker = snapshot(fleet / "hubs/broker")
    assert "device renew" in as_json("ca", "init", "--replace", "--name", name)["next"]
    assert problems() == {
        "broker": "its authority was replaced: hublink ca server broker --renew",
        "s1": "its authority was replaced: hublink device renew s1",
        "s2": "its authority was replaced: hublink device renew s2",
    }
    assert as_json(*BROKER, "--renew")["certificate"] == str(fleet / "hubs/broker/broker.cert.pem")
    good("device", "renew", "s1")
    good("device", "renew", "s2", "--new-key")
    assert problems() == {}
    authority = pki.Authority.load(fleet / "ca").cert
    for device in ("s1", "s2"):
        assert (fleet / "devices" / device / "ca.der").read_bytes() == pki.cert_der(authority)
        assert "warning" not in good("config", "check", fleet / "devices" / device / "config.json")
    cert_of(fleet / "devices/s1").verify_directly_issued_by(authority)
    after = snapshot(fleet / "hubs/broker")
    changed = {path.name for path in after if after[path] != broker[path]}
    assert changed == {"broker.cert.pem", "broker.cert.der"}
    cert = x509.load_der_x509_certificate((fleet / "hubs/broker/broker.cert.der").read_bytes())
    cert.verify_directly_issued_by(authority)
    assert host_names(cert) == [HOST, "192.0.2.1"]


def test_brokers_certificate_is_renewed_over_its_key(fleet):
    as_json(*BROKER, "--host", HOST, "--days", 10)
    assert refused(*BROKER, "--host", HOST) == (
        f"There is {fleet}/hubs/broker already.",
        "--renew makes its certificate anew",
    )
    assert hublink("ca", "server", "other").code == 2
    as_json(*BROKER, "--renew", "--host", "other.example.test")
    assert hublink("device", "list", "--within", 30).code == 0
    cert = x509.load_der_x509_certificate((fleet / "hubs/broker/broker.cert.der").read_bytes())
    assert host_names(cert) == ["other.example.test"]
    assert cert.public_key() == read_key(fleet / "hubs/broker/broker.key.pem").public_key()
    assert stat.S_IMODE((fleet / "hubs/broker/broker.key.pem").stat().st_mode) == 0o600
    assert "nobody.cert.pem cannot be read" in refused("ca", "server", "nobody", "--renew")[0]


def test_device_trusts_what_it_is_told_to(fleet, hub_ca, tmp_path):
    add("s1", *CLEARBLADE, "--hub-ca", hub_ca)
    folder = fleet / "devices" / "s1"
    before, key = snapshot(folder), (folder / "device.key.der").read_bytes()
    new = [pki.Authority.create(tmp_path / str(n), f"authority {n}") for n in range(2)]
    told = as_json("device", "renew", "s1", "--hub-ca", new[0].cert_pem, "--hub-ca", new[1].cert_der)
    assert told == {"folder": str(folder)}
    settings, found = device_code.read(folder / "config.json")
    assert settings["tls"]["ca"] == ["ca.der", "ca2.der"]
    assert found["ca"] == [each.cert_der.read_bytes() for each in new]
    assert found["key"] == key
    as_json("device", "renew", "s1", "--hub-ca", hub_ca, "--new-key")
    after = snapshot(folder)
    assert set(after) == set(before)
    assert after.keys() - {path for path in after if after[path] == before[path]} == {
        path for path in after if "key" in path.name or "public" in path.name
    }
    assert refused("device", "renew", "s1", *["--hub-ca", hub_ca] * 5)[0].endswith("file names.")
    assert snapshot(folder) == after


def test_both_authorities_are_trusted_until_the_next_renewal(fleet):
    add("s1", *GENERIC)
    old = (fleet / "devices/s1/ca.der").read_bytes()
    aside = as_json("ca", "init", "--replace")["moved aside"]
    good("device", "renew", "s1")
    both = ("--hub-ca", f"{aside}/ca.cert.pem", "--hub-ca", fleet / "ca/ca.cert.pem")
    cert = (fleet / "devices/s1/device.der").read_bytes()
    good("device", "renew", "s1", *both)
    trusted = [old, (fleet / "ca/ca.cert.der").read_bytes()]
    assert device_code.read(fleet / "devices/s1/config.json")[1]["ca"] == trusted
    assert (fleet / "devices/s1/device.der").read_bytes() == cert
    assert "s1" in problems()
    good("device", "renew", "s1")
    assert device_code.read(fleet / "devices/s1/config.json")[1]["ca"] == trusted[1:]
    assert not (fleet / "devices/s1/ca2.der").exists()


def test_no_certificate_outlives_its_authority(fleet):
    end = f"{pki.Authority.load(fleet / 'ca').cert.not_valid_after_utc:%Y-%m-%d}"
    note = "Not longer, because its authority ends then."
    told = [
        add("s1", *GENERIC, "--days", 20000),
        as_json("device", "renew", "s1", "--days", 20000),
        as_json(*BROKER, "--host", HOST, "--days", 20000),
        as_json(*BROKER, "--renew", "--days", 20000),
    ]
    assert [(each["valid until"], each["note"]) for each in told] == [(end, note)] * 4
    assert "note" not in as_json("device", "renew", "s1")
    assert "note" not in add("s2", *GENERIC, "--self-signed", "--days", 20000)


def test_authority_that_has_ended_signs_nothing(fleet):
    shutil.rmtree(fleet / "ca")
    now = datetime.now(timezone.utc)
    dates = {"not_before": now - timedelta(days=9), "not_after": now - timedelta(hours=1)}
    pki.Authority.create(fleet / "ca", "hublink authority", **dates)
    message, hint = refused("device", "add", "s1", *GENERIC)
    assert message.startswith(f"The authority in {fleet}/ca has ended on")
    assert hint == "make another: hublink ca init --replace"
