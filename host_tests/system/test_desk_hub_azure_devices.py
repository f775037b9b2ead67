"""The desk hub as Azure IoT Hub: what the operator does to devices, and the lifecycle events of that."""

import base64

import pytest
from hublink_desk.errors import DeskError
from hublink_desk.hub.azure import Device
from hublink_desk.pki import self_signed

from host_tests.system.azure_parts import (
    NEW,
    PINNED,
    PRIMARY,
    REFUSED,
    SECONDARY,
    SENSOR,
    TOKEN,
    Cloud,
    assert_closed,
    telemetry,
    token,
)
from host_tests.system.desk_hub_parts import wait_until


def test_disabled_device_is_cut_and_refused_until_enabled(desk):
    cloud = Cloud(desk)
    client = cloud.connected()
    cloud.hub.enable(SENSOR, False)
    assert_closed(client, desk.log, "the device was disabled")
    assert cloud.client().connack() == REFUSED
    cloud.hub.enable(SENSOR)
    cloud.connected()


def test_removed_device_is_cut_and_unknown_until_added(desk):
    cloud = Cloud(desk)
    client = cloud.connected()
    cloud.hub.remove(SENSOR)
    assert_closed(client, desk.log, "the device was removed")
    assert cloud.client().connack() == REFUSED
    cloud.hub.add_devices([Device(SENSOR)])
    cloud.connected()


def test_rotated_key_lives_on_as_the_secondary_once(desk):
    cloud = Cloud(desk)
    client = cloud.with_token()
    assert client.connack() == 0
    cloud.hub.rotate(TOKEN, NEW)
    assert cloud.with_token(token(SECONDARY)).connack() == REFUSED
    for key in (PRIMARY, NEW):
        assert cloud.with_token(token(key)).connack() == 0
    cloud.hub.rotate(TOKEN)
    about = cloud.hub.devices()[TOKEN]
    assert about["secondary"] == NEW
    assert about["primary"] not in ("", NEW)
    assert cloud.with_token(token(about["primary"])).connack() == 0


@pytest.mark.parametrize("is_cut", [False, True])
def test_rotation_may_cut_whoever_used_the_key(desk, is_cut):
    cloud = Cloud(desk, rotation_cuts=is_cut)
    client = cloud.with_token(token(SECONDARY))
    assert client.connack() == 0
    cloud.hub.rotate(TOKEN, NEW)
    if is_cut:
        assert_closed(client, desk.log, "its key was rotated away")
    else:
        client.publish(telemetry(TOKEN), b"still here", qos=1)


def test_certificate_can_be_rotated_to_a_self_signed_one(desk, tmp_path):
    cloud = Cloud(desk)
    fresh = self_signed(tmp_path, "fresh")
    cloud.hub.rotate(PINNED, fresh.cert_pem.name, tmp_path)
    cloud.pki.fresh = fresh
    cloud.connected(PINNED, identity="fresh")
    cloud.connected(PINNED, identity="self_signed")
    assert cloud.client(PINNED, "other").connack() == REFUSED


WRONG_ORDERS = {
    "remove": (lambda hub: hub.remove("x"), "device 'x' is not in the registry."),
    "enable": (lambda hub: hub.enable("x"), "device 'x' is not in the registry."),
    "rotate": (lambda hub: hub.rotate("x"), "device 'x' is not in the registry."),
    "rotate-ca": (
        lambda hub: hub.rotate(SENSOR),
        "device 'sensor-1' has no key to rotate: its auth is 'ca'.",
    ),
    "rotate-ca-to-a-file": (
        lambda hub: hub.rotate(SENSOR, "x.pem"),
        "device 'sensor-1' has no key to rotate: its auth is 'ca'.",
    ),
    "rotate-nothing": (lambda hub: hub.rotate(PINNED), "device 'sensor-2' has no key to make up"),
    "rotate-text": (lambda hub: hub.rotate(TOKEN, "%"), "key is '%'; expected base64."),
    "rotate-file": (lambda hub: hub.rotate(PINNED, "x.pem"), "x.pem: cannot be read"),
    "add": (lambda hub: hub.add_devices([Device(SENSOR)]), "two devices have the id 'sensor-1'"),
    "command": (lambda hub: hub.send_command(SENSOR), "the azure dialect has no commands"),
    "bind": (lambda hub: hub.bind(SENSOR, TOKEN), "the azure dialect has no gateways."),
}


@pytest.mark.parametrize(("order", "complaint"), WRONG_ORDERS.values(), ids=WRONG_ORDERS)
def test_wrong_order_is_one_sentence(desk, order, complaint):
    hub = Cloud(desk).hub
    with pytest.raises(DeskError) as error:
        order(hub)
    assert error.value.message.startswith(complaint)


# --- lifecycle events ---


