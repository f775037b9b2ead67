"""The desk hub as Azure IoT Hub: twins and direct methods (hub-dialects 5.2)."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hublink_desk.errors import DeskError
from hublink_desk.hub.control import Control

from host_tests.system.azure_parts import PINNED, PRIMARY, SENSOR, TOKEN, Cloud, telemetry
from host_tests.system.desk_hub_parts import PATIENCE_S
from host_tests.system.test_desk_hub_control import ctl

RES, DESIRED, METHODS = (
    "$iothub/twin/res/#",
    "$iothub/twin/PATCH/properties/desired/#",
    "$iothub/methods/POST/#",
)
REPORTED = "$iothub/twin/PATCH/properties/reported/?$rid="


def listening(cloud, *filters):
    client = cloud.connected()
    for wanted in filters:
        assert client.subscribe(wanted) == 0
    return client


def twin_of(client, rid="get"):
    client.publish(f"$iothub/twin/GET/?$rid={rid}", qos=1)
    topic, payload = client.message()
    assert topic == f"$iothub/twin/res/200/?$rid={rid}"
    return json.loads(payload)


def report(client, payload, rid="1"):
    """(topic, payload) of the answer."""
    client.publish(REPORTED + rid, payload)
    return client.message()


# --- twin ---


def test_fresh_twin_is_empty(desk):
    client = listening(Cloud(desk), RES)
    assert twin_of(client, "a%20b") == {"desired": {"$version": 1}, "reported": {"$version": 1}}


# Patches in their order, then what is there.
MERGES = {
    "one": (['{"a":1}'], {"a": 1}),
    "more": (['{"a":1}', '{"b":[1,null]}'], {"a": 1, "b": [1, None]}),
    "other-value": (['{"a":1}', '{"a":"x"}'], {"a": "x"}),
    "null-deletes": (['{"a":1,"b":2}', '{"a":null}'], {"b": 2}),
    "null-of-nothing": (['{"a":null}'], {}),
    "nested": (['{"a":{"b":1,"c":2}}', '{"a":{"b":null,"d":3}}'], {"a": {"c": 2, "d": 3}}),
    "nested-null-of-nothing": (['{"a":{"b":null}}'], {"a": {}}),
    "object-over-value": (['{"a":1}', '{"a":{"b":1}}'], {"a": {"b": 1}}),
    "value-over-object": (['{"a":{"b":1}}', '{"a":1}'], {"a": 1}),
    "array-is-replaced": (['{"a":[1,2]}', '{"a":[3]}'], {"a": [3]}),
    "nothing": (["{}"], {}),
    "deep": (['{"a":' * 10 + "1" + "}" * 10], json.loads('{"a":' * 10 + "1" + "}" * 10)),
    "text": (['{"ä":"ö\\n"}'], {"ä": "ö\n"}),
}


@pytest.mark.parametrize(("patches", "expected"), MERGES.values(), ids=MERGES)
def test_reported_patch_is_merged_and_versioned(desk, patches, expected):
    client = listening(Cloud(desk), RES)
    for version, patch in enumerate(patches, 2):
        assert report(client, patch) == (f"$iothub/twin/res/204/?$rid=1&$version={version}", b"")
    reported = {**expected, "$version": 1 + len(patches)}
    assert twin_of(client) == {"desired": {"$version": 1}, "reported": reported}


BAD_PATCHES = {
    "nothing": b"",
    "no-json": b"{",
    "no-utf-8": b"\xff",
    "no-object": b"[]",
    "not-a-number": b'{"a":NaN}',
    "empty-key": b'{"":1}',
    "key-with-dollar": b'{"$version":1}',
    "key-with-dot": b'{"a.b":1}',
    "key-with-space": b'{"a":{"b c":1}}',
    "too-deep": b'{"a":' * 11 + b"1" + b"}" * 11,
    "far-too-deep": b'{"a":' * 5_000,
    "too-large": b'{"a":"' + b"x" * 32 * 1024 + b'"}',
}


@pytest.mark.parametrize("patch", BAD_PATCHES.values(), ids=BAD_PATCHES)
def test_bad_patch_is_400_and_changes_nothing(desk, patch):
    client = listening(Cloud(desk), RES)
    topic, payload = report(client, patch)
    assert topic == "$iothub/twin/res/400/?$rid=1"
    assert "the patch " in json.loads(payload)["message"]
    assert twin_of(client)["reported"] == {"$version": 1}


@pytest.mark.parametrize("request_topic", ["$iothub/twin/GET/?$rid=7", REPORTED + "7"])
def test_requests_that_come_too_fast_are_429(desk, request_topic):
    client = listening(Cloud(desk, twin_per_s=0.01), RES)
    for status in ("200" if "GET" in request_topic else "204", "429", "429"):
        client.publish(request_topic, "{}")
        assert client.message()[0].startswith(f"$iothub/twin/res/{status}/?$rid=7")


def test_every_request_may_be_answered_with_a_status(desk):
    client = listening(Cloud(desk, twin_status=503), RES)
    assert report(client, "{}", "8") == ("$iothub/twin/res/503/?$rid=8", b"")


def test_answers_are_for_the_one_that_asked_and_listens(desk):
    cloud = Cloud(desk)
    client, other = listening(cloud, RES), cloud.connected(PINNED, identity="self_signed")
    other.publish("$iothub/twin/GET/?$rid=1", qos=1)  # it does not listen
    twin_of(client)
    assert client.messages.empty()
    assert other.messages.empty()


def test_desired_patches_reach_who_listens_with_their_version(desk):
    cloud = Cloud(desk)
    cloud.hub.push_config(SENSOR, '{"every_s":10,"lamp":{"on":true}}')  # nobody is there
    client = listening(cloud, RES, DESIRED)
    cloud.hub.push_config(SENSOR, b'{"lamp":null,"x":1}')
    topic, payload = client.message()
    assert topic == "$iothub/twin/PATCH/properties/desired/?$version=3"
    assert json.loads(payload) == {"lamp": None, "x": 1, "$version": 3}
    assert twin_of(client)["desired"] == {"every_s": 10, "x": 1, "$version": 3}
    assert cloud.hub.devices()[SENSOR]["twin"]["desired"]["$version"] == 3


@pytest.mark.parametrize(
    ("device", "payload", "complaint"),
    [
        ("x", "{}", "device 'x' is not in the registry."),
        (SENSOR, "[]", "desired properties: the patch is no JSON object."),
        (SENSOR, b'{"a b":1}', "desired properties: the patch has the key 'a b'; expected"),
    ],
)
def test_wrong_desired_patch_is_one_sentence(desk, device, payload, complaint):
    hub = Cloud(desk).hub
    with pytest.raises(DeskError) as error:
        hub.push_config(device, payload)
    assert error.value.message.startswith(complaint)
    assert hub.devices()[SENSOR]["twin"]["desired"] == {"$version": 1}


# --- direct methods ---


class Callee:
    """A device that answers each method in paho's thread with `answer(topic, payload)`: (status, payload)."""

    def __init__(self, cloud, answer):
        self.client = cloud.connected()
        self.asked = []
        self.client.paho.on_message = lambda _client, _userdata, message: self._asked(message, answer)
        assert self.client.subscribe(METHODS) == 0

    def _asked(self, message, answer):
        self.asked.append((message.topic, message.payload))
        rid = message.topic.partition("?$rid=")[2]
        for status, payload in answer:
            self.client.paho.publish(f"$iothub/methods/res/{status}/?$rid={rid}", payload)


