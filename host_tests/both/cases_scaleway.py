# hubs.scaleway: the documented Hub Events (hub-dialects 2.6) in both layouts, and everything that is none.
import json

from hublink.events import Event
from hublink.hubs import scaleway

# Every documented message with something in the place of what varies, and its code.
_MESSAGES = (
    ("cannot read MQTT header", "mqtt.read_header"),
    ("cannot write MQTT packet", "mqtt.write_packet"),
    ("cannot decode MQTT header", "mqtt.decode_header"),
    ("failed to unpack message body", "mqtt.unpack_body"),
    ("unknown MQTT message type: 15", "mqtt.bad_type"),
    ("invalid MQTT QoS value: 3", "mqtt.bad_qos"),
    ("empty topics are not authorized", "mqtt.empty_topic"),
    ("invalid device certificate", "sec.bad_certificate"),
    ("mutual TLS authentication is required", "sec.mtls_required"),
    ("unauthorized topic [foo/bar]", "sec.topic_denied"),
    ("unauthorized topic foo/bar", "sec.topic_denied"),
    ("hub is not ready", "hub.not_ready"),
    ("hub is deleted", "hub.deleted"),
    ("hub is locked", "hub.locked"),
    ("device is deleted", "dev.deleted"),
    ("device is not enabled", "dev.disabled"),
    ("hub product plan has changed", "hub.plan_changed"),
    ("device security has changed, requires authentication", "dev.security_changed"),
    ("certificate common name cannot be empty", "prov.empty_cn"),
    ("could not identify device", "prov.unknown_device"),
    ("device was auto-provisioned", "prov.created"),
    ('service level: "clean session" flag is mandatory to connect to a shared hub', "plan.clean_session"),
    ("service level: publishing retained messages is forbidden on a shared hub", "plan.retain"),
    ("service level: publishing QoS 2 messages is forbidden on a shared hub", "plan.qos2"),
    ("service level: subscribing with QoS 1-2 is forbidden on a shared hub", "plan.sub_qos"),
    ("service level: message payload is too large", "plan.payload"),
    ("'my-bucket' s3 bucket write failed. Error 403 Forbidden: AccessDenied (request-id: tx1)", "route.s3"),
    ("failed to connect to database. Error 08006: connection refused", "route.db_connect"),
    ("failed to prepare 'INSERT INTO t VALUES ($1)' query. Error 42601: syntax error", "route.db_prepare"),
    ("failed to execute query. Error 23505: duplicate key", "route.db_execute"),
)
_TOPIC = b"$SCW/events/error/device/my-device-id"
# The two examples of the documentation.
_FIRST = (
    b'{"time":"2020-01-17T15:01:29Z","severity":"error","object-type":"device",'
    b'"object-id":"secured-device-id","msg":"mutual TLS authentication is required",'
    b'"packet":"CONNECT: dup: false qos: 0 retain: false rLength: 12"}'
)
_SECOND = (
    b'{"time":"2020-03-24T09:02:12Z","severity":"error","object-type":"device","object-id":"my-device-id",'
    b'"msg":"unauthorized topic [foo/bar]","packet":"PUBLISH: dup: false qos: 0 retain: false rLength: 10"}'
)


def _hub(device="plant-7", **given):
    settings = {setting: default for setting, _, default, _, _ in scaleway.FIELDS}
    settings["device_id"] = "0f36-a1"
    settings.update(given)
    return scaleway.Hub(settings, device)


# An event about what a hub says: the least payload, and what is changed in it (None: left out).
def _event(topic=_TOPIC, **changed):
    raw = {"msg": "hub is locked", "object-id": "d1"}
    for name, value in changed.items():
        raw[name.replace("_", "-")] = value
    raw = {name: value for name, value in raw.items() if value is not None}
    return _hub().event(topic, json.dumps(raw).encode())


# -- what the hub is told ------------------------------------------------------------------------


def case_the_device_id_is_client_id_and_user():
    assert _hub().credentials(None) == (b"0f36-a1", b"0f36-a1", None)


def case_events_are_subscribed_for_at_qos_0():
    assert _hub().subscriptions() == [(b"$SCW/events/#", 0)]
    assert _hub(events_prefix="my/events").subscriptions() == [(b"my/events/#", 0)]


def case_a_folder_does_not_lead_to_where_the_hub_reports():
    hub = _hub(telemetry_topic="$SCW")
    for folder in ("eve", "events-2"):
        assert hub.permitted(hub.telemetry(folder)) == b"$SCW/" + folder.encode()
    try:
        hub.permitted(hub.telemetry("events/error/device/x"))
    except ValueError as e:
        assert "is where the hub reports" in str(e), e
    else:
        raise AssertionError


