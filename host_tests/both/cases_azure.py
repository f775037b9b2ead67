# hubs.azure: what the hub is told, tokens, property bags, the twin and methods (azure-docs).
import json

from hublink.hubs import azure, generic

_TWIN = b"$iothub/twin/res/%s/?$rid=%s"


def _hub(device="plant-7", **given):
    settings = {setting: default for setting, _, default, _, _ in azure.FIELDS}
    settings["host"] = "h.example.test"
    settings.update(given)
    hub = azure.Hub(settings, device)
    hub.receive_len = 1024
    return hub


# What a message is, by the route that its topic matches.
def _read(hub, topic, payload=b""):
    for topic_filter, _, kind in hub.routes:
        if topic.startswith(topic_filter[:-1]):
            return hub.read(kind, topic, payload)
    raise AssertionError(topic)


# -- what the hub is told ------------------------------------------------------------------------


def case_the_user_names_hub_device_and_version():
    user = b"h.example.test/plant-7/?api-version=2021-04-12"
    assert _hub().credentials(None) == (b"plant-7", user, None)
    client_id, _, password = _hub(device_id="a-{device}").credentials(b"t")
    assert (client_id, password) == (b"a-plant-7", b"t")


def case_telemetry_says_what_it_is():
    hub = _hub()
    start = b"devices/plant-7/messages/events/$.ct=application%2Fjson&$.ce=utf-8"
    assert hub.telemetry_topic == start
    assert hub.telemetry("a b/\u00fc") == start + b"&folder=a%20b%2F%C3%BC"
    assert hub.will() == (start + b"&type=status", b'{"online":false}', 1, False)
    assert hub.bound_topic("d/1", b"events") == start + b"&dev=d%2F1&kind=events"


def case_at_most_five_subscriptions():
    assert _hub().subscriptions() == [
        (b"$iothub/twin/res/#", 0),
        (b"$iothub/twin/PATCH/properties/desired/#", 0),
        (b"$iothub/methods/POST/#", 0),
        (b"devices/plant-7/messages/devicebound/#", 1),
    ]


def case_a_token_is_signed_with_the_secret():
    hub = _hub(auth="sas", token_life_s=1200)
    assert (hub.token_life_s, _hub().token_life_s) == (1200, 0)
    hub.take({"secret": b"MDEyMzQ1Njc4OWFiY2RlZg=="})
    # Made with OpenSSL: HMAC-SHA256 of "h.example.test%2Fdevices%2Fplant-7\n4600" with 0123456789abcdef.
    assert list(hub.sign(3400, 4600)) == [
        b"SharedAccessSignature sr=h.example.test%2Fdevices%2Fplant-7&sig="
        b"R5VN3SidwrtgCZVC%2BKBHTH0IZtyORw4hKNUWo9mEb3s%3D&se=4600"
    ]


# -- property bags -------------------------------------------------------------------------------


