"""`hublink ca` and `hublink device add` as a user runs them, in a folder of their own."""

import hashlib
import json
import shutil
import stat
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hublink_desk import device_code, pki
from hublink_desk.fleet import consoles, home

from host_tests.fleets import AZURE, CLEARBLADE, GENERIC, HOST, SAS, SCALEWAY, add, cert_of, key_of, snapshot
from host_tests.verbs import as_json, good, hublink, refused

# --- the authority ---


def test_authority_is_made_once(fleet):
    before = snapshot(fleet)
    assert {path.name for path in before} == {"ca.cert.pem", "ca.cert.der", "ca.key.pem"}
    done = hublink("ca", "init")
    assert done.code == 1
    assert "There is an authority in" in done.err
    assert "--replace moves it aside" in done.err
    assert snapshot(fleet) == before


def test_authority_is_replaced_only_when_told_to_and_kept_aside(fleet):
    old = snapshot(fleet / "ca")
    told = as_json("ca", "init", "--replace", "--name", "Second", "--days", "10")
    assert pki.Authority.load(fleet / "ca").cert.subject.rfc4514_string() == "CN=Second"
    aside = [path for path in fleet.iterdir() if path.name.startswith("ca-until-")]
    assert [str(path) for path in aside] == [told["moved aside"]]
    assert snapshot(aside[0]) == old
    assert told["valid until"] == f"{datetime.now(timezone.utc) + timedelta(days=10):%Y-%m-%d}"


def test_without_an_authority_the_way_to_one_is_told(tmp_path):
    done = hublink("device", "add", "s1", *GENERIC, "--fleet", tmp_path / "none")
    assert done.code == 1
    assert f"hint: make one: hublink ca init --fleet {tmp_path / 'none'}" in done.err
    assert not (tmp_path / "none").exists()


def test_broker_of_ones_own_is_signed_by_the_authority_and_listed(fleet):
    hosts = ("--host", "broker.example.test", "--host", "192.0.2.1")
    told = as_json("ca", "server", "broker", *hosts, "--days", 20)
    cert = x509.load_pem_x509_certificate((fleet / "hubs/broker/broker.cert.pem").read_bytes())
    cert.verify_directly_issued_by(pki.Authority.load(fleet / "ca").cert)
    names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["broker.example.test", "192.0.2.1"]
    assert told["key"] == str(fleet / "hubs/broker/broker.key.pem")
    rows = {row["name"]: row for row in as_json("device", "list")}
    assert (rows["broker"]["hub"], rows["broker"]["days_left"]) == ("own hub", 19)


# --- adding ---


def test_device_has_all_files_and_they_are_as_private_as_they_must_be(fleet):
    told = add("s1", *GENERIC)
    folder = fleet / "devices" / "s1"
    assert told["folder"] == str(folder)
    modes = {str(path): stat.S_IMODE((folder / path).stat().st_mode) for path in snapshot(folder)}
    assert modes == {
        "config.json": 0o600,
        "ca.der": 0o644,
        "device.der": 0o644,
        "device.key.der": 0o600,
        "console/device.cert.pem": 0o644,
        "console/device.public.pem": 0o644,
    }
    settings = device_code.parse((folder / "config.json").read_bytes())
    device_code.read_credentials(settings, folder)
    cert = cert_of(folder)
    cert.verify_directly_issued_by(pki.Authority.load(fleet / "ca").cert)
    assert cert.public_key() == key_of(folder).public_key()
    assert x509.load_pem_x509_certificate((folder / "console/device.cert.pem").read_bytes()) == cert
    der = (folder / "device.der").read_bytes()
    assert told["sha256"] == hashlib.sha256(der).hexdigest()
    assert told["sha1"] == hashlib.sha1(der).hexdigest().upper()


def test_every_hub_has_a_console():
    assert set(device_code.hub_names()) <= set(consoles.CONSOLES)