ANSWERS = {
    "object": ((200, b'{"done":true}'), {"status": 200, "payload": {"done": True}}),
    "empty": ((200, b""), {"status": 200, "payload": None}),
    "own-status": ((-3, b"[1]"), {"status": -3, "payload": [1]}),
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_method_is_answered(desk, answer, expected):
    cloud = Cloud(desk)
    callee = Callee(cloud, [answer])
    assert cloud.hub.call_method(SENSOR, "re boot", '{"in_s":5}') == expected
    assert cloud.hub.call_method(SENSOR, "stop") == expected
    assert callee.asked == [
        ("$iothub/methods/POST/re%20boot/?$rid=1", b'{"in_s":5}'),
        ("$iothub/methods/POST/stop/?$rid=2", b""),
    ]


def test_first_answer_counts_and_others_are_dropped(desk):
    cloud = Cloud(desk)
    Callee(cloud, [(200, b"1"), (500, b"2")])
    assert cloud.hub.call_method(SENSOR, "stop")["status"] == 200
    assert desk.log.wait("drop")["reason"] == "nobody waits for an answer to request '1'"


def test_answer_of_another_device_is_dropped(desk):
    cloud = Cloud(desk)
    client = listening(cloud, METHODS)
    other = cloud.connected(PINNED, identity="self_signed")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(cloud.hub.call_method, SENSOR, "stop")
        client.message()
        other.publish("$iothub/methods/res/200/?$rid=1", b"1", qos=1)
        client.publish("$iothub/methods/res/201/?$rid=1", b"2", qos=1)
        assert call.result(PATIENCE_S) == {"status": 201, "payload": 2}


def test_late_answer_is_dropped(desk):
    cloud = Cloud(desk)
    client = listening(cloud, METHODS)
    with pytest.raises(DeskError, match=r"'sensor-1' did not answer 'stop' within 0.05 s"):
        cloud.hub.call_method(SENSOR, "stop", timeout_s=0.05)
    client.publish("$iothub/methods/res/200/?$rid=1", b"1", qos=1)
    assert desk.log.wait("drop")["reason"] == "nobody waits for an answer to request '1'"
    client.publish(telemetry(), b"", qos=1)


def test_answer_that_is_no_json_is_one_sentence(desk):
    cloud = Cloud(desk)
    Callee(cloud, [(200, b"{")])
    with pytest.raises(DeskError, match=r"'sensor-1' answered with b'{'; expected JSON"):
        cloud.hub.call_method(SENSOR, "stop")


@pytest.mark.parametrize(
    ("device", "payload", "complaint"),
    [
        ("x", "", "device 'x' is not in the registry."),
        (
            TOKEN,
            "",
            "'stop' is not called: 'sensor-3' is not subscribed to $iothub/methods/POST/stop/?$rid=1.",
        ),
        (SENSOR, bytes(128 * 1024 + 1), "the payload has 131073 bytes; expected at most 131072."),
    ],
)
def test_wrong_call_is_one_sentence(desk, device, payload, complaint):
    cloud = Cloud(desk)
    listening(cloud, METHODS)
    with pytest.raises(DeskError) as error:
        cloud.hub.call_method(device, "stop", payload)
    assert error.value.message == complaint


def test_hub_cannot_wait_for_an_answer_in_its_own_thread(desk):
    cloud = Cloud(desk)
    problems = []

    def call(record):
        if record["what"] == "publish":
            with pytest.raises(RuntimeError, match="the desk hub cannot wait for itself") as error:
                cloud.hub.call_method(SENSOR, "stop")
            problems.append(error)

    desk.log.also = call
    cloud.connected().publish(telemetry(), b"", qos=1)
    assert len(problems) == 1


# --- hublink hub-ctl ---


def test_every_order_over_http(desk, tmp_path):
    cloud = Cloud(desk)
    callee = Callee(cloud, [(200, b'{"ok":1}')])
    with Control(cloud.hub) as control:

        def does(*arguments):
            code, out, problem = ctl(control.port, *arguments)
            assert (code, problem) == (0, ""), arguments
            return out

        more = tmp_path / "more.toml"
        more.write_text(f'[[device]]\nid = "sensor-4"\nauth = "sas"\nprimary = "{PRIMARY}"\n')
        does("add", more)
        assert json.loads(does("call", SENSOR, "reboot", '{"in_s":5}')) == {
            "status": 200,
            "payload": {"ok": 1},
        }
        assert callee.asked == [("$iothub/methods/POST/reboot/?$rid=1", b'{"in_s":5}')]
        does("message", "sensor-4", "on", "--property", "$.ct=text/plain", "--property", "flag")
        does("config", "sensor-4", '{"every_s":10}')
        does("rotate", "sensor-4", "bmV3")
        does("enable", "sensor-4", "--off")
        about = json.loads(does("devices", "--json"))["sensor-4"]
        assert (about["pending"], about["enabled"], about["primary"]) == (1, False, "bmV3")
        assert about["twin"]["desired"] == {"every_s": 10, "$version": 2}
        does("enable", "sensor-4")
        assert cloud.hub.devices()["sensor-4"]["enabled"] is True
        does("event", "DeviceRenamed", "--about", "sensor-4")
        does("remove", "sensor-4")
        assert "sensor-4" not in cloud.hub.devices()
