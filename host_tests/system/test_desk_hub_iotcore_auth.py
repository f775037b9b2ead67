"""The desk hub as ClearBlade IoT Core and KORE OmniCore: who gets in, for how long, who makes way for whom.

One row per rule of hub-dialects 3.1, 3.2 and 4; paho over real TLS.
"""

import contextlib
import time

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hublink_desk.hub.iotcore import Device

from host_tests.system.desk_hub_parts import PATIENCE_S, PINGREQ, PINGRESP, connect, text
from host_tests.system.iotcore_parts import (
    CLIENT_ID,
    ES256,
    SENSOR,
    Cloud,
    assert_closed,
    base64url,
    claims,
    private_key,
    signed,
    token,
)

BAD_IDENTIFIER, BAD_CREDENTIALS, REFUSED = 133, 134, 135  # paho's names for CONNACK 2, 4 and 5
HOUR_S, DAY_S, SKEW_S = 3600, 86_400, 600


def der_signature(key, data):
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def no_signature(key, data):
    return b""


def tampered(key):
    head, _, end = token(key).split(".")
    return f"{head}.{base64url(b'{}')}.{end}"


# --- tokens ---

# What is sent, made from the device's key, and what the hub says.
REJECTED = {
    "empty": (lambda key: "", "there is no token"),
    "padded": (lambda key: token(key) + "=", "the token is padded with `=`"),
    "padded-inside": (lambda key: token(key).replace(".", "=."), "the token is padded with `=`"),
    "two-parts": (lambda key: "a.b", "the token is not three parts in base64url"),
    "four-parts": (lambda key: token(key) + ".x", "the token is not three parts in base64url"),
    "plain-base64": (lambda key: "a+/.b.c", "the token is not three parts in base64url"),
    "not-a-token": (lambda key: "hunter2", "the token is not three parts in base64url"),
    "header-not-json": (lambda key: signed(key, b"x", claims()), "the token cannot be decoded: "),
    "header-no-object": (lambda key: signed(key, b"[]", claims()), "the token cannot be decoded: "),
    "header-of-one-digit": (lambda key: "A.A.A", "the token cannot be decoded: "),
    "header-nested-deep": (lambda key: signed(key, b"[" * 9_999, {}), "the token cannot be decoded: "),
    "header-with-kid": (
        lambda key: signed(key, {**ES256, "kid": "1"}, claims()),
        "the header has alg, kid, typ; expected exactly alg and typ",
    ),
    "no-typ": (lambda key: signed(key, {"alg": "ES256"}, claims()), "the header has alg; expected exactly"),
    "typ": (lambda key: signed(key, {**ES256, "typ": "jwt"}, claims()), "typ is 'jwt'; expected 'JWT'"),
    "alg-none": (
        lambda key: signed(key, {**ES256, "alg": "none"}, claims(), no_signature),
        "alg is 'none'; expected ES256 or RS256",
    ),
    "alg-hs256": (lambda key: signed(key, {**ES256, "alg": "HS256"}, claims()), "alg is 'HS256'; expected"),
    "alg-of-another-key": (
        lambda key: signed(key, {**ES256, "alg": "RS256"}, claims()),
        "the device has no key for RS256",
    ),
    "der-signature": (
        lambda key: signed(key, ES256, claims(), der_signature),
        "the signature is by none of the device's keys",
    ),
    "no-signature": (
        lambda key: signed(key, ES256, claims(), no_signature),
        "the signature is by none of the device's keys",
    ),
    "stranger": (
        lambda key: token(ec.generate_private_key(ec.SECP256R1())),
        "the signature is by none of the device's keys",
    ),
    "tampered": (tampered, "the signature is by none of the device's keys"),
    "claims-not-json": (lambda key: signed(key, ES256, b"x"), "the claims are not JSON"),
    "claims-nested-deep": (lambda key: signed(key, ES256, b"[" * 9_999), "the claims are not JSON"),
    "claims-no-object": (lambda key: signed(key, ES256, [1]), "the claims are no JSON object"),
    "no-iat": (lambda key: token(key, iat=None), "iat is missing"),
    "no-exp": (lambda key: token(key, exp=None), "exp is missing"),
    "no-aud": (lambda key: token(key, aud=None), "aud is missing"),
    "iat-text": (lambda key: token(key, iat="now"), "iat is 'now'; expected Unix seconds"),
    "exp-fraction": (lambda key: token(key, exp=time.time() + 60.5), "exp is "),
    "exp-bool": (lambda key: token(key, exp=True), "exp is True; expected Unix seconds"),
    "exp-beyond-time": (lambda key: token(key, exp=10**400), "exp is 1000"),
    "aud-other": (lambda key: token(key, aud="other"), "aud is 'other'; expected 'desk-project'"),
    "aud-list": (lambda key: token(key, aud=["desk-project"]), "aud is ['desk-project']; expected"),
    "from-the-future": (lambda key: token(key, age_s=-SKEW_S - 60), "the token was issued 6"),
    "expired": (lambda key: token(key, age_s=HOUR_S + SKEW_S, life_s=HOUR_S), "the token expired 6"),
    "lives-too-long": (
        lambda key: token(key, life_s=DAY_S + SKEW_S + 1),
        "the token lives for 87001 s; expected at most 87000 s",
    ),
}
ACCEPTED = {
    "good": token,
    "clock-ahead": lambda key: token(key, age_s=-SKEW_S + 60),
    "clock-behind": lambda key: token(key, age_s=HOUR_S + SKEW_S - 60, life_s=HOUR_S),
    "lives-long": lambda key: token(key, life_s=DAY_S + SKEW_S),
    "nbf-is-ignored": lambda key: token(key, nbf=int(time.time()) + DAY_S),
    "more-claims": lambda key: token(key, sub="me"),
}