@pytest.mark.parametrize(
    ("hub", "expected"),
    [
        ({"type": "generic", "client_id": "c"}, "s1"),
        ({"type": "scaleway", "device_id": "1b2c"}, "s1"),
        ({"type": "azure", "device_id": "{device}-a"}, "s1-a"),
        ({"type": "azure"}, "s1"),
    ],
)
def test_common_name_is_the_hubs(hub, expected):
    assert consoles.name_for_certificate(hub, "s1") == expected


@pytest.mark.parametrize(
    ("options", "tls", "told"),
    [
        (GENERIC, {"cert", "key"}, "Broker: trust "),
        (SCALEWAY, {"cert", "key"}, "device 1b2c3d4e: give it the name s1"),
        ((*SCALEWAY, "--set", "auth=device_id"), set(), "allow insecure connections"),
        (CLEARBLADE, {"key"}, "device dev-s1: add the public key"),
        (
            AZURE,
            {"cert", "key"},
            "device s1: X.509 Self-Signed, the thumbprint below as primary and as secondary. Or X.509 CA",
        ),
    ],
)
def test_device_gets_what_its_hub_takes(fleet, hub_ca, options, tls, told):
    said = add("s1", *options, "--hub-ca", hub_ca)
    folder = fleet / "devices" / "s1"
    config = json.loads((folder / "config.json").read_bytes())
    assert set(config["tls"]) == {"ca"} | tls
    assert told in said["console"]
    device_code.read_credentials(device_code.parse((folder / "config.json").read_bytes()), folder)
    assert (folder / "device.der").exists() == ("cert" in tls)
    assert (folder / "device.key.der").exists() == ("key" in tls)
    trusted = x509.load_der_x509_certificate((folder / "ca.der").read_bytes())
    assert trusted == x509.load_pem_x509_certificate(hub_ca.read_bytes())


@pytest.mark.parametrize(
    ("options", "generic", "azure"),
    [
        ((), "trust {fleet}/ca/ca.cert.pem;", "with the authority {fleet}/ca/ca.cert.pem registered"),
        (("--self-signed",), "trust {fleet}/devices/s1/console/device.cert.pem;", None),
        (
            ("--cert", "s1.cert.pem", "--key", "s1.key.pem"),
            "trust CN=console authority;",
            "CN=console authority",
        ),
    ],
)
def test_authority_that_is_told_is_the_one_that_has_signed(
    fleet, hub_ca, console, monkeypatch, options, generic, azure
):
    monkeypatch.chdir(console)
    told = add("s1", *GENERIC, *options)["console"]
    assert generic.format(fleet=fleet) in told
    shutil.rmtree(fleet / "devices")
    (fleet / "inventory.toml").unlink()
    told = add("s1", *AZURE, "--hub-ca", hub_ca, *options)["console"]
    assert ("CA Signed" in told) == bool(azure)
    assert (azure or "").format(fleet=fleet) in told


def test_public_key_for_the_console_is_that_of_the_key(fleet, hub_ca):
    add("s1", *CLEARBLADE, "--hub-ca", hub_ca)
    folder = fleet / "devices" / "s1"
    public = serialization.load_pem_public_key((folder / "console/device.public.pem").read_bytes())
    assert public == key_of(folder).public_key()
    assert public.curve.name == "secp256r1"


def test_settings_are_what_their_kind_says(fleet, hub_ca):
    settings = ("gateway=true", "token_life_s=1200", "keepalive_s=90", "region=123")
    options = [word for setting in settings for word in ("--set", setting)]
    add("s1", *CLEARBLADE, "--hub-ca", hub_ca, *options, "--port", 443)
    hub = json.loads((fleet / "devices/s1/config.json").read_bytes())["hub"]
    assert (hub["gateway"], hub["token_life_s"], hub["keepalive_s"]) == (True, 1200, 90)
    assert (hub["region"], hub["port"]) == ("123", 443)


