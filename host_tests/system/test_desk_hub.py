"""The desk hub as Scaleway IoT Hub: who gets in, what passes, what is reported. paho over real TLS.

One test per rule of hub-dialects 2.1 to 2.6. A message that must not come is shown by one that comes after.
"""

import json
import re
import ssl
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from hublink_desk.errors import DeskError
from hublink_desk.hub import DeskHub, Device, Filter
from hublink_desk.pki import Identity

from host_tests.system.desk_hub_parts import (
    CONNACK_OK,
    PATIENCE_S,
    PINGREQ,
    PINGRESP,
    connect,
    publish,
    subscribe,
)
from host_tests.system.scaleway_parts import (
    OTHER,
    REFUSED,
    SENSOR,
    WATCHER,
    assert_event,
    event,
    scaleway,
    watch,
)

FAILED = 0x80  # SUBACK


# --- 2.1 who gets in ---


def test_certificate_of_the_hub_ca_with_the_device_name_gets_in(desk, pki):
    hub = scaleway(desk)
    desk.connected(SENSOR, pki.sensor)
    assert hub.connected() == {SENSOR}
    assert desk.log.wait("connect")["proof"] == "certificate, by common name"


def test_certificate_alone_identifies_without_a_device_id(desk, pki):
    hub = scaleway(desk)
    desk.connected("no-such-id", pki.sensor)
    assert hub.connected() == {SENSOR}


def test_device_id_can_be_demanded_beside_the_certificate(desk, pki):
    scaleway(desk, is_device_id_required=True)
    assert desk.client("no-such-id", pki.sensor).connack() == REFUSED
    assert desk.client(SENSOR, pki.sensor).connack() == 0


def test_pinned_self_signed_certificate_gets_in_by_fingerprint(desk, pki):
    scaleway(desk, {"certificate": pki.self_signed.cert_pem})
    desk.connected(SENSOR, pki.self_signed)
    assert desk.log.wait("connect")["proof"] == "certificate, by fingerprint"


def test_pinned_certificate_of_another_authority_gets_in_unchecked(desk, pki):
    scaleway(desk, {"certificate": pki.foreign.cert_der})
    desk.connected(SENSOR, pki.foreign)


def test_pinned_authority_does_not_vouch_for_others(desk, pki):
    scaleway(desk, {"certificate": pki.foreign_ca.cert_pem})
    watcher = watch(desk)
    assert desk.client("", pki.foreign).connack() == REFUSED
    assert_event(watcher, "unknown", "invalid device certificate")


def test_device_id_alone_gets_in_where_insecure_is_allowed(desk):
    hub = scaleway(desk)
    desk.connected(WATCHER)
    assert hub.connected() == {WATCHER}
    assert desk.log.wait("connect")["proof"] == "device ID"


def test_user_name_identifies_where_the_client_id_does_not(desk):
    hub = scaleway(desk)
    desk.connected("short", username=WATCHER)
    assert hub.connected() == {WATCHER}


def test_client_id_comes_before_user_name(desk):
    hub = scaleway(desk, {"allow_insecure": True})
    desk.connected(SENSOR, username=WATCHER)
    assert hub.connected() == {SENSOR}


def test_secure_device_without_certificate_is_refused_at_connect(desk):
    scaleway(desk)
    watcher = watch(desk)
    raw = desk.raw()
    sent = connect(SENSOR, keepalive_s=60)
    raw.send(sent)
    assert raw.read(5) == b"\x20\x02\x00\x05"  # and then the end
    record = assert_event(watcher, SENSOR, "mutual TLS authentication is required")
    assert record["packet"] == f"CONNECT: dup: false qos: 0 retain: false rLength: {len(sent) - 2}"
    assert desk.log.wait("refuse")["reason"] == "mutual TLS authentication is required"


def test_refused_client_that_talks_on_still_hears_why(desk):
    scaleway(desk)
    raw = desk.raw()
    raw.send(connect(SENSOR) + publish("a", bytes(1024 * 1024)))  # unread, it would reset the connection
    assert raw.read(5) == b"\x20\x02\x00\x05"


def test_connack_code_of_a_refusal_is_a_switch(desk):
    scaleway(desk, refusal_code=4)
    raw = desk.raw()
    raw.send(connect(SENSOR))
    assert raw.read(5) == b"\x20\x02\x00\x04"