def case_a_shared_hub_takes_no_retained_message():
    assert _hub().retain is False
    assert _hub().will() == (b"plant-7/status", b'{"online":false}', 1, False)


def case_a_dedicated_hub_takes_them():
    assert _hub(plan="dedicated").retain is True
    assert _hub(plan="dedicated").will() == (b"plant-7/status", b'{"online":false}', 1, True)


def case_sessions_are_clean():
    # "clean session" is mandatory on a shared hub.
    assert _hub().CLEAN_SESSION is True
    assert _hub().MAX_QOS == 1


def case_topics_are_made_of_the_device():
    assert _hub().telemetry_topic == b"plant-7/telemetry"
    assert _hub(telemetry_topic="a/{device}").telemetry_topic == b"a/plant-7"


# -- documented events ---------------------------------------------------------------------------


def case_the_first_documented_example():
    event = _hub().event(b"$SCW/events/error/device/secured-device-id", _FIRST)
    assert str(event) == (
        "error sec.mtls_required device secured-device-id: mutual TLS authentication is required"
    )
    assert event.packet == "CONNECT: dup: false qos: 0 retain: false rLength: 12"
    assert (event.hub, event.time) == ("scaleway", "2020-01-17T15:01:29Z")
    assert event.raw == json.loads(_FIRST)


def case_the_second_documented_example():
    event = _hub().event(_TOPIC, _SECOND)
    assert str(event) == "error sec.topic_denied device my-device-id: unauthorized topic [foo/bar]"
    assert event.packet == "PUBLISH: dup: false qos: 0 retain: false rLength: 10"
    assert event.time == "2020-03-24T09:02:12Z"


def case_every_documented_message_has_its_code():
    for message, code in _MESSAGES:
        event = _event(msg=message)
        assert (event.code, event.message) == (code, message), message


def case_codes_of_this_table_and_of_the_module_are_the_same():
    documented = {code for _, code in _MESSAGES}
    assert documented == {code for _, code in scaleway._CODES} | {"route.s3"}


def case_other_messages_are_events_too():
    for message in ("", "something new", "Hub is locked", " hub is locked", "hub is", "s3 bucket"):
        event = _event(msg=message)
        assert (event.code, event.message) == ("scw.other", message), message


def case_every_severity_word_is_known():
    for word, severity in (
        ("error", "error"), ("warn", "warning"), ("warning", "warning"), ("info", "info"), ("debug", "debug"),
    ):  # fmt: skip
        assert _event(severity=word).severity == severity


def case_the_payload_is_trusted_over_the_topic():
    assert _event(b"$SCW/events/error/device/d1", severity="info").severity == "info"


def case_both_layouts_of_the_topic_tell_the_severity():
    for word, severity in (("warn", "warning"), ("warning", "warning"), ("info", "info"), ("debug", "debug")):
        assert _event(b"$SCW/events/%s/device/d1" % word.encode()).severity == severity
        assert _event(b"$SCW/events/device/d1/%s" % word.encode()).severity == severity


def case_a_severity_nobody_knows_is_an_error():
    for word in ("fatal", "ERROR", "", 5, True, ["info"], {"a": 1}):
        assert _event(b"$SCW/events/x/device/d1", severity=word).severity == "error", word
        assert _event(b"$SCW/events/info/device/d1", severity=word).severity == "info", word
    assert _event(b"$SCW/events").severity == "error"


def case_words_of_the_prefix_are_no_severity():
    # Only the levels behind the prefix are the hub's.
    hub = _hub(events_prefix="my/info/debug")
    event = hub.event(b"my/info/debug/warning/device/d1", b'{"msg":"hub is locked","object-id":"d1"}')
    assert event.severity == "warning"


def case_every_object_type_is_kept():
    for object_type in ("device", "route", "hub", "something new"):
        assert _event(object_type=object_type).object_type == object_type
    assert _event().object_type is None


def case_an_unknown_device_is_named_so():
    assert _event(msg="could not identify device", object_id="unknown").object_id == "unknown"


def case_keys_nobody_asked_for_are_kept():
    event = _event(msg="device was auto-provisioned", object_name="plant", source_address="a:55", new=[1])
    assert event.raw["object-name"] == "plant"
    assert event.raw["source-address"] == "a:55"
    assert event.raw["new"] == [1]
    event = _event(msg="failed to execute query. Error 1: x", payload="the payload")
    assert event.raw["payload"] == "the payload"


def case_what_may_be_missing_is_none():
    event = _event()
    assert (event.packet, event.time, event.object_type) == (None, None, None)


def case_characters_of_any_language_are_kept():
    payload = b'{"msg":"unauthorized topic [gr\xc3\xbcn/\\u20ac]","object-id":"\xe2\x82\xac"}'
    event = _hub().event(_TOPIC, payload)
    assert (event.code, event.object_id) == ("sec.topic_denied", "\u20ac")
    assert event.message == "unauthorized topic [gr\u00fcn/\u20ac]"


