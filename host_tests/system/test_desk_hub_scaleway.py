"""The desk hub as Scaleway IoT Hub: auto-provisioning, states of the hub, several connections, the operator.

The rest of hub-dialects 2 is in test_desk_hub.py.
"""

import json
import uuid

import pytest
from hublink_desk.errors import DeskError
from hublink_desk.hub import Device

from host_tests.system.desk_hub_parts import PATIENCE_S
from host_tests.system.scaleway_parts import OTHER, REFUSED, SENSOR, WATCHER, event, scaleway, watch

NEW = "00000000-0000-4000-8000-000000000009"


# --- 2.5 auto-provisioning ---


def test_unknown_name_in_a_certificate_of_the_authority_makes_a_device(desk, pki):
    hub = scaleway(desk, auto_provisioning=True)
    watcher = watch(desk)
    client = desk.connected("", pki.stranger)
    topic, record = event(watcher)
    made = record["object-id"]
    assert str(uuid.UUID(made)) == made
    assert topic == f"$SCW/events/info/device/{made}"
    assert (record["severity"], record["msg"]) == ("info", "device was auto-provisioned")
    assert (record["object-name"], record["source-address"]) == (
        "stranger",
        desk.log.wait("connect", client=made)["peer"],
    )
    assert hub.connected() == {WATCHER, made}
    assert hub.devices()[made] == {
        "connected": True,
        "name": "stranger",
        "enabled": True,
        "allow_insecure": False,
    }
    client.close()
    desk.log.wait("disconnect", client=made)
    desk.connected(made, pki.stranger)  # and it is known from now on
    assert desk.client(made).connack() == REFUSED
    assert event(watcher)[1]["msg"] == "mutual TLS authentication is required"


@pytest.mark.parametrize(
    ("client_id", "identity", "msg"),
    [
        (SENSOR, "stranger", "invalid device certificate"),
        ("", None, "could not identify device"),
    ],
)
def test_auto_provisioning_makes_no_device_of_anything_else(desk, pki, client_id, identity, msg):
    hub = scaleway(desk, auto_provisioning=True)
    watcher = watch(desk)
    assert desk.client(client_id, identity and getattr(pki, identity)).connack() == REFUSED
    assert event(watcher)[1]["msg"] == msg
    assert set(hub.devices()) == {SENSOR, OTHER, WATCHER}


def test_device_that_was_made_and_then_refused_is_two_events(desk, pki):
    scaleway(desk, auto_provisioning=True)
    watcher = watch(desk)
    assert desk.client("x", pki.stranger, clean=False).connack() == REFUSED
    assert [event(watcher)[1]["msg"][:8] for _ in range(2)] == ["device w", "service "]


# --- the hub's state, its events ---


@pytest.mark.parametrize("state", ["not ready", "locked", "deleted"])
def test_hub_that_is_not_ready_refuses_everybody(desk, pki, state):
    scaleway(desk, hub_state=state)
    assert desk.client(SENSOR, pki.sensor).connack() == REFUSED
    assert desk.log.wait("refuse")["reason"] == f"hub is {state}"
    assert json.loads(desk.log.wait("event")["payload"])["object-id"] == "unknown"


def test_events_can_be_off(desk):
    hub = scaleway(desk, has_events=False)
    assert desk.client(SENSOR).connack() == REFUSED
    assert not desk.log.has("event")
    with pytest.raises(DeskError, match="this hub has no events"):
        hub.raise_event("hub is locked")


# Every documented message (hub-dialects 2.6), with what it is about.
MESSAGES = {
    "cannot read MQTT header": "device",
    "cannot write MQTT packet": "device",
    "cannot decode MQTT header": "device",
    "failed to unpack message body": "device",
    "unknown MQTT message type: 15": "device",
    "invalid MQTT QoS value: 3": "device",
    "empty topics are not authorized": "device",
    "invalid device certificate": "device",
    "mutual TLS authentication is required": "device",
    "unauthorized topic [foo/bar]": "device",
    "hub is not ready": "hub",
    "hub is deleted": "hub",
    "hub is locked": "hub",
    "device is deleted": "device",
    "device is not enabled": "device",
    "hub product plan has changed": "hub",
    "device security has changed, requires authentication": "device",
    "certificate common name cannot be empty": "device",
    "could not identify device": "device",
    "device was auto-provisioned": "device",
    'service level: "clean session" flag is mandatory to connect to a shared hub': "device",
    "service level: publishing retained messages is forbidden on a shared hub": "device",
    "service level: publishing QoS 2 messages is forbidden on a shared hub": "device",
    "service level: subscribing with QoS 1-2 is forbidden on a shared hub": "device",
    "service level: message payload is too large": "device",
    "'BUCKET' s3 bucket write failed. Error 403: AccessDenied (request-id: 1)": "route",
    "failed to connect to database. Error 28P01: password": "route",
    "failed to prepare 'SELECT 1' query. Error 42601: syntax": "route",
    "failed to execute query. Error 23505: duplicate": "route",
}


@pytest.mark.parametrize("layout", ["severity-first", "severity-last"])
def test_operator_raises_any_documented_event_in_either_layout(desk, layout):
    hub = scaleway(desk, event_layout=layout, other_severity="warn")
    watcher = watch(desk)
    severities = {"mutual TLS authentication is required": "error", "unauthorized topic [foo/bar]": "error"}
    severities["device was auto-provisioned"] = "info"
    for msg, object_type in MESSAGES.items():
        hub.raise_event(msg, SENSOR, object_type=object_type)
        topic, record = event(watcher)
        severity = severities.get(msg, "warn")
        levels = [object_type, SENSOR]
        levels.insert(0 if layout == "severity-first" else 2, severity)
        assert topic == "/".join(["$SCW/events", *levels])
        assert (record["severity"], record["object-type"], record["msg"]) == (severity, object_type, msg)