def test_lifecycle_events_of_a_device(desk):
    cloud = Cloud(desk)
    cloud.hub.add_devices([Device("stranger")])
    client = cloud.connected("stranger", identity="stranger")
    assert cloud.events("DeviceConnected") == []  # it has not been used
    client.publish(telemetry("stranger", "$.ct=application/JSON&$.ce=UTF-8&a=1"), b'{"t":1}', qos=1)
    client.publish(telemetry("stranger"), b"\x00", qos=1)
    client.subscribe("$iothub/twin/res/#")
    client.close()
    wait_until(lambda: not cloud.hub.connected())
    cloud.hub.remove("stranger")
    events = cloud.events()
    kinds = ["Created", "Connected", "Telemetry", "Telemetry", "Disconnected", "Deleted"]
    assert [event["eventType"] for event in events] == [f"Microsoft.Devices.Device{kind}" for kind in kinds]
    assert len({event["id"] for event in events}) == 6
    assert {event["subject"] for event in events} == {"devices/stranger"}
    assert {event["topic"] for event in events} == {
        "/SUBSCRIPTIONS/DESK-SUBSCRIPTION/RESOURCEGROUPS/DESK-GROUP/PROVIDERS/MICROSOFT.DEVICES/IOTHUBS/DESK-HUB"
    }
    created, connected, json_body, base64_body, disconnected, deleted = (event["data"] for event in events)
    assert created["twin"]["etag"] < deleted["twin"]["etag"]
    assert (created["deviceId"], created["hubName"]) == ("stranger", "desk-hub")
    numbers = [each["deviceConnectionStateEventInfo"]["sequenceNumber"] for each in (connected, disconnected)]
    assert numbers[0] < numbers[1]
    assert {len(number) for number in numbers} == {64}
    assert (json_body["body"], json_body["properties"]) == ({"t": 1}, {"a": "1"})
    assert json_body["systemProperties"]["iothub-content-type"] == "application/JSON"
    assert json_body["systemProperties"]["iothub-connection-device-id"] == "stranger"
    assert base64.b64decode(base64_body["body"]) == b"\x00"


@pytest.mark.parametrize(
    ("bag", "payload", "is_json"),
    [
        ("$.ct=application%2Fjson&$.ce=utf-8", b"[1]", True),
        ("$.ct=application%2Fjson&$.ce=utf-8", b"[1", False),
        ("$.ct=application%2Fjson&$.ce=utf-8", b"", False),
        ("$.ct=application%2Fjson", b"[1]", False),
        ("$.ct=application%2Fjson&$.ce", b"[1]", False),
        ("$.ct=application%2Fjson&$.ce=utf-16", b"[1]", False),
        ("$.ct=text%2Fplain&$.ce=utf-8", b"[1]", False),
        ("", b"[1]", False),
    ],
)
def test_body_of_telemetry_is_base64_unless_it_says_what_it_is(desk, bag, payload, is_json):
    cloud = Cloud(desk)
    cloud.connected().publish(telemetry(bag=bag), payload, qos=1)
    [event] = cloud.events("DeviceTelemetry")
    assert event["data"]["body"] == ([1] if is_json else base64.b64encode(payload).decode())


@pytest.mark.parametrize("will", [None, (telemetry(), b"gone")])
@pytest.mark.parametrize("is_use_required", [True, False])
def test_eviction_is_a_disconnect_and_then_a_connect(desk, is_use_required, will):
    cloud = Cloud(desk, is_use_required=is_use_required, has_telemetry_events=False)
    for _ in "12":
        cloud.connected(will=will).publish(telemetry(), b"", qos=1)
    events = cloud.events()
    assert [event["eventType"].rpartition(".")[2] for event in events] == [
        "DeviceConnected",
        "DeviceDisconnected",
        "DeviceConnected",
    ]
    numbers = [event["data"]["deviceConnectionStateEventInfo"]["sequenceNumber"] for event in events]
    assert numbers == sorted(set(numbers))


def test_will_of_a_device_that_did_nothing_is_no_use_of_it(desk):
    cloud = Cloud(desk, has_telemetry_events=False)
    cloud.connected(will=(telemetry(), b"gone"))
    cloud.hub.drop(SENSOR)
    desk.log.wait("will")
    wait_until(lambda: not cloud.hub.connected())
    assert cloud.events() == []


def test_operator_raises_an_event(desk):
    cloud = Cloud(desk)
    cloud.hub.raise_event("DeviceRenamed", SENSOR, moduleId="m")
    [event] = cloud.events("DeviceRenamed")
    assert event["data"] == {"moduleId": "m", "hubName": "desk-hub", "deviceId": SENSOR}
    cloud.hub.raise_event("DeviceConnected", SENSOR)
    cloud.hub.raise_event(
        "DeviceDisconnected", SENSOR, deviceConnectionStateEventInfo={"sequenceNumber": "0"}
    )
    numbers = [
        event["data"]["deviceConnectionStateEventInfo"]["sequenceNumber"] for event in cloud.events()[1:]
    ]
    assert (len(numbers[0]), numbers[1]) == (64, "0")
