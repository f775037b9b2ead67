"""The desk hub as Azure IoT Hub: who gets in, for how long, who makes way for whom (hub-dialects 5.1)."""

import time
from functools import partial

import pytest
from hublink_desk.hub.azure import Device

from host_tests.system.azure_parts import (
    BAD_IDENTIFIER,
    DAY_S,
    HOST,
    NEW,
    OFF,
    PINNED,
    REFUSED,
    SECONDARY,
    SENSOR,
    TOKEN,
    Cloud,
    assert_closed,
    telemetry,
    token,
    username,
)
from host_tests.system.desk_hub_parts import PATIENCE_S, connect, text, wait_until

FORM = "expected HOST/DEVICE/?api-version=YYYY-MM-DD"
SKEW_S = 300

# --- user name and client ID ---

WRONG_NAMES = {
    "none": ({"username": None}, REFUSED, f"user name is None; {FORM}"),
    "device-alone": ({"username": SENSOR}, REFUSED, f"user name is 'sensor-1'; {FORM}"),
    "module": ({"username": username(f"{SENSOR}/module-1")}, REFUSED, "user name is "),
    "no-version": ({"username": username(end="/")}, REFUSED, f"user name is '{HOST}/sensor-1/'; {FORM}"),
    "version-is-no-date": (
        {"username": username(end="/?api-version=latest")},
        REFUSED,
        "api-version is 'latest'; expected a date",
    ),
    "bad-escape": (
        {"username": username(end="/?api-version=2021-04-12&x=%zz")},
        REFUSED,
        "user name cannot be read: '%zz' has an escape",
    ),
    "other-hub": (
        {"username": username(host="other.azure-devices.net")},
        REFUSED,
        "user name is for hub 'other.azure-devices.net'; expected 'hub.example.test'",
    ),
    "other-client-id": (
        {"client_id": "sensor-9"},
        BAD_IDENTIFIER,
        "client ID is 'sensor-9'; expected 'sensor-1', as in the user name",
    ),
    "unknown": ({"device": "sensor-9"}, REFUSED, "device 'sensor-9' is not in the registry"),
    "other-case": ({"device": "Sensor-1"}, REFUSED, "device 'Sensor-1' is not in the registry"),
    "disabled": ({"device": OFF}, REFUSED, "device 'off-1' is disabled"),
}
GOOD_ENDS = [
    "/?api-version=2021-04-12",
    "/api-version=2018-06-30",
    "/?api-version=2020-05-31-preview",
    "/?api-version=2021-04-12&DeviceClientType=hublink%2F1.0",
]


@pytest.mark.parametrize(("options", "code", "reason"), WRONG_NAMES.values(), ids=WRONG_NAMES)
def test_wrong_name_is_refused(desk, options, code, reason):
    cloud = Cloud(desk)
    assert cloud.client(**options).connack() == code
    assert desk.log.wait("refuse")["reason"].startswith(reason)
    assert cloud.hub.connected() == set()


@pytest.mark.parametrize("end", GOOD_ENDS)
def test_user_name_may_end_so(desk, end):
    Cloud(desk).connected(username=username(end=end))


def test_names_and_codes_are_settings(desk):
    cloud = Cloud(desk, host="", is_api_version_required=False, refusal_code=4, identifier_code=5)
    cloud.connected(username=f"any.host/{SENSOR}")
    assert cloud.client("sensor-9").connack() == 134
    assert cloud.client(client_id="sensor-9").connack() == REFUSED


# --- X.509 ---

WRONG_CERTIFICATES = {
    "ca-none": (SENSOR, None, "a client certificate is required"),
    "ca-other-name": (SENSOR, "other", "the certificate names 'sensor-2'; expected 'sensor-1'"),
    "ca-self-signed": (SENSOR, "self_signed", "the certificate is not signed by the hub's CA"),
    "thumbprint-none": (PINNED, None, "a client certificate is required"),
    "thumbprint-other": (
        PINNED,
        "sensor",
        "the certificate has neither the primary nor the secondary thumbprint",
    ),
    "sas-certificate": (TOKEN, "sensor", "there is no token"),
}


@pytest.mark.parametrize(
    ("device", "identity", "reason"), WRONG_CERTIFICATES.values(), ids=WRONG_CERTIFICATES
)
def test_wrong_certificate_is_refused_at_connect(desk, device, identity, reason):
    assert Cloud(desk).client(device, identity).connack() == REFUSED
    assert desk.log.wait("refuse")["reason"] == reason


@pytest.mark.parametrize(
    ("device", "identity", "proof"),
    [
        (SENSOR, "sensor", "certificate, by common name"),
        (PINNED, "self_signed", "certificate, by thumbprint"),
        (PINNED, "other", "certificate, by thumbprint"),
    ],
)
def test_certificate_gets_in(desk, device, identity, proof):
    Cloud(desk).connected(device, identity=identity)
    assert desk.log.wait("connect", client=device)["proof"] == proof


def test_thumbprint_may_be_sha1_with_colons(desk, pki):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    certificate = x509.load_pem_x509_certificate(pki.stranger.cert_pem.read_bytes())
    sha1 = certificate.fingerprint(hashes.SHA1()).hex(":").upper()
    cloud = Cloud(desk)
    cloud.hub.add_devices([Device("stranger", "thumbprint", sha1)])
    cloud.connected("stranger", identity="stranger")


# --- SAS tokens ---

