# hubs.clearblade and hubs.omnicore: topics, credentials, and every documented error in each form seen.
import json
from binascii import a2b_base64

from hublink.hubs import clearblade, generic, omnicore

# Every documented error_type.
_TYPES = (
    "GATEWAY_ATTACHMENT_ERROR", "GATEWAY_DEVICE_NOT_FOUND", "GATEWAY_INVALID_MQTT_TOPIC",
    "GATEWAY_UNEXPECTED_PACKET_ID", "GATEWAY_UNEXPECTED_MESSAGE_TYPE",
    "GATEWAY_DETACHMENT_DEVICE_ERROR", "UNKNOWN",
)  # fmt: skip
# Captured from a gateway (hub-dialects 3.5).
_DETACHED = (
    b'{"error_type":"GATEWAY_DETACHMENT_DEVICE_ERROR","description":"Device detached because of a device '
    b'error.","device_id":"light_switch_001"}'
)
_NOT_FOUND = (
    b'{"error_type":"GATEWAY_DEVICE_NOT_FOUND","description":"The specified device with ID '
    b'\'light_switch_001\' is not attached to the gateway.","device_id":"light_switch_001",'
    b'"mqtt_message_info":{"message_type":"PUBLISH","topic":"/devices/light_switch_001/state","packet_id":10}}'
)
_INFO = {"message_type": "PUBLISH", "topic": "/devices/d1/events", "packet_id": 7}


def _settings(module, **given):
    settings = {setting: default for setting, _, default, _, _ in module.FIELDS}
    settings.update(project="p1", subscription="s1", registry="reg")
    settings.update(given)
    return settings


def _clearblade(**given):
    return clearblade.Hub(_settings(clearblade, **given), "gw-1")


def _omnicore(**given):
    return omnicore.Hub(_settings(omnicore, **given), "gw-1")


# -- what the hubs are told ----------------------------------------------------------------------


def case_client_ids_name_the_whole_path():
    hub = _clearblade(region="europe-west1", device_id="{device}-a")
    path = b"projects/p1/locations/europe-west1/registries/reg/devices/gw-1-a"
    assert hub.credentials(b"token") == (path, b"unused", b"token")
    assert hub.device_id == "gw-1-a"
    path = b"subscriptions/s1/registries/reg/devices/gw-1"
    assert _omnicore().credentials(b"token") == (path, b"unused", b"token")


# The private key of RFC 6979's examples, as SEC1.
_KEY = bytes.fromhex(
    "30310201010420c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721a00a06082a8648ce3d030107"
)


def case_tokens_are_for_the_project_or_the_subscription():
    for hub, audience in ((_clearblade(), "p1"), (_omnicore(), "s1")):
        hub.take({"key": _KEY})
        token = list(hub.sign(1000, 4600))[-1]
        claims = token.split(b".")[1]
        claims = json.loads(a2b_base64(claims + b"=" * (-len(claims) % 4)))
        assert claims == {"aud": audience, "iat": 1000, "exp": 4600}
    assert _clearblade(token_life_s=1200).token_life_s == 1200


def case_topics_of_the_device():
    hub = _clearblade()
    assert hub.telemetry_topic == b"/devices/gw-1/events"
    assert hub.telemetry("a/b") == b"/devices/gw-1/events/a/b"
    assert hub.state_topic == b"/devices/gw-1/state"
    hub = _omnicore()
    assert hub.telemetry_topic == b"/reg/gw-1/events"
    assert hub.state_topic == b"/reg/gw-1/state"


def case_configuration_commands_and_for_gateways_errors_are_subscribed_for_in_this_order():
    own = [
        (b"/devices/gw-1/config", 1, generic.CONFIG),
        (b"/devices/gw-1/commands/#", 1, generic.COMMAND),
    ]
    assert _clearblade().routes == own
    assert _clearblade(gateway=True).routes == own + [(b"/devices/gw-1/errors", 0, generic.EVENT)]
    assert _omnicore(gateway=True).subscriptions() == [
        (b"/reg/gw-1/config", 1), (b"/reg/gw-1/commands/#", 1), (b"/reg/gw-1/errors", 0),
    ]  # fmt: skip


def case_what_these_hubs_forbid_is_not_done():
    for hub in (_clearblade(), _omnicore()):
        assert hub.will() is None
        assert (hub.retain, hub.CLEAN_SESSION, hub.MAX_QOS, hub.FREE_TOPICS) == (False, True, 1, False)


def case_gateways_are_those_that_say_so():
    assert (_clearblade().is_gateway, _clearblade(gateway=True).is_gateway) == (False, True)
    assert (clearblade.Hub.ATTACHED_MAX, omnicore.Hub.ATTACHED_MAX) == (1000, 10000)


def case_names_of_commands_are_the_levels_below():
    for hub, start in ((_clearblade(), b"/devices/gw-1/commands"), (_omnicore(), b"/reg/gw-1/commands")):
        assert hub.command(start) == ""
        assert hub.command(start + b"/reboot") == "reboot"
        assert hub.command(start + b"/a/b/c") == "a/b/c"