def case_values_are_null_empty_or_text():
    for text, found in (
        ("", {}),
        ("a", {"a": None}),
        ("a=", {"a": ""}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("%24.mid=x&%24.to=%2Fdevices%2Fd", {"$.mid": "x", "$.to": "/devices/d"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=100%", {"a": "100%"}),
        ("a=%zz", {"a": "%zz"}),
        ("a=%C3%BC", {"a": "\u00fc"}),
        ("a=%FF&b=%41%FF", {"a": "%FF", "b": "%41%FF"}),
        ("&&a=1&", {"a": "1"}),
    ):
        assert azure.bag(text) == found, text


# -- what comes ----------------------------------------------------------------------------------


def case_a_message_from_the_cloud_is_a_command_without_name():
    hub = _hub()
    topic = b"devices/plant-7/messages/devicebound/%24.mid=7&color=red"
    assert _read(hub, topic, b"go") == (generic.COMMAND, "", b"go")
    assert hub.properties == {"$.mid": "7", "color": "red"}
    assert hub.answer(200, b"") is None


def case_a_method_is_a_command_that_wants_an_answer():
    hub = _hub()
    assert _read(hub, b"$iothub/methods/POST/reboot/?$rid=1f", b"{}") == (generic.COMMAND, "reboot", b"{}")
    assert hub.answer(200, b"1") == (b"$iothub/methods/res/200/?$rid=1f", b"1")
    assert hub.answer(404, b"") == (b"$iothub/methods/res/404/?$rid=1f", b"")


def case_names_of_methods_come_as_they_were_given():
    for quoted, name in (
        (b"set%20lamp", "set lamp"),
        (b"get%2Ftemp", "get/temp"),
        (b"%C3%BC", "\u00fc"),
        (b"100%", "100%"),
        (b"%FF", "%FF"),
    ):
        hub = _hub()
        topic = b"$iothub/methods/POST/" + quoted + b"/?$rid=1"
        assert _read(hub, topic, b"1") == (generic.COMMAND, name, b"1")
        assert hub.answer(200, b"") == (b"$iothub/methods/res/200/?$rid=1", b"")


# Rather with odd properties than not at all.
def case_a_message_with_properties_that_are_no_text_is_not_lost():
    hub = _hub()
    assert _read(hub, b"devices/plant-7/messages/devicebound/%FF", b"go") == (generic.COMMAND, "", b"go")
    assert hub.properties == {"%FF": None}


def case_the_whole_twin_is_asked_for_and_what_it_desires_is_the_configuration():
    hub = _hub()
    assert hub.greeting == (b"$iothub/twin/GET/?$rid=get", b"")
    twin = {"desired": {"a": 1, "$version": 4}, "reported": {"b": 2}}
    kind, name, payload = _read(hub, _TWIN % (b"200", b"get"), json.dumps(twin).encode())
    assert (kind, name, json.loads(payload)) == (generic.CONFIG, "", {"a": 1})


# -- the state replaces the one before, although the twin merges ---------------------------------


def _has(hub, reported):
    reported["$version"] = 7
    twin = {"desired": {"$version": 1}, "reported": reported}
    assert _read(hub, _TWIN % (b"200", b"get"), json.dumps(twin).encode())[0] == generic.CONFIG


def _set(hub, state):
    payload = json.dumps(state).encode()
    assert hub.state(payload) == payload


# What has to be taken out before the state is sent (again).
def _gone(hub):
    assert hub.lost_state == (hub.gone is not None)
    hub.lost_state = False
    return hub.gone and json.loads(hub.gone)


def case_what_the_state_before_had_is_taken_out():
    for old, new, gone in (
        ({}, {"a": 1}, None),
        ({"a": 1}, {"a": 2}, None),
        ({"a": 1}, {"a": None}, None),
        ({"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, None),
        ({"a": {"b": 1}}, {"a": 1}, None),
        ({"a": [1, 2]}, {"a": []}, None),
        ({"a": 1, "b": 2}, {}, ["a", "b"]),
        ({"a": 1, "b": 2}, {"b": 1}, ["a"]),
        ({"a": {"b": 1, "c": 2}, "d": 1}, {"a": {"c": 2}, "d": 1}, ["a"]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {}}}, ["a"]),
    ):
        expected = gone and {key: None for key in gone}
        for is_reported in (False, True):  # by this start, or one before
            hub = _hub()
            if is_reported:
                _has(hub, dict(old))
            else:
                _set(hub, old)
            assert _gone(hub) is None
            _set(hub, new)
            assert _gone(hub) == expected, (old, new)
        hub = _hub()
        _set(hub, new)
        _has(hub, dict(old))
        assert _gone(hub) == expected, (old, new)


def case_it_is_taken_out_until_the_hub_has_done_it():
    hub = _hub()
    for name in ("a", "b", "c"):
        _set(hub, {name: 1})
    assert _gone(hub) == {"a": None, "b": None}
    _read(hub, _TWIN % (b"429", b"set"))
    assert _gone(hub) == {"a": None, "b": None}
    _read(hub, _TWIN % (b"429", b"set"))
    _read(hub, _TWIN % (b"204", b"set"))  # of a state that was sent before
    assert _gone(hub) == {"a": None, "b": None}
    _read(hub, _TWIN % (b"204", b"set"))
    assert _gone(hub) is None
    _set(hub, {"c": 2})
    assert _gone(hub) is None


def case_without_a_state_nothing_is_taken_out():
    hub = _hub()
    _has(hub, {"a": 1})
    _has(hub, {"a": 1})
    assert _gone(hub) is None


def case_more_than_fits_into_a_packet_is_taken_out_bit_by_bit():
    hub = _hub()
    _set(hub, {"x": 1})
    _has(hub, {"%02d" % n: 1 for n in range(99)})
    left = _gone(hub)
    assert 50 < len(left) < 99
    assert len(hub.gone) <= 960


# The twin's answer holds what is desired, and in the worst moment this state and the one before.
def case_a_state_is_an_object_of_a_third_of_what_can_be_received():
    hub = _hub()
    for receive_len, most_len in ((1024, 341), (2048, 682), (65536, 960)):
        hub.receive_len = receive_len
        room_len = most_len - len(json.dumps({"a": ""}))
        _set(hub, {"a": "x" * room_len})
        for bad in ({"a": "x" * (room_len + 1)}, [1], "a", 1, None):
            try:
                hub.state(json.dumps(bad).encode())
            except ValueError as e:
                assert "expected an object of at most %d" % most_len in str(e), e
            else:
                raise AssertionError(bad)


# -- changes of what is desired ------------------------------------------------------------------


def case_a_change_is_asked_for_as_a_whole():
    hub = _hub()
    topic = b"$iothub/twin/PATCH/properties/desired/?$version=5"
    assert _read(hub, topic, b'{"a":2}') == (None, None, None)
    assert hub.greets


def case_a_state_that_was_taken_is_no_news():
    for status in (b"200", b"204"):
        hub = _hub()
        topic = _TWIN % (status, b"set&$version=6")
        assert _read(hub, topic) == (None, None, None)
        assert not hub.lost_state


def case_refusals_of_the_twin_are_events_and_those_for_now_are_asked_again():
    for status, request, again in (
        (b"429", b"set", True), (b"500", b"set", True), (b"503", b"set", True), (b"400", b"set", False),
        (b"429", b"get", True), (b"500", b"get", True), (b"503", b"get", True), (b"400", b"get", False),
    ):  # fmt: skip
        hub = _hub()
        kind, event, _ = _read(hub, _TWIN % (status, request))
        assert (kind, event.hub, event.severity) == (generic.EVENT, "azure", "warning")
        assert (event.code, event.object_id) == ("twin." + status.decode(), "plant-7")
        assert (hub.greets, hub.lost_state) == (again and request == b"get", again and request == b"set")
        assert hub.busy == again
        assert str(event)


def case_how_often_in_a_row_the_hub_was_too_busy():
    hub = _hub()
    for status, request, busy in (
        (b"429", b"get", 1), (b"503", b"set", 2), (b"400", b"set", 2), (b"204", b"set", 0),
        (b"500", b"get", 1), (b"200", b"get", 0),
    ):  # fmt: skip
        _read(hub, _TWIN % (status, request), b'{"desired":{}}')
        assert hub.busy == busy, status


def case_a_twin_that_is_no_twin_is_an_event():
    for payload in (b"", b"{", b"[]", b"1", b"null", b'{"reported":{}}', b'{"desired":1}', b"\xff"):
        kind, event, _ = _read(_hub(), _TWIN % (b"200", b"get"), payload)
        assert (kind, event.code) == (generic.EVENT, "twin.unparsed"), payload
