"""The desk hub as ClearBlade IoT Core and KORE OmniCore: the errors topic, and what an operator does.

One row per rule of hub-dialects 3.5; paho over real TLS.
"""

import contextlib
import json

import pytest
from hublink_desk.errors import DeskError
from hublink_desk.hub.iotcore import Device

from host_tests.system.desk_hub_parts import connect, text
from host_tests.system.iotcore_parts import (
    CLIENT_ID,
    FAILED,
    GATEWAY,
    LAMP,
    LIGHT,
    SENSOR,
    Cloud,
    assert_closed,
    assert_withheld,
    error,
)

DIALECTS = ("clearblade", "omnicore")
BOUND, TOKEN, BOTH = "ASSOCIATION_ONLY", "DEVICE_AUTH_TOKEN_ONLY", "ASSOCIATION_AND_DEVICE_AUTH_TOKEN"


# --- what gateways get wrong ---


def test_publish_for_an_unattached_device_is_an_error_as_documented(desk):
    cloud = Cloud(desk)
    gateway, topic = cloud.gateway(), cloud.topic(LIGHT, "state")
    packet_id = gateway.paho.publish(topic, b"on", 1).mid
    assert error(gateway) == {
        "error_type": "GATEWAY_DEVICE_NOT_FOUND",
        "device_id": LIGHT,
        "description": f"The specified device with ID '{LIGHT}' is not attached to the gateway.",
        "mqtt_message_info": {"message_type": "PUBLISH", "topic": topic, "packet_id": packet_id},
    }
    assert_withheld(cloud, gateway)


def test_error_can_be_flat(desk):
    cloud = Cloud(desk, error_layout="flat")
    gateway, topic = cloud.gateway(), cloud.topic(LIGHT, "events")
    gateway.paho.publish(topic, b"")  # QoS 0 has no packet id
    record = error(gateway)
    assert [record[key] for key in ("message_type", "topic", "packet_id")] == ["PUBLISH", topic, 0]
    assert "mqtt_message_info" not in record


@pytest.mark.parametrize("kind", ["config", "commands/#"])
def test_subscription_for_an_unattached_device_is_refused_and_an_error(desk, kind):
    cloud = Cloud(desk)
    gateway = cloud.gateway()
    assert gateway.subscribe(cloud.topic(LIGHT, kind)) == FAILED
    record = error(gateway)
    assert record["error_type"] == "GATEWAY_DEVICE_NOT_FOUND"
    assert record["mqtt_message_info"]["message_type"] == "SUBSCRIBE"


@pytest.mark.parametrize("topic", ["/devices/light-1/x", "/devices/1/events", "elsewhere"])
def test_topic_that_is_none_is_an_error_or_closes(desk, topic):
    cloud = Cloud(desk)
    gateway = cloud.gateway()
    gateway.paho.publish(topic, b"", 1)
    assert error(gateway)["error_type"] == "GATEWAY_INVALID_MQTT_TOPIC"
    assert_withheld(cloud, gateway)


def test_topic_that_is_none_can_close(desk):
    cloud = Cloud(desk, unknown_topic="close")
    gateway = cloud.gateway()
    gateway.paho.publish("elsewhere", b"", 1)
    assert_closed(gateway, desk.log, "is not one of the fixed topics")


def test_filter_that_is_none_is_an_error_where_it_does_not_close(desk):
    cloud = Cloud(desk, unknown_filter="refuse")
    gateway = cloud.gateway()
    assert gateway.subscribe(cloud.topic(LIGHT, "errors")) == FAILED
    assert error(gateway)["error_type"] == "GATEWAY_INVALID_MQTT_TOPIC"


