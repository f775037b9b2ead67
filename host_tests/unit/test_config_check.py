"""`hublink config check` without a hub: what is said of a configuration and of the files it names."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hublink_desk import pki
from hublink_desk.check import answers
from hublink_desk.check.files import look_at
from hublink_desk.fleet.consoles import CONSOLES
from hublink_desk.workshop import Workshop

from host_tests.verbs import good, hublink

NOW = datetime.now(timezone.utc)
HUB = {"type": "generic", "host": "hub.example.test"}
TOKENS = {"type": "clearblade", "host": "hub.example.test", "project": "p", "registry": "reg"}
TOKENS["device_id"] = "dev-{device}"
KEY_ALONE = {"ca": ["ca.der"], "key": "device.key.der"}


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path / "desk")


def found(config, *options):
    """(exit code, list of what was found) of a check."""
    done = hublink("config", "check", config, "--json", *options)
    return done.code, [json.loads(line) for line in done.out.splitlines()]


def put(config, key=None, cert=None, ca=None):
    """Replace files of a device."""
    files = {"device.key.der": key and pki.key_der(key), "device.der": cert and pki.cert_der(cert)}
    files["ca.der"] = ca and pki.cert_der(ca)
    for name, data in files.items():
        if data:
            (config.parent / name).write_bytes(data)


def test_good_configuration(workshop):
    code, rows = found(workshop.device("s1", HUB))
    assert code == 0
    assert {row["level"] for row in rows} == {"ok"}
    assert [row["what"] for row in rows] == ["config", "tls.ca ca.der", "tls.key", "tls.cert", "tls.cert"]
    assert rows[-1]["text"] == "signed by desk authority, which is in tls.ca"


def test_complaints_are_a_line_each(workshop):
    config = workshop.device("s1", {**HUB, "port": 0, "retian": True})
    code, rows = found(config)
    assert code == 1
    assert [(row["level"], row["what"], row["code"]) for row in rows] == [
        ("error", "hub.retian", "refused"),
        ("error", "hub.port", "refused"),
    ]
    assert rows[1]["text"] == "0, expected a whole number from 1 to 65535"


def test_board_without_a_network(workshop):
    config = workshop.device("s1", HUB)
    assert found(config, "--board", "unix")[0] == 0
    code, rows = found(config, "--board", "RPI_PICO_W")
    assert code == 1
    assert [row["what"] for row in rows if row["level"] == "error"] == ["wifi.networks"]


def test_no_file_is_one_sentence():
    done = hublink("config", "check", "/no/such")
    expected = "hublink: /no/such cannot be read (No such file or directory); expected a configuration.\n"
    assert (done.code, done.err) == (1, expected)


def _expired(workshop, config):
    put(config, cert=_certified(workshop, config, -2))


def _ends_soon(workshop, config):
    put(config, cert=_certified(workshop, config, 10))


def _certified(workshop, config, days):
    key = pki.new_key()
    put(config, key)
    dates = {"not_before": NOW - timedelta(days=5), "not_after": NOW + timedelta(days=days)}
    return workshop.ca.certify("s1", key.public_key(), **dates)


def _not_yet_valid(workshop, config):
    key = pki.new_key()
    put(config, key, workshop.ca.certify("s1", key.public_key(), not_before=NOW + timedelta(days=1)))


def _authority_expired(workshop, config):
    dates = {"not_before": NOW - timedelta(days=5), "not_after": NOW - timedelta(days=2)}
    put(config, ca=pki.Authority.create(workshop.folder / "old", "old authority", **dates).cert)


def _other_key(_workshop, config):
    put(config, pki.new_key())


def _foreign(workshop, config):
    key = pki.new_key()
    put(config, key, workshop.foreign.certify("s1", key.public_key()))


def _same_name(workshop, config):
    put(config, ca=pki.Authority.create(workshop.folder / "same", "desk authority").cert)


def _self_signed(_workshop, config):
    key = pki.new_key()
    put(config, key, pki.self_certify("whoever", key))


def _other_name(workshop, config):
    key = pki.new_key()
    put(config, key, workshop.ca.certify("s2", key.public_key()))


def _rsa(workshop, config):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    put(config, key, workshop.ca.certify("s1", key.public_key()))


def _other_curve(workshop, config):
    key = ec.generate_private_key(ec.SECP384R1())
    put(config, key, workshop.ca.certify("s1", key.public_key()))


def _no_certificate(_workshop, config):
    (config.parent / "device.der").write_bytes(b"\x30\x26" + bytes(38))


def _no_key(_workshop, config):
    (config.parent / "device.key.der").write_bytes(b"\x30\x26" + bytes(38))


def _pem(workshop, config):
    (config.parent / "device.der").write_bytes(workshop.identity("s1").cert_pem.read_bytes())


CASES = {
    "expired": (_expired, "error", "tls.cert", "expired", "s1 has expired on"),
    "ends soon": (_ends_soon, "warning", "tls.cert", "expires_soon", "in 9 days"),
    "not yet valid": (_not_yet_valid, "error", "tls.cert", "not_yet_valid", "s1 is valid from"),
    "authority expired": (_authority_expired, "error", "tls.ca ca.der", "expired", "has expired on"),
    "other key": (_other_key, "error", "tls.key", "wrong_key", "is not the key of tls.cert"),
    "foreign": (_foreign, "ok", "tls.cert", "", "signed by CN=foreign authority; whether the hub knows it"),
    "same name": (_same_name, "warning", "tls.cert", "other_authority", "has not signed it"),
    "self-signed": (_self_signed, "ok", "tls.cert", "", "self-signed: the hub has to know its fingerprint"),
    "other name": (_other_name, "warning", "tls.cert", "common_name", "'s2', and the hub looks for 's1'"),
    "rsa": (_rsa, "warning", "tls.key", "slow_key", "an RSA key takes"),
    "other curve": (_other_curve, "warning", "tls.key", "slow_key", "another kind"),
    "no certificate": (_no_certificate, "error", "tls.cert", "unreadable", "cannot be read"),
    "no key": (_no_key, "error", "tls.key", "unreadable", "cannot be read"),
    "pem": (_pem, "error", "tls.cert", "refused", "is PEM, expected DER"),
}


@pytest.mark.parametrize("case", CASES)
def test_files(workshop, case):
    spoil, level, what, code, text = CASES[case]
    config = workshop.device("s1", HUB)
    spoil(workshop, config)
    exit_code, rows = found(config)
    hits = [row for row in rows if text in row["text"]]
    assert [(row["level"], row["what"], row["code"]) for row in hits] == [(level, what, code)], rows
    assert exit_code == (level == "error")
    others = {row["level"] for row in rows if row not in hits}
    assert not others & {"warning", "error"}


@pytest.mark.parametrize("case", ["expired", "other key", "foreign"])
def test_only_what_one_can_connect_with_is_handed_on(workshop, case):
    config = workshop.device("s1", HUB)
    CASES[case][0](workshop, config)
    assert (look_at(config)[1] is None) == (case == "other key")


def test_key_that_signs_tokens(workshop):
    config = workshop.device("s1", TOKENS, tls=KEY_ALONE)
    assert found(config)[1][-1]["text"] == "EC P-256, signs tokens"
    put(config, rsa.generate_private_key(public_exponent=65537, key_size=2048))
    code, rows = found(config)
    assert code == 1
    assert rows[-1]["what"] == "tls.key"
    assert "RS256 is not offered" in rows[-1]["text"]


def test_rows_of_answers_can_be_filled_in():
    details = {
        "reason": "r",
        "refused": "f",
        "limit_s": 1.0,
        "number": 9,
        "data": b"d",
        "port": 1,
        "host": "h",
    }
    rows = [*answers.VERIFY.values(), *answers.CONNACK.values(), *(row[1:] for row in answers.ALERTS)]
    rows += [
        row
        for name, row in vars(answers).items()
        if name.isupper() and len(row) == 3 and isinstance(row[0], str)
    ]
    for code, text, hint in rows:
        assert all(each.format(**details) for each in (code, text, hint))
    assert all(console.refused for console in CONSOLES.values())


def test_help_has_an_example():
    assert "Example: hublink config check" in good("config", "check", "--help")