def case_topics_of_bound_devices():
    for hub, prefix in ((_clearblade(), b"/devices/"), (_omnicore(), b"/reg/")):
        assert hub.bound_topic("d1", b"attach") == prefix + b"d1/attach"
        assert hub.bound_filters("d1") == [(prefix + b"d1/config", 1), (prefix + b"d1/commands/#", 1)]
        assert hub.bound_of(prefix + b"d1/config") == ["d1", "config", ""]
        assert hub.bound_of(prefix + b"d1/commands/a/b") == ["d1", "commands", "a/b"]
        for topic in (prefix, prefix + b"d1", b"other/d1/config", b"", b"/"):
            assert hub.bound_of(topic) is None, topic


# -- errors --------------------------------------------------------------------------------------


def case_the_captured_errors():
    event = _clearblade().event(b"/devices/gw-1/errors", _DETACHED)
    assert (event.hub, event.severity, event.code) == (
        "clearblade",
        "error",
        "GATEWAY_DETACHMENT_DEVICE_ERROR",
    )
    assert (event.object_type, event.object_id) == ("device", "light_switch_001")
    assert event.message == "Device detached because of a device error."
    assert (event.packet, event.time) == (None, None)
    event = _clearblade().event(b"/devices/gw-1/errors", _NOT_FOUND)
    assert event.packet == "PUBLISH topic: /devices/light_switch_001/state id: 10"
    assert event.raw == json.loads(_NOT_FOUND)


def case_every_type_is_a_code_of_both_hubs():
    for hub in (_clearblade(), _omnicore()):
        for code in _TYPES + ("SOMETHING_NEW",):
            event = hub.event(b"x", json.dumps({"error_type": code, "device_id": "d1"}).encode())
            assert (event.hub, event.code, event.object_id, event.message) == (hub.NAME, code, "d1", None)


def case_the_message_behind_an_error_is_found_wherever_it_is_told():
    code = {"error_type": "GATEWAY_DEVICE_NOT_FOUND"}
    for told in (
        {"mqtt_message_info": _INFO},
        {"message_info": _INFO},
        {"mqtt_message_info": None, "message_info": _INFO},
        {"mqtt_message_info": {}, "message_info": _INFO},
        _INFO,
    ):
        raw = dict(told)
        raw.update(code)
        event = _clearblade().event(b"x", json.dumps(raw).encode())
        assert event.packet == "PUBLISH topic: /devices/d1/events id: 7", told
        assert _clearblade().refused(event) == 7


def _refused(code, message_type, packet_id):
    info = {"message_type": message_type, "packet_id": packet_id}
    event = _clearblade().event(b"x", json.dumps({"error_type": code, "message_info": info}).encode())
    assert str(event)
    return _clearblade().refused(event)


def case_packet_ids_are_numbers_or_texts():
    for given, packet_id in (
        (10, 10),
        ("10", 10),
        (0, 0),
        ("", 0),
        ("x", 0),
        (None, 0),
        ([], 0),
        ({}, 0),
        (65536, 0),
        (-1, 0),
    ):
        assert _refused("GATEWAY_DEVICE_NOT_FOUND", "PUBLISH", given) == packet_id, given


def case_a_message_is_refused_for_good_by_an_error_that_names_its_cause():
    for code in _TYPES:  # UNKNOWN is to be tried again
        assert _refused(code, "PUBLISH", 7) == (0 if code == "UNKNOWN" else 7), code
        # The packet ids of acknowledgements are the hub's, those of subscriptions are no message's.
        for message_type in ("PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "publish"):
            assert _refused(code, message_type, 7) == 0, (code, message_type)


def case_an_error_without_a_message_behind_it_refuses_none():
    raw = b'{"error_type":"GATEWAY_ATTACHMENT_ERROR","device_id":"d1"}'
    assert _clearblade().refused(_clearblade().event(b"x", raw)) == 0
    assert _clearblade().refused(_clearblade().event(b"x", b"no json")) == 0


def case_of_a_detached_device_nothing_is_acknowledged():
    for hub, topic in (
        (_clearblade(), b"/devices/light_switch_001/#"),
        (_omnicore(), b"/reg/light_switch_001/#"),
    ):
        assert hub.refused(hub.event(b"x", _DETACHED)) == topic
        assert hub.refused(hub.event(b"x", b'{"error_type":"GATEWAY_DETACHMENT_DEVICE_ERROR"}')) == 0


def case_other_shapes_are_unparsed():
    for payload in (
        b"", b"{", b"[]", b"null", b'"error_type"', b"{}", b'{"error_type":null}', b'{"error_type":1}',
        b'{"error_type":""}', b'{"error_type":["a"]}', b"[" + _DETACHED + b"]", b"\xff\xfe", b"[" * 900,
    ):  # fmt: skip
        for hub in (_clearblade(), _omnicore()):
            event = hub.event(b"/reg/gw-1/errors", payload)
            assert (event.hub, event.severity, event.code) == (hub.NAME, "warning", "unparsed"), payload


def case_fields_of_the_wrong_type_are_none():
    for value in (1, None, [], {}, True):
        raw = {"error_type": "UNKNOWN", "device_id": value, "description": value, "mqtt_message_info": value}
        event = _clearblade().event(b"x", json.dumps(raw).encode())
        assert (event.code, event.object_id, event.message, event.packet) == ("UNKNOWN", None, None, None)


def case_truncated_at_each_length_it_is_no_exception():
    for length in range(len(_NOT_FOUND)):
        event = _clearblade().event(b"x", _NOT_FOUND[:length])
        assert event.code in ("unparsed", "GATEWAY_DEVICE_NOT_FOUND"), length