def test_certificate_of_another_device_is_refused(desk, pki):
    scaleway(desk)
    watcher = watch(desk)
    assert desk.client(SENSOR, pki.other).connack() == REFUSED
    assert_event(watcher, SENSOR, "invalid device certificate")


def test_certificate_of_no_device_with_a_device_id_is_refused(desk, pki):
    scaleway(desk)
    watcher = watch(desk)
    assert desk.client(SENSOR, pki.stranger).connack() == REFUSED
    assert_event(watcher, SENSOR, "invalid device certificate")


def test_certificate_of_no_device_alone_cannot_be_identified(desk, pki):
    scaleway(desk)
    watcher = watch(desk)
    assert desk.client("", pki.stranger).connack() == REFUSED
    assert_event(watcher, "unknown", "could not identify device")


def test_neither_certificate_nor_device_id_cannot_be_identified(desk):
    scaleway(desk)
    watcher = watch(desk)
    assert desk.client("nobody").connack() == REFUSED
    assert_event(watcher, "unknown", "could not identify device")


def test_empty_common_name_is_refused(desk, pki, tmp_path):
    scaleway(desk)
    watcher = watch(desk)
    assert desk.client("", nameless(pki, tmp_path)).connack() == REFUSED
    assert_event(watcher, "unknown", "certificate common name cannot be empty")


def test_certificate_of_another_authority_fails_in_the_handshake(desk, pki):
    scaleway(desk)
    watcher = watch(desk)
    with pytest.raises(ssl.SSLError, match="alert unknown ca"):
        desk.raw(pki.foreign)
    refusal = desk.log.wait("refuse")
    assert refusal["reason"] == "TLS handshake: unable to get local issuer certificate"
    assert_event(watcher, "unknown", "invalid device certificate")


def test_expired_certificate_fails_in_the_handshake(desk, pki, tmp_path):
    scaleway(desk)
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    expired = pki.ca.issue(
        "sensor-1", not_before=yesterday - timedelta(days=1), not_after=yesterday, folder=tmp_path
    )
    with pytest.raises(ssl.SSLError, match="alert certificate expired"):
        desk.raw(expired)
    assert "expired" in desk.log.wait("refuse")["reason"]


def test_disabled_device_is_refused(desk, pki):
    scaleway(desk, {"enabled": False})
    watcher = watch(desk)
    assert desk.client(SENSOR, pki.sensor).connack() == REFUSED
    assert_event(watcher, SENSOR, "device is not enabled")


def test_client_that_names_no_server_is_refused_on_demand(desk, pki):
    scaleway(desk, is_sni_required=True)
    desk.raw_connected(SENSOR, pki.sensor)
    with pytest.raises(ssl.SSLError, match="unrecognized name"):
        desk.raw(pki.sensor, server_name=None)


