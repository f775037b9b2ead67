"""The desk hub as Azure IoT Hub: topics, property bags, subscriptions (hub-dialects 5.2)."""

import pytest
from hublink_desk.hub.azure import Telemetry

from host_tests.system.azure_parts import FAILED, PINNED, SENSOR, Cloud, assert_closed, telemetry

DEVICEBOUND = f"devices/{SENSOR}/messages/devicebound/#"
FIXED = [
    DEVICEBOUND,
    "$iothub/twin/res/#",
    "$iothub/twin/PATCH/properties/desired/#",
    "$iothub/methods/POST/#",
]

# --- up ---

BAGS = {
    "none": ("", {}),
    "pair": ("key=value", {"key": "value"}),
    "empty": ("key=", {"key": ""}),
    "null": ("key", {"key": None}),
    "several": ("a=1&b=&c", {"a": "1", "b": "", "c": None}),
    "equals-in-value": ("a=b=c", {"a": "b=c"}),
    "escaped": ("a%20b=%C3%A4%26%3D%2F%2B%23", {"a b": "ä&=/+#"}),
    "question-mark": ("?a=1", {"?a": "1"}),
    "system": (
        "$.ct=application%2Fjson&$.ce=utf-8&%24.mid=7&dev=light-1",
        {"$.ct": "application/json", "$.ce": "utf-8", "$.mid": "7", "dev": "light-1"},
    ),
}


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize(("bag", "properties"), BAGS.values(), ids=BAGS)
def test_telemetry_carries_a_bag(desk, bag, properties, qos):
    cloud = Cloud(desk)
    cloud.connected().publish(telemetry(bag=bag), b"\x00x", qos=qos)
    desk.log.wait("publish")
    [(device, message)] = cloud.received
    assert device == SENSOR
    assert message == Telemetry(telemetry(bag=bag), b"\x00x", qos, properties=properties)


def test_telemetry_topic_needs_no_slash_at_its_end(desk):
    cloud = Cloud(desk)
    cloud.connected().publish(telemetry().rstrip("/"), b"1", qos=1)
    assert cloud.received[0][1].properties == {}


def test_retain_flag_becomes_a_property(desk):
    cloud = Cloud(desk, retain_value="yes")
    cloud.connected().publish(telemetry(bag="a=1"), b"1", qos=1, retain=True)
    assert cloud.received[0][1].properties == {"a": "1", "mqtt-retain": "yes"}
    assert cloud.received[0][1].retain is False


def test_last_will_is_telemetry_that_says_so(desk):
    cloud = Cloud(desk)
    cloud.connected(will=(telemetry(bag="a=1"), b"gone", 1, True))
    cloud.hub.drop(SENSOR)
    desk.log.wait("will")
    [(device, message)] = cloud.received
    assert (device, message.payload) == (SENSOR, b"gone")
    assert message.properties == {"a": "1", "mqtt-retain": "true", "iothub-MessageType": "Will"}


def test_disconnect_leaves_no_will(desk):
    cloud = Cloud(desk)
    cloud.connected(will=(telemetry(), b"gone")).close()
    desk.log.wait("disconnect")
    assert cloud.received == []