# Where minutes count, a token is made when it is sent: many may pass between collecting and running a test.
WRONG_TOKENS = {
    "empty": ("", "there is no token"),
    "other-scheme": ("Bearer x", "the token does not start with 'SharedAccessSignature '"),
    "two-spaces": ("SharedAccessSignature  sr=x", "the token does not start with"),
    "no-sr": (token(sr=None), "sr is missing"),
    "no-sig": (token(sig=None), "sig is missing"),
    "no-se": (token(se=None), "se is missing"),
    "policy": (token(skn="iothubowner"), "skn names a policy of the hub; expected a token of the device"),
    "sr-not-encoded": (
        token(sr=f"{HOST}/devices/{TOKEN}"),
        f"sr is '{HOST}/devices/{TOKEN}'; expected it url",
    ),
    "sr-bad-escape": (token(sr="x%2"), "sr is not url-encoded: 'x%2' has an escape"),
    "sr-other-device": (
        token(resource=f"{HOST}/devices/x"),
        f"sr is for '{HOST}/devices/x'; expected '{HOST}",
    ),
    "sr-other-hub": (token(resource=f"x/devices/{TOKEN}"), f"sr is for 'x/devices/{TOKEN}'; expected"),
    "sr-whole-hub": (token(resource=HOST), f"sr is for '{HOST}'; expected"),
    "se-no-number": (token(se="soon"), "se is 'soon'; expected Unix seconds"),
    "se-fraction": (token(se="1e9"), "se is '1e9'; expected Unix seconds"),
    "sig-not-encoded": (token(sig="%"), "sig is not url-encoded"),
    "sig-not-ascii": (token(sig="%C3%A4"), "the signature is by none of the device's keys"),
    "stranger": (token(NEW), "the signature is by none of the device's keys"),
    "other-se": (
        token(se="99999999999")[:-11] + "99999999998",
        "the signature is by none of the device's keys",
    ),
    "expired": (partial(token, life_s=-SKEW_S - 60), "the token expired 36"),
}
GOOD_TOKENS = {
    "primary": token(),
    "secondary": token(SECONDARY),
    "clock-behind": partial(token, life_s=-SKEW_S + 120),
    "long-life": token(life_s=365 * DAY_S),
    "lower-case-escapes": token(sr=f"{HOST}%2fdevices%2f{TOKEN}"),
    "empty-policy": token(skn=""),
}


def made(given):
    return given() if callable(given) else given


@pytest.mark.parametrize(("given", "reason"), WRONG_TOKENS.values(), ids=WRONG_TOKENS)
def test_wrong_token_is_refused(desk, given, reason):
    cloud = Cloud(desk)
    assert cloud.client(TOKEN, None, password=made(given)).connack() == REFUSED
    assert desk.log.wait("refuse")["reason"].startswith(reason)


@pytest.mark.parametrize("given", GOOD_TOKENS.values(), ids=GOOD_TOKENS)
def test_good_token_gets_in(desk, given):
    assert Cloud(desk).with_token(made(given)).connack() == 0, desk.log.records


def test_connection_is_cut_when_its_token_and_the_skew_are_over(desk):
    cloud = Cloud(desk, skew_s=1.0)
    client = cloud.with_token(token(life_s=1))
    began_s = time.monotonic()
    assert client.connack() == 0
    assert_closed(client, desk.log, "its token has expired")
    assert time.monotonic() - began_s > 0.9  # `se` may be up to one second less away
    assert cloud.with_token(token(life_s=-2)).connack() == REFUSED


# --- one connection of each identity, kept alive ---


def test_newer_connection_evicts_the_older_after_it_was_authenticated(desk):
    cloud = Cloud(desk)
    older = cloud.connected()
    assert cloud.client(identity="other").connack() == REFUSED
    older.publish(telemetry(), b"still here", qos=1)
    newer = cloud.connected()
    assert_closed(older, desk.log, "evicted by a newer connection")
    newer.publish(telemetry(), b"new", qos=1)
    assert [message.payload for _, message in cloud.received] == [b"still here", b"new"]
    assert cloud.hub.connected() == {SENSOR}
    assert cloud.hub.devices()[SENSOR]["connected"] is True


@pytest.mark.parametrize("keepalive_s", [0, 60])
def test_silence_has_a_ceiling_whatever_the_keep_alive(desk, pki, keepalive_s):
    Cloud(desk, keepalive_ceiling_s=0.2)
    raw = desk.raw(pki.sensor)
    raw.send(connect(SENSOR, keepalive_s, flags=0x82, rest=text(username())))
    assert raw.read(4) == b"\x20\x02\x00\x00"
    assert raw.is_closed()
    assert desk.log.wait("disconnect")["reason"] == "idle for 0.2 s"


def test_server_waits_one_and_a_half_keep_alives(desk, pki):
    Cloud(desk)
    raw = desk.raw(pki.sensor)
    raw.send(connect(SENSOR, 1, flags=0x82, rest=text(username())))
    assert raw.read(4) == b"\x20\x02\x00\x00"
    began_s = time.monotonic()
    assert raw.is_closed()
    assert time.monotonic() - began_s > 1.4


# --- last will ---


@pytest.mark.parametrize(
    ("topic", "qos"), [("x", 0), (telemetry("x"), 0), ("$iothub/twin/GET/?$rid=1", 0), (telemetry(), 2)]
)
def test_last_will_that_is_no_telemetry_is_a_switch(desk, topic, qos):
    cloud = Cloud(desk)
    will = (topic, b"gone", qos)
    assert cloud.client(will=will).connack() == REFUSED
    assert desk.log.wait("refuse")["reason"].startswith(
        f"the last will is for {topic!r}, QoS {qos}; expected"
    )
    desk.close_hub()
    cloud = Cloud(desk, bad_will="drop")
    client = cloud.connected(will=will)
    cloud.hub.drop(SENSOR)
    assert desk.log.wait("drop")["source"] == "will"
    assert client.lost.get(timeout=PATIENCE_S)
    assert cloud.received == []
    wait_until(lambda: cloud.hub.connected() == set())
