"""The desk hub as Azure IoT Hub: device twins (hub-dialects 5.2)."""

import json

import pytest
from hublink_desk.errors import DeskError

from host_tests.system.azure_parts import PINNED, SENSOR, Cloud, listening

RES, DESIRED = "$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#"
REPORTED = "$iothub/twin/PATCH/properties/reported/?$rid="


def twin_of(client, rid="get"):
    client.publish(f"$iothub/twin/GET/?$rid={rid}", qos=1)
    topic, payload = client.message()
    assert topic == f"$iothub/twin/res/200/?$rid={rid}"
    return json.loads(payload)


def report(client, payload, rid="1"):
    """(topic, payload) of the answer."""
    client.publish(REPORTED + rid, payload)
    return client.message()


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
    "deep": (['{"a":' * 11 + "1" + "}" * 11], json.loads('{"a":' * 11 + "1" + "}" * 11)),
    "long-key": (['{"' + "k" * 1024 + '":1}'], {"k" * 1024: 1}),
    "large-numbers": (['{"a":[4503599627370495,-4503599627370496]}'], {"a": [4503599627370495, -(1 << 52)]}),
    "long-text": (['{"a":"' + "x" * 4096 + '"}'], {"a": "x" * 4096}),
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
    "infinite": b'{"a":1e999}',
    "half-a-character": b'{"a":"\\ud800"}',
    "half-a-character-in-a-key": b'{"\\ud800":1}',
    "empty-key": b'{"":1}',
    "key-with-dollar": b'{"$version":1}',
    "key-with-dot": b'{"a.b":1}',
    "key-with-space": b'{"a":{"b c":1}}',
    "key-with-control": b'{"a\\u0085":1}',
    "key-too-long": b'{"' + b"k" * 1025 + b'":1}',
    "key-in-array": b'{"a":[{"b.c":1}]}',
    "too-deep": b'{"a":' * 12 + b"1" + b"}" * 12,
    "far-too-deep": b'{"a":' * 5_000,
    "number-too-large": b'{"a":4503599627370496}',
    "number-too-small": b'{"a":-4503599627370497}',
    "text-too-long": b'{"a":"' + b"x" * 4097 + b'"}',
    "too-large": json.dumps({f"k{n}": "x" * 4096 for n in range(8)}).encode(),
}


@pytest.mark.parametrize("patch", BAD_PATCHES.values(), ids=BAD_PATCHES)
def test_bad_patch_is_400_and_changes_nothing(desk, patch):
    client = listening(Cloud(desk), RES)
    topic, payload = report(client, patch)
    assert topic == "$iothub/twin/res/400/?$rid=1"
    assert "the patch " in json.loads(payload)["message"]
    assert twin_of(client)["reported"] == {"$version": 1}


def test_twin_may_not_grow_too_large_by_small_patches(desk):
    client = listening(Cloud(desk, twin_max_len=20), RES)
    assert report(client, '{"a":"12345"}')[0].startswith("$iothub/twin/res/204/")
    assert report(client, '{"b":"12345"}')[0].startswith("$iothub/twin/res/400/")
    assert report(client, '{"a":null,"b":"12345"}')[0].startswith("$iothub/twin/res/204/")


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