@pytest.mark.parametrize(
    ("sent", "error_type", "name"),
    [
        (b"\x40\x02\x00\x63", "GATEWAY_UNEXPECTED_PACKET_ID", "PUBACK"),
        (b"\x50\x02\x00\x63", "GATEWAY_UNEXPECTED_MESSAGE_TYPE", "PUBREC"),
        (b"\x62\x02\x00\x63", "GATEWAY_UNEXPECTED_MESSAGE_TYPE", "PUBREL"),
        (b"\x70\x02\x00\x63", "GATEWAY_UNEXPECTED_MESSAGE_TYPE", "PUBCOMP"),
    ],
)
def test_acknowledgement_of_nothing_is_an_error(desk, sent, error_type, name):
    cloud = Cloud(desk)
    raw, client_id = desk.raw(), CLIENT_ID["clearblade"] + GATEWAY
    raw.send(connect(client_id, flags=0xC2, rest=text("unused") + text(cloud.token(GATEWAY))))
    assert raw.read(4) == b"\x20\x02\x00\x00"
    raw.send(sent)
    record = json.loads(desk.log.wait("event")["payload"])
    assert (record["error_type"], record["device_id"]) == (error_type, GATEWAY)
    assert record["mqtt_message_info"] == {"message_type": name, "topic": "", "packet_id": 99}


def test_expected_acknowledgement_is_no_error(desk):
    cloud = Cloud(desk)
    gateway = cloud.gateway()
    gateway.subscribe(cloud.topic(GATEWAY, "config"), 1)
    gateway.message()  # which paho acknowledges
    assert_withheld(cloud, gateway)
    assert not desk.log.has("event")


def test_attached_device_that_reports_its_state_too_fast_is_detached(desk):
    cloud = Cloud(desk, state_per_s=0.01)
    gateway = cloud.gateway()
    cloud.attach(gateway)
    gateway.publish(cloud.topic(LIGHT, "state"), b"on", qos=1)
    gateway.paho.publish(cloud.topic(LIGHT, "state"), b"off", 1)
    assert error(gateway) == {
        "error_type": "GATEWAY_DETACHMENT_DEVICE_ERROR",
        "device_id": LIGHT,
        "description": "Device detached because of a device error: state comes too fast.",
    }
    assert_withheld(cloud, gateway)
    assert cloud.hub.devices()[GATEWAY]["attached"] == []


# --- what the operator does ---


@pytest.mark.parametrize(("method", "is_detached"), [(BOUND, True), (BOTH, True), (TOKEN, False)])
def test_unbinding_detaches_where_binding_is_needed(desk, method, is_detached):
    cloud = Cloud(desk, method=method)
    gateway = cloud.gateway()
    cloud.attach(gateway, LIGHT, cloud.token(LIGHT))
    gateway.subscribe(cloud.topic(LIGHT, "commands/#"))
    cloud.hub.unbind(GATEWAY, LIGHT)
    if is_detached:
        assert error(gateway)["error_type"] == "GATEWAY_DETACHMENT_DEVICE_ERROR"
        with pytest.raises(DeskError, match="nobody is subscribed"):
            cloud.hub.send_command(LIGHT, b"")
    assert cloud.hub.devices()[GATEWAY]["attached"] == ([] if is_detached else [LIGHT])