@pytest.mark.parametrize(("make", "reason"), REJECTED.values(), ids=REJECTED)
def test_bad_token_is_refused(desk, make, reason):
    cloud = Cloud(desk)
    assert cloud.client(password=make(cloud.keys[SENSOR])).connack() == REFUSED
    assert desk.log.wait("refuse")["reason"].startswith(reason)
    assert cloud.hub.connected() == set()


@pytest.mark.parametrize("make", ACCEPTED.values(), ids=ACCEPTED)
def test_good_token_gets_in(desk, make):
    cloud = Cloud(desk)
    assert cloud.client(password=make(cloud.keys[SENSOR])).connack() == 0, desk.log.records
    assert cloud.hub.connected() == {SENSOR}


def test_no_password_at_all_is_refused(desk):
    Cloud(desk)
    assert desk.client(CLIENT_ID["clearblade"] + SENSOR).connack() == REFUSED
    assert desk.log.wait("refuse")["reason"] == "there is no token"


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        ("nobody", "device 'nobody' is not in the registry"),
        ("keyless", "the device has no key"),
        ("blocked-1", "device 'blocked-1' is blocked"),
    ],
)
def test_device_that_may_not_connect_is_refused(desk, device, reason):
    cloud = Cloud(desk)
    assert cloud.client(device, cloud.token(SENSOR)).connack() == REFUSED
    assert desk.log.wait("refuse")["reason"] == reason


@pytest.mark.parametrize(
    "client_id",
    ["x", SENSOR, CLIENT_ID["omnicore"] + SENSOR, CLIENT_ID["clearblade"], CLIENT_ID["clearblade"] + "a/b"],
)
def test_client_id_of_another_form_is_refused(desk, client_id):
    cloud = Cloud(desk)
    assert cloud.client(client_id=client_id).connack() == BAD_IDENTIFIER
    expected = f"client ID is {client_id!r}; expected {CLIENT_ID['clearblade']}DEVICE"
    assert desk.log.wait("refuse")["reason"] == expected


def test_omnicore_wants_its_own_client_id_and_audience(desk):
    cloud = Cloud(desk, "omnicore")
    assert cloud.client(password=token(cloud.keys[SENSOR], "clearblade")).connack() == REFUSED
    assert cloud.client(client_id=CLIENT_ID["clearblade"] + SENSOR).connack() == BAD_IDENTIFIER
    cloud.connected()


def test_names_are_settings(desk):
    cloud = Cloud(desk, project="mine", location="europe-west1", registry="reg")
    client_id = f"projects/mine/locations/europe-west1/registries/reg/devices/{SENSOR}"
    assert cloud.client(password=cloud.token(SENSOR, aud="mine"), client_id=client_id).connack() == 0


def test_connack_codes_of_a_refusal_are_switches(desk):
    cloud = Cloud(desk, refusal_code=4, identifier_code=5)
    assert cloud.client(password="x").connack() == BAD_CREDENTIALS
    assert cloud.client(client_id="x").connack() == REFUSED


def test_any_of_three_keys_may_sign(desk, pki, tmp_path):
    key = rsa.generate_private_key(65_537, 2048)
    path = tmp_path / "rsa.pem"
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    path.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))
    cloud = Cloud(desk)
    cloud.hub.add_devices([Device("three-keys", (pki.other.cert_pem, path, pki.sensor.cert_der))])
    for good in (
        signed(key, {"alg": "RS256", "typ": "JWT"}, claims()),
        token(private_key(pki.other)),
        token(private_key(pki.sensor)),
    ):
        assert cloud.client("three-keys", good).connack() == 0, desk.log.records
    assert cloud.client("three-keys", token(private_key(pki.watcher))).connack() == REFUSED


# --- last will, session ---