NOT_FIXED = "is not one of the fixed topics"
WRONG = {
    "free": ("x", {}, NOT_FIXED),
    "another-device": (telemetry("sensor-2"), {}, NOT_FIXED),
    "no-such-messages": (f"devices/{SENSOR}/messages/eventsx", {}, NOT_FIXED),
    "devicebound": (f"devices/{SENSOR}/messages/devicebound/", {}, NOT_FIXED),
    "no-key": (telemetry(bag="=1"), {}, NOT_FIXED),
    "two-ampersands": (telemetry(bag="a&&b"), {}, NOT_FIXED),
    "half-an-escape": (telemetry(bag="a=%2"), {}, NOT_FIXED),
    "no-utf-8": (telemetry(bag="a=%FF"), {}, NOT_FIXED),
    "twin-response": ("$iothub/twin/res/200/?$rid=1", {}, NOT_FIXED),
    "twin-without-rid": ("$iothub/twin/GET/?", {}, NOT_FIXED),
    "twin-with-an-empty-rid": ("$iothub/twin/GET/?$rid=", {}, NOT_FIXED),
    "twin-with-a-null-rid": ("$iothub/twin/GET/?$rid", {}, NOT_FIXED),
    "twin-desired": ("$iothub/twin/PATCH/properties/desired/?$rid=1", {}, NOT_FIXED),
    "method-status-no-number": ("$iothub/methods/res/ok/?$rid=1", {}, NOT_FIXED),
    "method-without-rid": ("$iothub/methods/res/200/", {}, NOT_FIXED),
    "qos-2": (telemetry(), {"qos": 2}, "QoS 2 is not supported"),
    "large": (telemetry(), {"payload": bytes(256 * 1024 + 1)}, "payload of 262145 bytes is too large"),
}


@pytest.mark.parametrize(("topic", "how", "reason"), WRONG.values(), ids=WRONG)
def test_wrong_publish_closes(desk, topic, how, reason):
    cloud = Cloud(desk)
    sensor = cloud.connected()
    sensor.paho.publish(topic, **how)
    assert_closed(sensor, desk.log, reason)
    assert cloud.received == []


def test_wrong_publish_may_pass_unheard(desk):
    cloud = Cloud(desk, bad_topic="ignore", closes_on_large_payload=False)
    sensor = cloud.connected()
    sensor.publish("x", b"1", qos=1)
    sensor.paho.publish(telemetry(), bytes(256 * 1024 + 1), 1)
    sensor.publish(telemetry(), bytes(256 * 1024), qos=1)
    assert [len(message.payload) for _, message in cloud.received] == [256 * 1024]


# --- subscriptions ---


@pytest.mark.parametrize("wanted", FIXED)
@pytest.mark.parametrize(("qos", "granted"), [(0, 0), (1, 1), (2, 1)])
def test_fixed_filter_is_granted(desk, wanted, qos, granted):
    assert Cloud(desk).connected().subscribe(wanted, qos) == granted


@pytest.mark.parametrize(
    "wanted",
    [
        "#",
        "$iothub/#",
        "$iothub/twin/#",
        "$iothub/methods/#",
        "devices/+/messages/devicebound/#",
        f"devices/{PINNED}/messages/devicebound/#",
        telemetry(bag="#"),
        "x",
    ],
)
def test_subscription_outside_the_fixed_set_closes(desk, wanted):
    sensor = Cloud(desk).connected()
    sensor.paho.subscribe(wanted)
    assert_closed(sensor, desk.log, f"the filter {wanted!r} is not one of the fixed topics")
    assert sensor.subacks.empty()


def test_subscription_outside_the_fixed_set_may_be_refused(desk):
    assert Cloud(desk, bad_filter="refuse").connected().subscribe("x") == FAILED


@pytest.mark.parametrize("is_allowed", [True, False])
def test_part_of_a_fixed_filter_is_a_switch(desk, is_allowed):
    sensor = Cloud(desk, allows_narrow_filters=is_allowed, bad_filter="refuse").connected()
    assert sensor.subscribe("$iothub/methods/POST/reboot/+") == (0 if is_allowed else FAILED)


def test_sixth_subscription_closes(desk):
    sensor = Cloud(desk).connected()
    for wanted in FIXED:
        assert sensor.subscribe(wanted) == 0
    for name in "ab":
        assert sensor.subscribe(f"$iothub/methods/POST/{name}/#") == 0
        sensor.paho.unsubscribe(f"$iothub/methods/POST/{name}/#")
    assert sensor.subscribe("$iothub/methods/POST/c/#") == 0
    assert sensor.subscribe(FIXED[0], 1) == 1  # once more is no more
    sensor.paho.subscribe("$iothub/methods/POST/d/#")
    assert_closed(sensor, desk.log, "it has 5 subscriptions, as many as it may")
