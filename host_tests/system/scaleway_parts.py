"""What the tests of the Scaleway dialect share: three devices, and a watcher of the hub's events."""

import json

from hublink_desk.hub import Device

SENSOR, OTHER, WATCHER = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))
REFUSED = 135  # paho's name for CONNACK 5, not authorised


def scaleway(desk, sensor=None, **settings):
    """A hub with a device to test, another one, and a watcher that its ID lets in."""
    devices = [
        Device(SENSOR, "sensor-1", **(sensor or {})),
        Device(OTHER, "sensor-2"),
        Device(WATCHER, "watcher", allow_insecure=True),
    ]
    return desk.start(devices=devices, **settings)


def watch(desk, topic="$SCW/events/#"):
    watcher = desk.connected(WATCHER)
    assert watcher.subscribe(topic) == 0
    return watcher


def event(watcher):
    """(topic, payload object) of the next event."""
    topic, payload = watcher.message()
    return topic, json.loads(payload)


def assert_event(watcher, object_id, msg):
    topic, record = event(watcher)
    assert topic == f"$SCW/events/error/device/{object_id}"
    assert (record["object-id"], record["msg"]) == (object_id, msg)
    return record