@pytest.mark.parametrize(("setting", "code"), [("ignore", 0), ("refuse", REFUSED)])
def test_last_will_is_a_switch(desk, setting, code):
    cloud = Cloud(desk, will=setting)
    client = cloud.client(will=(cloud.topic(SENSOR, "events"), b"gone"))
    assert client.connack() == code
    cloud.hub.drop(SENSOR)
    assert cloud.received == []


def test_kept_session_is_accepted_and_is_none(desk):
    cloud = Cloud(desk)
    raw = desk.raw()
    rest = text("unused") + text(cloud.token(SENSOR))
    raw.send(connect(CLIENT_ID["clearblade"] + SENSOR, flags=0xC0, rest=rest))
    assert raw.read(4) == b"\x20\x02\x00\x00"


# --- how long ---


def raw_device(desk, cloud, keepalive_s=0, **changed):
    raw = desk.raw()
    rest = text("unused") + text(cloud.token(SENSOR, **changed))
    raw.send(connect(CLIENT_ID["clearblade"] + SENSOR, keepalive_s, flags=0xC2, rest=rest))
    assert raw.read(4) == b"\x20\x02\x00\x00"
    return raw


def test_connection_is_cut_when_its_token_and_the_skew_are_over(desk):
    cloud = Cloud(desk, skew_s=1.0)
    began_s = time.monotonic()
    raw = raw_device(desk, cloud, life_s=2)
    raw.send(PINGREQ)
    assert raw.read(2) == PINGRESP
    assert raw.is_closed()
    assert desk.log.wait("disconnect", client=SENSOR)["reason"] == "its token has expired"
    assert time.monotonic() - began_s > 1.9  # `iat` may be up to one second ago


def test_idle_connection_is_cut_whatever_its_keep_alive(desk):
    raw = raw_device(desk, Cloud(desk, idle_s=0.2))
    assert raw.is_closed()
    assert desk.log.wait("disconnect", client=SENSOR)["reason"] == "idle for 0.2 s"


def test_ping_ends_idleness(desk):
    raw = raw_device(desk, Cloud(desk, idle_s=1.0))
    assert raw.hears_nothing(0.3)
    pinged_s = time.monotonic()
    raw.send(PINGREQ)
    assert raw.read(2) == PINGRESP
    assert raw.is_closed()
    assert time.monotonic() - pinged_s > 0.95


def test_ping_need_not_end_idleness(desk):
    raw = raw_device(desk, Cloud(desk, idle_s=0.5, is_ping_activity=False))
    raw.send(PINGREQ)
    pinging_until_s = time.monotonic() + PATIENCE_S
    with contextlib.suppress(OSError):
        while raw.read(2) == PINGRESP and time.monotonic() < pinging_until_s:
            raw.send(PINGREQ)
    assert time.monotonic() < pinging_until_s
    assert desk.log.wait("disconnect", client=SENSOR)["reason"] == "idle for 0.5 s"


def test_frozen_hub_cuts_nobody_for_a_token_until_it_thaws(desk):
    cloud = Cloud(desk, skew_s=0.0)
    raw = raw_device(desk, cloud, life_s=2)
    cloud.hub.freeze(True)
    assert raw.hears_nothing(2.2)
    cloud.hub.freeze(False)
    assert raw.is_closed()


# --- two connections of one device ---


def test_newer_connection_evicts_the_older_after_it_was_authenticated(desk):
    cloud = Cloud(desk)
    older = cloud.connected()
    newer = cloud.connected()
    assert_closed(older, desk.log, "evicted by a newer connection")
    words = [r["what"] for r in desk.log.records if r["what"] in ("connect", "disconnect")]
    assert words == ["connect", "disconnect", "connect"]
    newer.publish(cloud.topic(SENSOR, "events"), b"1", qos=1)
    assert cloud.received == [(SENSOR, cloud.topic(SENSOR, "events"), b"1")]


@pytest.mark.parametrize("bad", ["padded", "expired", "stranger", "tampered"])
def test_refused_connection_evicts_nobody(desk, bad):
    cloud = Cloud(desk)
    older = cloud.connected()
    assert cloud.client(password=REJECTED[bad][0](cloud.keys[SENSOR])).connack() == REFUSED
    older.publish(cloud.topic(SENSOR, "events"), b"still here", qos=1)
    assert older.lost.empty()
    assert cloud.hub.connected() == {SENSOR}


def test_newer_connection_can_be_refused_instead(desk):
    cloud = Cloud(desk, duplicate="refuse")
    older = cloud.connected()
    assert cloud.client().connack() == BAD_IDENTIFIER
    assert desk.log.wait("refuse")["reason"] == "it is connected already"
    older.publish(cloud.topic(SENSOR, "events"), b"still here", qos=1)
    older.close()
    desk.log.wait("disconnect", client=SENSOR)
    cloud.connected()