def test_operators_event_may_say_all_there_is(desk):
    hub = scaleway(desk)
    watcher = watch(desk)
    digest = "PUBLISH: dup: false qos: 0 retain: false rLength: 10"
    hub.raise_event("failed", NEW, severity="debug", object_type="route", packet=digest, payload="x")
    topic, record = event(watcher)
    assert topic == f"$SCW/events/debug/route/{NEW}"
    assert (record["packet"], record["payload"], record["object-id"]) == (digest, "x", NEW)


# --- several connections of one device ---


def test_several_connections_where_device_and_plan_allow_them(desk, pki):
    hub = scaleway(desk, {"allow_multiple_connections": True}, plan="ha")
    for client_id in ("one", "two", ""):
        desk.connected(client_id, pki.sensor)
    keys = sorted(key.removeprefix(SENSOR)[:10] for key in hub.connected())
    assert keys == ["/generated", "/one", "/two"]
    assert hub.drop(f"{SENSOR}/one")
    assert hub.devices()[SENSOR]["connected"]


@pytest.mark.parametrize(
    ("plan", "is_allowed", "client_ids"),
    [
        ("shared", True, ("one", "two")),
        ("dedicated", False, ("one", "two")),
        ("dedicated", True, ("same", "same")),
    ],
)
def test_otherwise_the_newer_evicts_the_older(desk, pki, plan, is_allowed, client_ids):
    scaleway(desk, {"allow_multiple_connections": is_allowed}, plan=plan)
    older, _ = (desk.connected(client_id, pki.sensor) for client_id in client_ids)
    assert older.lost.get(timeout=PATIENCE_S)


# --- devices added later ---


def test_device_is_added_to_a_hub_that_runs(desk, pki):
    hub = scaleway(desk)
    assert desk.client(NEW, pki.stranger).connack() == REFUSED
    hub.add_devices([Device(NEW, "stranger")])
    desk.connected(NEW, pki.stranger)


def test_device_is_added_with_a_pinned_certificate(desk, pki):
    hub = scaleway(desk)
    hub.add_devices([Device(NEW, "own", certificate=pki.self_signed.cert_pem)])
    desk.connected(NEW, pki.self_signed)
    with pytest.raises(DeskError, match="is the certificate of two devices, 'own' and 'again'"):
        hub.add_devices([Device("x", "again", certificate=pki.self_signed.cert_pem)])


@pytest.mark.parametrize("device", [Device(SENSOR, "other"), Device(NEW, "sensor-1")])
def test_device_that_is_known_is_not_added(desk, device):
    hub = scaleway(desk)
    with pytest.raises(DeskError, match="two devices have the"):
        hub.add_devices([Device("fine", "fine"), device])
    assert set(hub.devices()) == {SENSOR, OTHER, WATCHER}


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        (lambda hub: hub.bind("a", "b"), "the scaleway dialect has no gateways."),
        (lambda hub: hub.unbind("a", "b"), "the scaleway dialect has no gateways."),
        (lambda hub: hub.send_command(SENSOR), "the scaleway dialect has no commands; publish to a topic of"),
        (lambda hub: hub.push_config(SENSOR), "the scaleway dialect has no configurations; publish to"),
        (lambda hub: hub.publish("a/#"), "topic is 'a/#'; expected an MQTT topic without wildcards."),
        (lambda hub: hub.publish("a", qos=3), "qos is 3; expected 0, 1 or 2."),
        (lambda hub: hub.raise_event("x", "a/#"), "about is 'a/#'; expected a part of an MQTT topic, "),
        (lambda hub: hub.raise_event("x", severity="+"), "severity is '+'; expected a part of an MQTT topic"),
        (lambda hub: hub.raise_event("x", object_type=5), "object_type is 5; expected a part of an MQTT"),
    ],
)
def test_order_that_cannot_be_is_one_sentence(desk, order, complaint):
    with pytest.raises(DeskError) as problem:
        order(scaleway(desk))
    assert problem.value.message.startswith(complaint)


def test_operator_publishes(desk):
    hub = scaleway(desk)
    watcher = watch(desk, "a/#")
    hub.publish("a/b", "text")
    assert watcher.message() == ("a/b", b"text")


def test_generic_has_clients_and_no_more(desk, pki):
    hub = desk.start("generic")
    desk.connected("one", pki.sensor)
    assert hub.devices() == {"one": {"connected": True}}
    for order, complaint in (
        (lambda: hub.add_devices([Device("1", "x")]), "the generic dialect has no devices."),
        (lambda: hub.raise_event("x"), "the generic dialect has no events."),
    ):
        with pytest.raises(DeskError) as problem:
            order()
        assert problem.value.message == complaint


# --- restart ---


def test_restart_keeps_devices_and_port_and_nothing_else(desk, pki):
    hub = scaleway(desk, plan="dedicated")
    hub.add_devices([Device(NEW, "stranger")])
    port, client = hub.port, desk.connected(NEW, pki.stranger)
    client.publish("kept", b"x", qos=1, retain=True)
    hub.restart()
    assert client.lost.get(timeout=PATIENCE_S)
    assert (hub.port, hub.connected()) == (port, set())
    again = desk.connected(NEW, pki.stranger)
    again.subscribe("#")
    again.publish("now", b"y")
    assert again.message() == ("now", b"y")


def test_restart_from_the_hubs_own_thread_is_a_mistake(desk):
    hub = scaleway(desk)
    seen = []

    def restart(record):
        if record["what"] == "refuse":
            with pytest.raises(RuntimeError, match="give this order from another thread"):
                hub.restart()
            seen.append(record)

    desk.log.also = restart
    assert desk.client(SENSOR).connack() == REFUSED
    assert seen