@pytest.mark.parametrize(("tls_max", "version"), [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")])
def test_tls_version_is_1_2_unless_asked_for_more(desk, pki, tls_max, version):
    scaleway(desk, tls_max=tls_max)
    assert desk.raw_connected(SENSOR, pki.sensor).socket.version() == version


# --- 2.2 plans ---


def test_shared_plan_refuses_a_kept_session(desk, pki):
    scaleway(desk)
    watcher = watch(desk)
    assert desk.client(SENSOR, pki.sensor, clean=False).connack() == REFUSED
    problem = 'service level: "clean session" flag is mandatory to connect to a shared hub'
    assert_event(watcher, SENSOR, problem)


def test_dedicated_plan_accepts_a_kept_session_but_has_none(desk, pki):
    scaleway(desk, plan="dedicated")
    for _ in range(2):
        raw = desk.raw(pki.sensor)
        raw.send(connect(SENSOR, flags=0) + subscribe("a"))
        assert raw.read(9) == CONNACK_OK + b"\x90\x03\x00\x01\x00"  # session present: 0


RETAINED = "service level: publishing retained messages is forbidden on a shared hub"
TOO_LARGE = "service level: message payload is too large"
PLAN_RULES = {
    "retained": ({"retain": True}, RETAINED),
    "qos-1-retained": ({"qos": 1, "retain": True}, RETAINED),
    "qos-2": ({"qos": 2}, "service level: publishing QoS 2 messages is forbidden on a shared hub"),
    "too-large": ({"qos": 1, "payload": bytes(4 * 1024 * 1024 + 1)}, TOO_LARGE),
    "much-too-large": ({"qos": 1, "payload": bytes(5 * 1024 * 1024)}, TOO_LARGE),
}


@pytest.mark.parametrize(("how", "problem"), PLAN_RULES.values(), ids=PLAN_RULES)
def test_shared_plan_drops_what_it_forbids_and_stays_connected(desk, pki, how, problem):
    scaleway(desk)
    events, watcher = watch(desk), desk.connected(OTHER, pki.other)
    watcher.subscribe("a/#")
    sensor = desk.connected(SENSOR, pki.sensor)
    sensor.publish("a/forbidden", **how)  # is acknowledged all the same
    sensor.publish("a/allowed", b"next")
    assert watcher.message() == ("a/allowed", b"next")
    assert_event(events, SENSOR, problem)


def test_plan_violation_can_close_the_connection(desk, pki):
    scaleway(desk, closes_on_plan_violation=True)
    sensor = desk.connected(SENSOR, pki.sensor)
    sensor.paho.publish("a", b"", retain=True)
    assert sensor.lost.get(timeout=PATIENCE_S)


def test_largest_payload_passes(desk, pki):
    scaleway(desk)
    sensor = desk.connected(SENSOR, pki.sensor)
    sensor.subscribe("big")
    payload = bytes(range(256)) * (4 * 1024 * 4)
    sensor.publish("big", payload)
    assert sensor.message() == ("big", payload)


@pytest.mark.parametrize("qos", [1, 2])
def test_shared_plan_refuses_a_subscription_above_qos_0(desk, pki, qos):
    scaleway(desk)
    watcher = watch(desk)
    sensor = desk.connected(SENSOR, pki.sensor)
    assert sensor.subscribe("a", qos) == FAILED
    problem = "service level: subscribing with QoS 1-2 is forbidden on a shared hub"
    record = assert_event(watcher, SENSOR, problem)
    assert record["packet"] == "SUBSCRIBE: dup: false qos: 1 retain: false rLength: 6"
    assert sensor.subscribe("a", 0) == 0


@pytest.mark.parametrize("granted", [0, 1, 2])
@pytest.mark.parametrize("published", [0, 1, 2])
def test_dedicated_plan_delivers_at_the_lower_qos(desk, pki, granted, published):
    scaleway(desk, plan="dedicated")
    sensor = desk.connected(SENSOR, pki.sensor)
    assert sensor.subscribe("a", granted) == granted
    for number in (b"1", b"2"):
        sensor.publish("a", number, qos=published)
    qos = min(granted, published)
    got = [sensor.messages.get(timeout=PATIENCE_S) for _ in range(2)]
    assert [(m.payload, m.qos) for m in got] == [(b"1", qos), (b"2", qos)]


def test_message_that_matches_two_filters_comes_once_at_the_higher_qos(desk, pki):
    scaleway(desk, plan="dedicated")
    sensor = desk.connected(SENSOR, pki.sensor)
    for topic, qos in (("a/+", 0), ("a/b", 1), ("#", 0)):
        sensor.subscribe(topic, qos)
    for number in (b"1", b"2"):
        sensor.publish("a/b", number, qos=1)
    got = [sensor.messages.get(timeout=PATIENCE_S) for _ in range(2)]
    assert [(m.payload, m.qos) for m in got] == [(b"1", 1), (b"2", 1)]


# --- 2.3 topics ---


def test_wildcards_do_not_reach_the_event_topics(desk, pki):
    scaleway(desk)
    watcher = desk.connected(WATCHER)
    for topic in ("#", "+/events/#", "$SCW/events/error/#"):
        watcher.subscribe(topic)
    assert desk.client(SENSOR).connack() == REFUSED  # an event
    desk.connected(SENSOR, pki.sensor).publish("a", b"")
    assert watcher.message()[0] == f"$SCW/events/error/device/{SENSOR}"  # by the third subscription, once
    assert watcher.message()[0] == "a"


def test_only_the_hub_publishes_under_the_events_prefix(desk, pki):
    scaleway(desk)
    watcher = watch(desk)
    topic = f"$SCW/events/error/device/{OTHER}"
    desk.connected(SENSOR, pki.sensor).publish(topic, b"forged")
    assert_event(watcher, SENSOR, f"unauthorized topic [{topic}]")


# --- 2.4 filters ---


@pytest.mark.parametrize(
    ("rule", "denied", "passes"),
    [
        (Filter("accept", ["a/#"]), "b", "a/b"),
        (Filter("reject", ["a/+"]), "a/b", "a/b/c"),
        (Filter("accept", ["{{ device.name }}/{{device.id}}/#"]), "sensor-2/x", f"sensor-1/{SENSOR}/x"),
        (Filter("reject", ["{{ hub.name }}/{{ hub.id }}"]), "desk/h1", "desk/h2"),
    ],
)
def test_publish_filter_drops_and_stays_connected(desk, pki, rule, denied, passes):
    scaleway(desk, {"publish": rule}, hub_name="desk", hub_id="h1")
    events, watcher = watch(desk), desk.connected(OTHER, pki.other)
    watcher.subscribe("#")
    sensor = desk.connected(SENSOR, pki.sensor)
    sensor.publish(denied, b"no", qos=1)  # is acknowledged all the same
    sensor.publish(passes, b"yes")
    assert watcher.message() == (passes, b"yes")
    record = assert_event(events, SENSOR, f"unauthorized topic [{denied}]")
    assert record["packet"] == f"PUBLISH: dup: false qos: 1 retain: false rLength: {len(denied) + 6}"


def test_dropped_message_can_stay_unacknowledged(desk, pki):
    scaleway(desk, {"publish": Filter("reject", ["a"])}, is_dropped_acknowledged=False)
    raw = desk.raw_connected(SENSOR, pki.sensor)
    raw.send(publish("a", b"x", 0x32, b"\x00\x07") + publish("b", b"x", 0x32, b"\x00\x08") + PINGREQ)
    assert raw.read(6) == b"\x40\x02\x00\x08" + PINGRESP


@pytest.mark.parametrize(
    ("rule", "denied", "passes"),
    [
        (Filter("accept", ["a/#"]), "#", "a/+/c"),
        (Filter("accept", ["a/+"]), "a/#", "a/b"),
        (Filter("reject", ["secret/#"]), "secret/x", "public/#"),
        (Filter("reject", ["secret/#"]), "+/x", "x/+"),
    ],
)
def test_subscribe_filter_refuses_and_stays_connected(desk, pki, rule, denied, passes):
    scaleway(desk, {"subscribe": rule})
    watcher = watch(desk)
    sensor = desk.connected(SENSOR, pki.sensor)
    assert sensor.subscribe(denied) == FAILED
    assert sensor.subscribe(passes) == 0
    assert_event(watcher, SENSOR, f"unauthorized topic [{denied}]")


def test_filter_applies_to_the_will(desk, pki):
    hub = scaleway(desk, {"publish": Filter("reject", ["wills/#"])})
    watcher = watch(desk)
    watcher.subscribe("#")
    desk.connected(SENSOR, pki.sensor, will=("wills/1", b"gone"))
    assert hub.drop(SENSOR)
    assert_event(watcher, SENSOR, "cannot read MQTT header")
    assert_event(watcher, SENSOR, "unauthorized topic [wills/1]")
    assert desk.log.wait("drop", source="will")["topic"] == "wills/1"


# --- 2.6 events ---


def test_event_is_as_documented(desk, pki):
    scaleway(desk, {"publish": Filter("reject", ["foo/bar"])})
    watcher = watch(desk)
    before = datetime.now(timezone.utc).replace(microsecond=0)
    desk.connected(SENSOR, pki.sensor).publish("foo/bar", b"1")
    message = watcher.messages.get(timeout=PATIENCE_S)
    record = json.loads(message.payload)
    assert (message.topic, message.qos, message.retain) == (f"$SCW/events/error/device/{SENSOR}", 0, False)
    assert list(record) == ["time", "severity", "object-type", "object-id", "msg", "packet"]
    assert (record["severity"], record["object-type"], record["object-id"]) == ("error", "device", SENSOR)
    assert record["msg"] == "unauthorized topic [foo/bar]"
    assert record["packet"] == "PUBLISH: dup: false qos: 0 retain: false rLength: 10"  # of the example
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["time"])
    raised = datetime.strptime(record["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    assert before <= raised <= datetime.now(timezone.utc)


def test_event_layout_and_prefix_are_settings(desk):
    scaleway(desk, event_layout="severity-last", events_prefix="my/events")
    watcher = watch(desk, "my/events/#")
    assert desk.client(SENSOR).connack() == REFUSED
    assert event(watcher)[0] == f"my/events/device/{SENSOR}/error"


def test_undocumented_severity_is_a_switch(desk, pki):
    scaleway(desk, {"enabled": False}, other_severity="warning")
    watcher = watch(desk)
    assert desk.client(SENSOR, pki.sensor).connack() == REFUSED
    topic, record = event(watcher)
    assert (topic, record["severity"]) == (f"$SCW/events/warning/device/{SENSOR}", "warning")
    assert desk.client(OTHER).connack() == REFUSED
    assert event(watcher)[1]["severity"] == "error"  # this one is documented


def test_lost_connections_need_not_be_events(desk, pki):
    hub = scaleway(desk, reports_lost_connections=False)
    watcher = watch(desk)
    desk.connected(SENSOR, pki.sensor)
    hub.drop(SENSOR)
    assert desk.client(SENSOR).connack() == REFUSED
    assert_event(watcher, SENSOR, "mutual TLS authentication is required")


# --- last will, eviction ---


@pytest.mark.parametrize("how", ["cut", "lost", "closed", "keep-alive", "evicted", "malformed"])
def test_will_is_published_when_the_connection_ends_without_disconnect(desk, pki, how):
    hub = scaleway(desk)
    watcher = desk.connected(WATCHER)
    watcher.subscribe("wills/#")
    raw = desk.raw(pki.sensor)
    raw.send(connect(SENSOR, keepalive_s=1, flags=6, rest=b"\x00\x07wills/1\x00\x04gone"))
    assert raw.read(4) == CONNACK_OK
    if how == "cut":
        hub.drop(SENSOR)
    elif how == "lost":
        raw.close()
    elif how == "closed":
        raw.socket.unwrap()
    elif how == "evicted":
        desk.connected(SENSOR, pki.sensor)
    elif how == "malformed":
        raw.send(b"\xff\x00")
    assert watcher.message() == ("wills/1", b"gone")
    reasons = {"cut": "cut", "lost": "connection lost", "closed": "connection closed without DISCONNECT"}
    reasons |= {"keep-alive": "keep-alive: nothing heard for 1.5 s"}
    reasons |= {"evicted": "evicted", "malformed": "packet type 15"}
    assert desk.log.wait("disconnect", client=SENSOR)["reason"].startswith(reasons[how])


def test_will_is_not_published_after_disconnect(desk, pki):
    hub = scaleway(desk)
    watcher = desk.connected(WATCHER)
    watcher.subscribe("#")
    desk.connected(SENSOR, pki.sensor, will=("wills/1", b"gone")).close()
    assert desk.log.wait("disconnect", client=SENSOR)["reason"] == "DISCONNECT"
    assert hub.connected() == {WATCHER}
    watcher.publish("after", b"")
    assert watcher.message() == ("after", b"")


@pytest.mark.parametrize(("setting", "comes"), [("strip", True), ("drop", False)])
def test_retained_will_on_a_shared_hub_is_a_switch(desk, pki, setting, comes):
    hub = scaleway(desk, retained_will=setting)
    watcher = desk.connected(WATCHER)
    watcher.subscribe("#")
    desk.connected(SENSOR, pki.sensor, will=("wills/1", b"gone", 0, True))
    hub.drop(SENSOR)
    watcher.publish("after", b"")
    assert watcher.message() == (("wills/1", b"gone") if comes else ("after", b""))
    late = desk.connected(OTHER, pki.other)
    late.subscribe("#")  # gets no retained message
    watcher.publish("now", b"")
    assert late.message() == ("now", b"")


def test_newer_connection_evicts_the_older_of_the_same_device(desk, pki):
    hub = scaleway(desk)
    older = desk.connected(SENSOR, pki.sensor)
    newer = desk.connected(SENSOR, pki.sensor)
    assert older.lost.get(timeout=PATIENCE_S)
    assert hub.connected() == {SENSOR}
    newer.subscribe("a")
    newer.publish("a", b"still here")
    assert newer.message() == ("a", b"still here")


def test_refused_connection_evicts_nobody(desk, pki):
    scaleway(desk)
    older = desk.connected(SENSOR, pki.sensor)
    assert desk.client(SENSOR).connack() == REFUSED
    assert desk.client(SENSOR, pki.other).connack() == REFUSED
    older.subscribe("a")
    older.publish("a", b"still here")
    assert older.message() == ("a", b"still here")


def test_drop_of_a_device_that_is_not_connected_says_so(desk):
    assert scaleway(desk).drop(SENSOR) is False


# --- set-up errors ---


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"plan": "free"}, "plan is 'free'; expected one of shared, dedicated, ha."),
        ({"has_events": 0}, "has_events is 0; expected true or false."),
        ({"event_layout": "x"}, "event_layout is 'x'; expected one of severity-first, severity-last."),
        ({"other_severity": "#"}, "other_severity is '#'; expected a part of an MQTT topic, without"),
        ({"events_prefix": "a/#"}, "events_prefix is 'a/#'; expected an MQTT topic that ends in no slash."),
        ({"refuse_code": 4}, "setting 'refuse_code' is unknown to the scaleway dialect; expected"),
        ({"refusal_code": 0}, "refusal_code is 0; expected a CONNACK code, 1 to 255."),
        ({"retained_will": "x"}, "retained_will is 'x'; expected one of drop, strip."),
        ({"dialect": "gcp"}, "dialect is 'gcp'; expected one of scaleway, clearblade, omnicore, azure, "),
        ({"dialect": "generic", "plan": "shared"}, "setting 'plan' is unknown to the generic"),
        ({"dialect": "generic", "devices": [Device("1", "x")]}, "the generic dialect was given devices;"),
        ({"tls_max": "1.1"}, "tls_max is '1.1'; expected one of 1.2, 1.3."),
        ({"ca": "/no/such.pem"}, "/no/such.pem: cannot be read (No such file or directory); expected a cert"),
        ({"server_key": "/no/such.pem"}, "/no/such.pem: no such file; expected the hub's certificate"),
        ({"devices": [Device("1", "x"), Device("1", "y")]}, "two devices have the id '1'; expected"),
        ({"devices": [Device("1", "x"), Device("2", "x")]}, "two devices have the name 'x'; expected"),
    ],
)
def test_wrong_option_is_named(pki, options, complaint):
    with pytest.raises(DeskError) as error:
        DeskHub(**({"dialect": "scaleway"} | pki.hub_files() | options))
    assert error.value.message.startswith(complaint)