def test_template_and_networks(fleet, tmp_path):
    template = tmp_path / "template.json"
    hub = {"type": "scaleway", "host": HOST, "retain": False}
    networks = [{"ssid": "hall", "password": "old"}]
    template.write_text(json.dumps({"wifi": {"networks": networks, "country": "FR"}, "hub": hub}))
    add(
        "s1",
        *("--hub", "generic", "--board", "RPI_PICO_W", "--template", template),
        *("--wifi", "home 😀", "--wifi", "open", "--wifi-passwords", "-"),
        text="pässword\n\n",
    )
    config = json.loads((fleet / "devices/s1/config.json").read_bytes())
    assert config["hub"] == {**hub, "type": "generic"}
    assert config["wifi"]["country"] == "FR"
    given = [(each["ssid"], each["password"]) for each in config["wifi"]["networks"]]
    assert given == [("hall", "old"), ("home 😀", "pässword"), ("open", "")]


def test_four_authorities_of_a_hub(fleet, tmp_path):
    bundle = tmp_path / "bundle.pem"
    made = [pki.Authority.create(tmp_path / str(n), f"authority {n}") for n in range(4)]
    bundle.write_bytes(b"".join(each.cert_pem.read_bytes() for each in made[:3]))
    add("s1", *GENERIC, "--hub-ca", bundle, "--hub-ca", made[3].cert_der)
    folder = fleet / "devices" / "s1"
    names = json.loads((folder / "config.json").read_bytes())["tls"]["ca"]
    assert names == ["ca.der", "ca2.der", "ca3.der", "ca4.der"]
    assert [(folder / name).read_bytes() for name in names] == [each.cert_der.read_bytes() for each in made]


def test_secret_of_the_hub_is_taken_in_and_replaced(fleet, hub_ca, tmp_path):
    secret = tmp_path / "primary"
    secret.write_text("MDEyMzQ1Njc4OWFiY2RlZg==\n")
    told = add("s1", *SAS, "--hub-ca", hub_ca, "--secret", secret)
    assert told["console"] == "Console: nothing to add; the key is the hub's own."
    folder = fleet / "devices" / "s1"
    assert (folder / "device.secret").read_text() == "MDEyMzQ1Njc4OWFiY2RlZg=="
    assert stat.S_IMODE((folder / "device.secret").stat().st_mode) == 0o600
    assert {path.name for path in (folder / "console").iterdir()} == set()
    good("config", "check", folder / "config.json")
    assert "is taken in with --secret" in hublink("device", "renew", "s1", "--new-key").err
    secret.write_text("ZmVkY2JhOTg3NjU0MzIxMA==")
    good("device", "renew", "s1", "--secret", secret)
    assert (folder / "device.secret").read_text() == "ZmVkY2JhOTg3NjU0MzIxMA=="
    before = snapshot(fleet)
    secret.write_text("short")
    for verb in (("add", "s2", *SAS, "--hub-ca", hub_ca), ("renew", "s1")):
        done = hublink("device", *verb, "--secret", secret)
        assert (done.code, snapshot(fleet)) == (1, before)
        assert "tls.secret: device.secret cannot be read, expected a key of 16 bytes" in done.err


def test_self_signed(fleet):
    told = add("s1", *GENERIC, "--self-signed", "--days", 5)
    cert = cert_of(fleet / "devices" / "s1")
    cert.verify_directly_issued_by(cert)
    assert told["valid until"] == f"{datetime.now(timezone.utc) + timedelta(days=5):%Y-%m-%d}"