ERROR_TYPES = [
    "GATEWAY_ATTACHMENT_ERROR",
    "GATEWAY_DEVICE_NOT_FOUND",
    "GATEWAY_INVALID_MQTT_TOPIC",
    "GATEWAY_UNEXPECTED_PACKET_ID",
    "GATEWAY_UNEXPECTED_MESSAGE_TYPE",
    "GATEWAY_DETACHMENT_DEVICE_ERROR",
    "UNKNOWN",
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("error_type", ERROR_TYPES)
def test_operator_raises_any_error(desk, dialect, error_type):
    cloud = Cloud(desk, dialect)
    gateway = cloud.gateway()
    cloud.attach(gateway)
    gateway.subscribe(cloud.topic(LIGHT, "commands/#"))
    cloud.hub.raise_event(error_type, LIGHT, description="as a test")
    record = error(gateway)
    assert (record["error_type"], record["device_id"]) == (error_type, LIGHT)
    assert "as a test" in record["description"]
    is_detached = error_type == "GATEWAY_DETACHMENT_DEVICE_ERROR"
    assert cloud.hub.devices()[GATEWAY]["attached"] == ([] if is_detached else [LIGHT])
    with pytest.raises(DeskError, match="lost") if is_detached else contextlib.nullcontext():
        cloud.hub.send_command(LIGHT, b"on")


def test_operator_names_the_gateway_that_is_told(desk):
    cloud = Cloud(desk)
    with pytest.raises(DeskError, match="nobody can be told: gateway 'gateway-1' is not connected"):
        cloud.hub.raise_event("UNKNOWN", LIGHT, gateway=GATEWAY)
    gateway = cloud.gateway()
    with pytest.raises(DeskError, match="nobody can be told: a gateway that has 'light-1' attached is not"):
        cloud.hub.raise_event("UNKNOWN", LIGHT)
    cloud.hub.raise_event("UNKNOWN", LIGHT, gateway=GATEWAY)
    assert error(gateway)["error_type"] == "UNKNOWN"


WRONG_BINDINGS = {
    "no-gateway": (lambda hub: hub.bind(SENSOR, LIGHT), "device 'sensor-1' is no gateway."),
    "unknown-gateway": (lambda hub: hub.bind("x", LIGHT), "device 'x' is not in the registry."),
    "unknown-device": (lambda hub: hub.bind(GATEWAY, "x"), "device 'x' is not in the registry."),
    "gateway-to-gateway": (
        lambda hub: hub.bind(GATEWAY, GATEWAY),
        "device 'gateway-1' is a gateway; expected",
    ),
    "too-many-devices": (
        lambda hub: hub.bind(GATEWAY, LAMP),
        "gateway 'gateway-1' has as many bound devices",
    ),
    "too-many-gateways": (lambda hub: hub.bind("gateway-2", LIGHT), "device 'light-1' has as many gateways"),
    "unbind-unbound": (lambda hub: hub.unbind(GATEWAY, LAMP), "device 'lamp-1' is not bound to gateway 'gat"),
    "known-already": (lambda hub: hub.add_devices([Device(LIGHT)]), "two devices have the id 'light-1'"),
}


@pytest.mark.parametrize(("order", "complaint"), WRONG_BINDINGS.values(), ids=WRONG_BINDINGS)
def test_wrong_binding_is_one_sentence(desk, order, complaint):
    cloud = Cloud(desk, bound_max=1, gateways_max=1)
    cloud.hub.add_devices([Device("gateway-2", gateway=BOUND)])
    with pytest.raises(DeskError) as problem:
        order(cloud.hub)
    assert problem.value.message.startswith(complaint)


def test_devices_are_added_all_or_none(desk):
    cloud = Cloud(desk)
    with pytest.raises(DeskError, match="device 'x' is not in the registry"):
        cloud.hub.add_devices([Device("new-1"), Device("new-2", gateway=BOUND, bound=("new-1", "x"))])
    assert not {"new-1", "new-2"} & set(cloud.hub.devices())


@pytest.mark.parametrize(("dialect", "is_blocked"), [("clearblade", False), ("omnicore", True)])
def test_blocked_gateway_blocks_its_devices_on_omnicore(desk, pki, dialect, is_blocked):
    cloud = Cloud(desk, dialect)
    cloud.hub.add_devices([Device("gateway-2", gateway=BOUND, bound=(LIGHT,), blocked=True)])
    assert (cloud.client(LIGHT).connack() != 0) == is_blocked


def test_gateway_stays_connected_after_all_that(desk):
    cloud = Cloud(desk)
    gateway = cloud.gateway()
    for kind in ("attach", "events", "state"):
        gateway.paho.publish(cloud.topic("nobody", kind), b"", 1)
        assert error(gateway)["device_id"] == "nobody"
    assert_withheld(cloud, gateway)
    assert gateway.lost.empty()