def case_white_space_around_the_payload_is_nothing():
    assert _hub().event(_TOPIC, b" \n" + _SECOND + b"\r\n\t ").code == "sec.topic_denied"


# -- everything that is none ---------------------------------------------------------------------


def _is_unparsed(payload):
    event = _hub().event(_TOPIC, payload)
    assert isinstance(event, Event)
    assert (event.hub, event.severity, event.code) == ("scaleway", "warning", "unparsed"), payload[:40]
    assert len(event.raw) <= 256
    assert str(event)


def case_what_is_not_json_is_unparsed():
    for payload in (b"", b" ", b"\0", b"hello", b"\xff\xfe", b"'a'", b"nul", b"NaN", b"-", b"<xml/>"):
        _is_unparsed(payload)
    _is_unparsed(bytes(1000))


def case_json_of_another_shape_is_unparsed():
    for payload in (b"[]", b"{}", b"null", b"true", b"0", b"1.5", b'"msg"', b'["msg","object-id"]', b"[[]]"):
        _is_unparsed(payload)
    _is_unparsed(b"[" + _SECOND + b"]")


def case_missing_keys_are_unparsed():
    for payload in (b'{"msg":"hub is locked"}', b'{"object-id":"d1"}', b'{"Msg":"a","object-id":"b"}'):
        _is_unparsed(payload)


def case_a_message_that_is_no_text_is_unparsed():
    for value in (b"1", b"1.5", b"null", b"true", b"[]", b'["hub is locked"]', b"{}", b'{"a":1}'):
        _is_unparsed(b'{"msg":' + value + b',"object-id":"d1"}')


def case_an_object_that_is_no_text_is_unparsed():
    for value in (b"1", b"1.5", b"null", b"true", b"[]", b'["d1"]', b"{}", b'{"a":1}'):
        _is_unparsed(b'{"msg":"hub is locked","object-id":' + value + b"}")


def case_other_fields_are_texts_or_none():
    for name in ("time", "packet", "object_type"):
        for value in (1, 1.5, True, [], {}, ["a"]):
            event = _event(**{name: value})
            assert getattr(event, name) is None or event.code == "unparsed", (name, value)


def case_nesting_without_end_is_no_exception():
    for payload in (
        b"[" * 1000,
        b"[" * 500 + b"]" * 500,
        b'{"a":' * 200,
        b'{"msg":' * 140,
        b'{"msg":"a","object-id":' + b"[" * 450 + b"]" * 450 + b"}",
        b'{"msg":"a","object-id":"b","object-type":' + b"[" * 450 + b"]" * 450 + b"}",
    ):
        event = _hub().event(_TOPIC, payload)
        assert isinstance(event, Event)
        assert str(event)


def case_numbers_without_end_are_no_exception():
    for number in (b"9" * 900, b"1e999", b"-1e999", b"1" + b"0" * 400 + b".5"):
        event = _hub().event(_TOPIC, b'{"msg":"hub is locked","object-id":"d1","n":' + number + b"}")
        assert event.code in ("hub.locked", "unparsed")


def case_truncated_at_each_length_it_is_no_exception():
    for length in range(len(_SECOND)):
        event = _hub().event(_TOPIC, _SECOND[:length])
        assert event.code in ("unparsed", "sec.topic_denied", "scw.other"), length
    assert _hub().event(_TOPIC, _SECOND + b"x").code == "unparsed"


def case_any_byte_may_be_wrong():
    for at in range(len(_SECOND)):
        for value in (0x00, 0x22, 0x5C, 0x7B, 0x7D, 0x80, 0xFF):
            damaged = bytearray(_SECOND)
            damaged[at] = value
            event = _hub().event(_TOPIC, bytes(damaged))
            assert isinstance(event, Event)


def case_a_blocked_message_of_the_device_itself_may_not_be_acknowledged():
    for changed, refused in (
        ({}, b"foo/bar"),
        ({"msg": "unauthorized topic foo/bar"}, b"foo/bar"),
        ({"msg": "unauthorized topic"}, 0),
        ({"object_id": "another"}, 0),
        ({"msg": "hub is locked"}, 0),
        ({"packet": "SUBSCRIBE: dup: false qos: 1 retain: false rLength: 10"}, 0),
        ({"packet": None}, 0),
    ):
        given = {"object_id": "0f36-a1", "msg": "unauthorized topic [foo/bar]"}
        given["packet"] = "PUBLISH: dup: false qos: 1 retain: false rLength: 10"
        given.update(changed)
        assert _hub().refused(_event(**given)) == refused, changed
    assert _hub().refused(_hub().event(_TOPIC, b"no json")) == 0