REFUSED = {
    "name": (("a/b", *GENERIC), "Identity name 'a/b'"),
    "checker": (("s1", *GENERIC, "--set", "retain=maybe"), 'hub.retain: "maybe", expected true or false'),
    "too deep": (("s1", *GENERIC, "--set", "port=" + "[" * 5000), "hub.port: "),
    "no value": (("s1", *GENERIC, "--set", "retain"), "--set retain: expected NAME=VALUE"),
    "unknown setting": (("s1", *GENERIC, "--set", "retian=1"), "hub.retian: unknown setting"),
    "no host": (("s1", "--hub", "generic", "--board", "unix"), "hub.host: missing"),
    "no network": (
        ("s1", "--hub", "generic", "--board", "RPI_PICO_W", "--host", HOST),
        "Board RPI_PICO_W needs Wi-Fi, and wifi.networks is empty",
    ),
    "no authority of the hub": (("s1", *SCALEWAY), "--hub-ca: the authority of the scaleway hub is expected"),
    "certificate alone": (
        ("s1", *GENERIC, "--cert", __file__),
        "--cert given; a hub with these settings takes --cert and --key.",
    ),
    "no certificate": (("s1", *GENERIC, "--cert", __file__, "--key", __file__), "holds no private key"),
    "needless certificate": (
        ("s1", *CLEARBLADE, "--cert", __file__, "--key", __file__),
        "--cert and --key given; a hub with these settings takes --key.",
    ),
    "no secret": (
        ("s1", *SAS, "--hub-ca", __file__),
        "--secret: the file with the key that the hub made is expected",
    ),
    "template": (("s1", *GENERIC, "--template", __file__), "is not JSON"),
    "no template": (("s1", *GENERIC, "--template", "/no/such"), "/no/such cannot be read"),
    "no hub authority file": (("s1", *GENERIC, "--hub-ca", "/no/such"), "/no/such cannot be read"),
}


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        *(
            (sections, "is no configuration; expected an object of sections")
            for sections in (
                "[]",
                '{"hub": null}',
                '{"wifi": null}',
                '{"wifi": 5}',
                '{"wifi": {"networks": null}}',
            )
        ),
        ("[" * 5000, "is not JSON: "),
        ('{"clock": 5}', "clock: 5, expected an object of settings"),
    ],
)
def test_template_that_is_none_is_refused(fleet, tmp_path, template, complaint):
    path = tmp_path / "template.json"
    path.write_text(template)
    wifi = ("--wifi", "home", "--wifi-passwords", "-")
    message, _ = refused("device", "add", "s1", *GENERIC, *wifi, "--template", path, text="\n")
    assert complaint in message


@pytest.mark.parametrize("case", REFUSED)
def test_refused_device_leaves_nothing(fleet, case):
    arguments, complaint = REFUSED[case]
    before = snapshot(fleet)
    done = hublink("device", "add", *arguments)
    assert done.code == 1
    assert done.out == ""
    assert complaint in done.err
    assert done.err.startswith("hublink: ")
    assert snapshot(fleet) == before
    assert [path.name for path in fleet.iterdir()] == ["ca"]


def test_device_is_added_once(fleet):
    add("s1", *GENERIC)
    before = snapshot(fleet)
    done = hublink("device", "add", "s1", *GENERIC)
    assert (done.code, snapshot(fleet)) == (1, before)
    assert "Device s1 is there already" in done.err


@pytest.mark.parametrize(
    ("hub", "setting", "known_as"),
    [
        (SCALEWAY, "device_id=1b2c3d4e", "1b2c3d4e"),
        (GENERIC, "client_id=same", "same"),
        (AZURE, "device_id=s1", "s1"),
        (CLEARBLADE, "device_id=s-1", "projects/p/locations/us-central1/registries/reg/devices/s-1"),
    ],
)
def test_two_devices_with_one_identity_are_refused(fleet, hub_ca, hub, setting, known_as):
    options = (*hub, "--hub-ca", hub_ca, "--set", setting)
    add("s1", *options)
    add("damaged", *GENERIC)  # is in nobody's way
    (fleet / "devices" / "damaged" / "config.json").unlink()
    before = snapshot(fleet)
    host = options[options.index("--host") + 1]
    message, hint = refused("device", "add", "s2", *options)
    assert message == f"Device s1 is {known_as} at {host} already, and would be thrown out."
    assert "--set" in hint
    assert snapshot(fleet) == before
    add("s2", *options, "--host", "another.example.test")


def test_device_whose_entry_cannot_be_written_leaves_no_folder(fleet, monkeypatch):
    def fail(path, entry):
        raise home.DeskError("disk full")

    monkeypatch.setattr(home.inventory, "append", fail)
    assert hublink("device", "add", "s1", *GENERIC).code == 1
    assert list((fleet / "devices").iterdir()) == []


@pytest.mark.parametrize(
    "verb", [("ca", "init"), ("ca", "server"), ("device", "add"), ("device", "list"), ("device", "renew")]
)
def test_help_has_an_example(verb):
    assert f"Example: hublink {' '.join(verb)}" in good(*verb, "--help")
