"""The desk hub as Azure IoT Hub: cloud-to-device messages, and how they wait (hub-dialects 5.2)."""

from urllib.parse import parse_qsl

import pytest
from hublink_desk.errors import DeskError

from host_tests.system.azure_parts import PINNED, SENSOR, Cloud, telemetry, username
from host_tests.system.desk_hub_parts import PATIENCE_S, connect, text, wait_until

DEVICEBOUND = f"devices/{SENSOR}/messages/devicebound/#"
DESIRED = "$iothub/twin/PATCH/properties/desired/#"


def bag_of(topic):
    head, bag = topic.rsplit("/", maxsplit=1)
    assert head == f"devices/{SENSOR}/messages/devicebound"
    return dict(parse_qsl(bag, keep_blank_values=True, strict_parsing=False))


def test_message_carries_a_bag(desk):
    cloud = Cloud(desk)
    sensor = cloud.connected()
    assert sensor.subscribe(DEVICEBOUND, 1) == 1
    sent = {"$.ct": "application/json", "$.mid": "m/1", "a b": "ä+#", "empty": "", "null": None}
    cloud.hub.send_message(SENSOR, b"\x00on", sent)
    message = sensor.messages.get(timeout=PATIENCE_S)
    assert (message.payload, message.qos, message.retain) == (b"\x00on", 1, False)
    assert message.topic.endswith("&%24.ct=application%2Fjson&a%20b=%C3%A4%2B%23&empty=&null")
    bag = bag_of(message.topic)
    assert (bag["$.mid"], bag["$.to"]) == ("m/1", f"/devices/{SENSOR}/messages/deviceBound")


def test_message_is_for_one_device_and_has_an_id(desk):
    cloud = Cloud(desk)
    sensor, pinned = cloud.connected(), cloud.connected(PINNED, identity="self_signed")
    sensor.subscribe(DEVICEBOUND)
    pinned.subscribe(f"devices/{PINNED}/messages/devicebound/#")
    cloud.hub.send_message(SENSOR, "1")
    cloud.hub.send_message(SENSOR, "2")
    ids = {bag_of(sensor.message()[0])["$.mid"] for _ in range(2)}
    assert len(ids) == 2
    assert pinned.messages.empty()


def pending(cloud):
    return cloud.hub.devices()[SENSOR]["pending"]


def test_message_waits_for_a_kept_session_until_it_is_acknowledged(desk):
    cloud = Cloud(desk)
    sensor = cloud.connected(clean=False)
    sensor.subscribe(DEVICEBOUND, 1)
    sensor.close()
    desk.log.wait("disconnect")
    for payload in ("1", "2"):
        cloud.hub.send_message(SENSOR, payload)
    raw = desk.raw(cloud.pki.sensor)
    raw.send(connect(SENSOR, flags=0x80, rest=text(username())))
    assert raw.read(4) == b"\x20\x02\x01\x00"  # the session is present
    assert raw.read(1) == b"\x32"  # and the first message comes, is not acknowledged
    raw.close()
    again = cloud.connected(clean=False)
    assert [again.message()[1] for _ in "12"] == [b"1", b"2"]
    wait_until(lambda: pending(cloud) == 0)


def test_message_before_a_clean_session_is_not_delivered_to_it(desk):
    cloud = Cloud(desk)
    cloud.hub.send_message(SENSOR, "earlier")
    sensor = cloud.connected()
    sensor.subscribe(DEVICEBOUND, 1)
    cloud.hub.send_message(SENSOR, "later")
    assert sensor.message()[1] == b"later"
    assert pending(cloud) >= 1


def test_message_before_a_clean_session_is_a_switch(desk):
    cloud = Cloud(desk, delivers_earlier=True)
    cloud.hub.send_message(SENSOR, "earlier")
    sensor = cloud.connected()
    sensor.subscribe(DEVICEBOUND)
    assert sensor.message()[1] == b"earlier"
    wait_until(lambda: pending(cloud) == 0)  # at QoS 0 it is gone


def test_clean_session_ends_what_was_kept(desk):
    cloud = Cloud(desk)
    for is_clean in (False, True):
        client = cloud.connected(clean=is_clean)
        if not is_clean:
            client.subscribe(DEVICEBOUND, 1)
        client.close()
    wait_until(lambda: not cloud.hub.connected())
    last = cloud.connected(clean=False)
    cloud.hub.send_message(SENSOR, "1")
    last.publish(telemetry(), b"", qos=1)
    assert last.messages.empty()
    assert pending(cloud) == 1


@pytest.mark.parametrize("keeps_all", [True, False])
def test_which_filters_a_session_keeps_is_a_switch(desk, keeps_all):
    cloud = Cloud(desk, keeps_all_filters=keeps_all, tells_session=False)
    first = cloud.connected(clean=False)
    first.subscribe(DESIRED)
    first.close()
    wait_until(lambda: not cloud.hub.connected())
    again = cloud.connected(clean=False)
    cloud.hub.push_config(SENSOR, '{"a":1}')
    again.publish(telemetry(), b"", qos=1)
    assert again.messages.empty() != keeps_all


def test_unsubscribed_filter_is_kept_no_longer(desk):
    cloud = Cloud(desk)
    first = cloud.connected(clean=False)
    first.subscribe(DEVICEBOUND, 1)
    first.paho.unsubscribe(DEVICEBOUND)
    desk.log.wait("unsubscribe")
    first.close()
    wait_until(lambda: not cloud.hub.connected())
    again = cloud.connected(clean=False)
    cloud.hub.send_message(SENSOR, "1")
    again.publish(telemetry(), b"", qos=1)
    assert again.messages.empty()


WRONG_MESSAGES = {
    "unknown": (("x",), "device 'x' is not in the registry."),
    "large": ((SENSOR, bytes(64 * 1024 + 1)), "payload has 65537 bytes; expected at most 65536."),
    "no-payload": ((SENSOR, 1), "payload is 1; expected bytes or a text."),
    "number": ((SENSOR, "", {"a": 1}), "properties is {'a': 1}; expected texts, or null for a value."),
    "list": ((SENSOR, "", ["a"]), "properties is ['a']; expected texts, or null for a value."),
    "no-key": ((SENSOR, "", {"": "1"}), "properties is {'': '1'}; expected texts, or null for a value."),
    "large-bag": ((SENSOR, "", {"a": "x" * 65_536}), f"'devices/{SENSOR}/messages/devicebound/%24.mid="),
}


@pytest.mark.parametrize(("arguments", "complaint"), WRONG_MESSAGES.values(), ids=WRONG_MESSAGES)
def test_wrong_message_is_one_sentence(desk, arguments, complaint):
    hub = Cloud(desk).hub
    with pytest.raises(DeskError) as error:
        hub.send_message(*arguments)
    assert error.value.message.startswith(complaint)


def test_fifty_messages_wait_and_no_more(desk):
    cloud = Cloud(desk)
    for _ in range(50):
        cloud.hub.send_message(SENSOR, bytes(64 * 1024))
    with pytest.raises(DeskError, match="50 messages wait for 'sensor-1', as many as may"):
        cloud.hub.send_message(SENSOR)


def test_message_of_the_same_id_is_refused_while_the_first_waits(desk):
    cloud = Cloud(desk)
    cloud.hub.send_message(SENSOR, "1", {"$.mid": "7"})
    with pytest.raises(DeskError, match="a message of that ID"):
        cloud.hub.send_message(SENSOR, "2", {"$.mid": "7"})