def test_key_of_another_certificate_is_named(pki):
    with pytest.raises(DeskError, match="expected a PEM certificate and its key"):
        DeskHub(**({"dialect": "generic"} | pki.hub_files() | {"server_key": pki.sensor.key_pem}))


def test_encrypted_key_is_named_and_nobody_is_asked(pki, tmp_path):
    key = serialization.load_pem_private_key(pki.hub.key_pem.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"secret")
    encrypted = tmp_path / "key.pem"
    encrypted.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )
    with pytest.raises(DeskError, match="expected a PEM certificate and its key"):
        DeskHub(**({"dialect": "generic"} | pki.hub_files() | {"server_key": encrypted}))


def test_certificate_pinned_twice_is_named(desk, pki):
    devices = [Device(name, name, certificate=pki.self_signed.cert_pem) for name in ("a", "b")]
    with pytest.raises(DeskError, match="is the certificate of two devices, 'a' and 'b'"):
        desk.start(devices=devices)


def test_port_in_use_is_named(desk):
    port = scaleway(desk).port
    with pytest.raises(DeskError, match=f"port {port} on 127.0.0.1 cannot be listened on"):
        scaleway(desk, port=port)


def nameless(pki, folder):
    """An Identity of the hub's CA whose certificate has no subject."""
    ca_key = serialization.load_pem_private_key((pki.ca.folder / "ca.key.pem").read_bytes(), None)
    ca = x509.load_pem_x509_certificate(pki.ca.cert_pem.read_bytes())
    like = x509.load_pem_x509_certificate(pki.sensor.cert_pem.read_bytes())
    cert = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(ca.subject)
        .public_key(like.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(like.not_valid_before_utc)
        .not_valid_after(like.not_valid_after_utc)
        .sign(ca_key, hashes.SHA256())
    )
    path = folder / "nameless.pem"
    path.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    return Identity("", path, pki.sensor.key_pem, path, pki.sensor.key_der, "")
