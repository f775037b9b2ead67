"""Records of `hublink events` as people and scripts read them, and which of them somebody wants."""

import json
import re
from dataclasses import replace

import pytest
from hublink_desk import device_code
from hublink_desk.events.filters import Filter
from hublink_desk.events.record import heard, json_line, line, posted

from host_tests.system.webhook_parts import CLOUD_EVENT, EVENT

TLS = {"ca": ["ca.der"], "cert": "device.der", "key": "device.key.der"}
SETTINGS = device_code.parse(
    json.dumps(
        {
            "device": "monitor",
            "hub": {"type": "scaleway", "host": "iot.fr-par.scw.cloud", "device_id": "m"},
            "tls": TLS,
        }
    ).encode()
)
TOPIC = "$SCW/events/error/device/my-device-id"
# The documented example (hub-dialects 2.6).
DENIED = {
    "time": "2020-03-24T09:02:12Z",
    "severity": "error",
    "object-type": "device",
    "object-id": "my-device-id",
    "msg": "unauthorized topic [foo/bar]",
    "packet": "PUBLISH: dup: false qos: 0 retain: false rLength: 10",
}
NOW = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ")


def of_mqtt(payload=DENIED):
    return heard(SETTINGS, TOPIC, payload if isinstance(payload, bytes) else json.dumps(payload).encode())


def of_post(event=EVENT):
    [record] = posted(event if isinstance(event, bytes) else json.dumps(event).encode())
    return record


# --- lines ---


def test_lines_for_people():
    assert line(of_mqtt(), False) == (
        "2020-03-24T09:02:12Z error   iot.fr-par.scw.cloud sec.topic_denied device my-device-id: "
        "unauthorized topic [foo/bar]"
    )
    assert line(of_post(), True) == (
        "2018-06-02T19:17:44.4383997Z info    h DeviceConnected device LogicAppTestDevice: "
        "DeviceConnected egtesthub1 (late)"
    )


def test_what_is_no_event_is_a_line_with_its_text():
    record = of_post(b"\x1b[2J\n?")
    assert line(record, False) == f"{record.received} warning azure unparsed ?[2J??"
    assert line(of_mqtt(b"hello"), False).endswith(" warning iot.fr-par.scw.cloud unparsed hello")


def test_what_a_terminal_would_obey_is_escaped():
    told = line(of_mqtt({**DENIED, "msg": "a\x1b[2J\nb\u202e\ud800"}), False)
    assert told.endswith(r"a\x1b[2J\nb\u202e\ud800")
    assert told.encode()


def test_json_line_of_mqtt():
    record = of_mqtt()
    assert NOW.fullmatch(record.received)
    assert json.loads(json_line(record, False)) == {
        "hub": "scaleway",
        "hub_name": "iot.fr-par.scw.cloud",
        "severity": "error",
        "code": "sec.topic_denied",
        "object_type": "device",
        "object_id": "my-device-id",
        "message": "unauthorized topic [foo/bar]",
        "packet": DENIED["packet"],
        "time": "2020-03-24T09:02:12Z",
        "received": record.received,
        "late": False,
        "topic": TOPIC,
        "raw": DENIED,
    }


@pytest.mark.parametrize("event", [EVENT, CLOUD_EVENT])
def test_json_line_of_a_post(event):
    told = json.loads(json_line(of_post(event), True))
    assert (told["hub"], told["hub_name"], told["object_id"]) == ("azure", "h", "LogicAppTestDevice")
    assert (told["late"], told["topic"], told["raw"]) == (True, None, event)


def test_without_a_time_it_is_when_it_was_received():
    record = of_mqtt({"msg": "hub is locked", "object-id": "1"})
    told = json.loads(json_line(record, False))
    assert told["time"] == told["received"] == record.received
    assert line(record, False).startswith(record.received)


@pytest.mark.parametrize("odd", [b"NaN", b"-Infinity", b'"\\ud800"', b"[" * 300 + b"]" * 300])
def test_json_line_is_one_line_of_json_whatever_came(odd):
    payload = json.dumps(DENIED).encode()[:-1] + b',"odd":' + odd + b"}"
    told = json_line(of_mqtt(payload), False)
    assert "\n" not in told
    read = json.loads(told, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert read["code"] == "sec.topic_denied"
    assert (read["raw"] is None) == (odd in (b"NaN", b"-Infinity"))
    assert told.encode()


# --- filters ---

MODULE = {**EVENT, "data": {**EVENT["data"], "moduleId": "m"}}
WANTED = [
    ({}, True, True),
    ({"severity": "debug"}, True, True),
    ({"severity": "info"}, True, True),
    ({"severity": "warning"}, True, False),
    ({"severity": "error"}, True, False),
    ({"codes": ("sec.topic_denied",)}, True, False),
    ({"codes": ("x", "DeviceConnected")}, False, True),
    ({"codes": ("sec",)}, False, False),
    ({"devices": ("my-device-id", "x")}, True, False),
    ({"devices": ("LogicAppTestDevice",)}, False, True),
    ({"devices": ("logicapptestdevice",)}, False, False),
    ({"hubs": ("scaleway",)}, True, False),
    ({"hubs": ("azure", "scaleway")}, True, True),
    ({"hubs": ("H",)}, False, True),
    ({"hubs": ("IOT.fr-par.scw.cloud",)}, True, False),
    ({"subject_prefix": "devices/Logic"}, False, True),
    ({"subject_prefix": "DEVICES/logic", "subject_suffix": "DEVICE"}, False, True),
    ({"subject_prefix": "devices/Logic", "subject_suffix": "x"}, False, False),
    ({"subject_prefix": "x", "subject_suffix": "Device"}, False, False),
    ({"subject_suffix": "TestDevice"}, False, True),
    ({"codes": ("DeviceConnected",), "hubs": ("scaleway",)}, False, False),
]


@pytest.mark.parametrize(("given", "wants_mqtt", "wants_post"), WANTED)
def test_filter_wants(given, wants_mqtt, wants_post):
    assert Filter(**given).wants(of_mqtt()) is wants_mqtt
    assert Filter(**given).wants(of_post()) is wants_post


def test_letters_of_a_hubs_name_may_have_any_size():
    assert Filter(hubs=("iot.example.test",)).wants(replace(of_mqtt(), hub_name="IoT.example.test"))


def test_what_is_no_event_has_a_severity_and_a_code_and_no_more():
    odd = of_post(b"x")
    assert Filter(severity="warning", codes=("unparsed",), hubs=("azure",)).wants(odd)
    assert not Filter(severity="error").wants(odd)
    assert not Filter(subject_prefix="x").wants(odd)
    assert not Filter(devices=("x",)).wants(odd)
