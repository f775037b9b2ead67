# hubs.eventgrid: every documented event in both schemas (hub-dialects 5.4), and everything that is none.
import json

from hublink import limits
from hublink.events import SEVERITIES, Event
from hublink.hubs import eventgrid

_PATH = "/SUBSCRIPTIONS/s/RESOURCEGROUPS/g/PROVIDERS/MICROSOFT.DEVICES/IOTHUBS/h"
_ID = "f6bbf8f4-d365-520d-a878-17bf7238abd8"
_SUBJECT = "devices/LogicAppTestDevice"
_TIME = "2018-06-02T19:17:44.4383997Z"
_STATE = {
    "deviceConnectionStateEventInfo": {
        "sequenceNumber": "000000000000000001D4132452F67CE200000002000000000000000000000001"
    },
    "hubName": "egtesthub1",
    "deviceId": "LogicAppTestDevice",
}
_OF_MODULE = dict(_STATE, moduleId="DeviceModuleID")
_UPDATED = {"$metadata": {"$lastUpdated": "2018-01-02T19:17:44.4383997Z"}, "$version": 1}
_TWIN = {
    "twin": {
        "deviceId": "LogicAppTestDevice",
        "etag": "AAAAAAAAAAE=",
        "deviceEtag": "null",
        "status": "enabled",
        "statusUpdateTime": "0001-01-01T00:00:00",
        "connectionState": "Disconnected",
        "lastActivityTime": "0001-01-01T00:00:00",
        "cloudToDeviceMessageCount": 0,
        "authenticationType": "sas",
        "x509Thumbprint": {"primaryThumbprint": None, "secondaryThumbprint": None},
        "version": 2,
        "properties": {"desired": _UPDATED, "reported": _UPDATED},
    },
    "hubName": "egtesthub1",
    "deviceId": "LogicAppTestDevice",
}
_TELEMETRY = {
    "body": {"Weather": {"Temperature": 900}, "Location": "USA"},
    "properties": {"Status": "Active"},
    "systemProperties": {
        "iothub-content-type": "application/json",
        "iothub-content-encoding": "utf-8",
        "iothub-connection-device-id": "d1",
        "iothub-connection-auth-method": '{"scope":"device","type":"sas","issuer":"iothub"}',
        "iothub-connection-auth-generation-id": "123455432199234570",
        "iothub-enqueuedtime": "2019-01-07T20:58:30.48Z",
        "iothub-message-source": "Telemetry",
    },
}
# Every documented type and form of `data`: (type, data, severity, object type, object id, message).
_DOCUMENTED = (
    ("DeviceConnected", _STATE, "info", "device", "LogicAppTestDevice", "DeviceConnected egtesthub1"),
    (
        "DeviceDisconnected", _STATE, "warning", "device", "LogicAppTestDevice",
        "DeviceDisconnected egtesthub1",
    ),
    (
        "DeviceConnected", _OF_MODULE, "info", "module", "LogicAppTestDevice/DeviceModuleID",
        "DeviceConnected egtesthub1",
    ),
    (
        "DeviceDisconnected", _OF_MODULE, "warning", "module", "LogicAppTestDevice/DeviceModuleID",
        "DeviceDisconnected egtesthub1",
    ),
    ("DeviceCreated", _TWIN, "info", "device", "LogicAppTestDevice", "DeviceCreated egtesthub1"),
    ("DeviceDeleted", _TWIN, "warning", "device", "LogicAppTestDevice", "DeviceDeleted egtesthub1"),
    ("DeviceTelemetry", _TELEMETRY, "debug", "device", "LogicAppTestDevice", "DeviceTelemetry h"),
)  # fmt: skip


def _event_grid(kind, data, **changed):
    raw = {
        "id": _ID, "topic": _PATH, "subject": _SUBJECT, "eventType": "Microsoft.Devices." + kind,
        "eventTime": _TIME, "data": data, "dataVersion": "1", "metadataVersion": "1",
    }  # fmt: skip
    return _changed(raw, changed)


def _cloud_event(kind, data, **changed):
    raw = {
        "id": _ID, "source": _PATH, "subject": _SUBJECT, "type": "Microsoft.Devices." + kind, "time": _TIME,
        "data": data, "specversion": "1.0",
    }  # fmt: skip
    return _changed(raw, changed)


# None: left out.
def _changed(raw, changed):
    raw.update(changed)
    return {name: value for name, value in raw.items() if value is not None}


def _parse(raw):
    return eventgrid.parse(json.dumps(raw).encode())


def _assert_unparsed(body, text=None):
    events = eventgrid.parse(body)
    assert len(events) == 1, body
    event = events[0]
    assert (event.hub, event.severity, event.code) == ("azure", "warning", "unparsed"), body
    assert isinstance(event.raw, str)
    assert text is None or text in event.raw


# -- what is documented --------------------------------------------------------------------------


def case_every_documented_event_in_both_schemas_alone_and_in_a_list():
    for make in (_event_grid, _cloud_event):
        for kind, data, severity, object_type, object_id, message in _DOCUMENTED:
            raw = make(kind, data)
            for body in (raw, [raw]):
                [event] = _parse(body)
                assert (event.hub, event.severity, event.code) == ("azure", severity, kind)
                assert (event.object_type, event.object_id) == (object_type, object_id)
                assert (event.message, event.packet, event.time) == (message, None, _TIME)
                assert event.raw == raw
                assert eventgrid.hub_name(event.raw) == "h"


def case_many_come_in_the_order_of_the_list():
    events = _parse([_event_grid(kind, data) for kind, data, _, _, _, _ in _DOCUMENTED] * 20)
    assert [event.code for event in events] == [row[0] for row in _DOCUMENTED] * 20


def case_schemas_may_be_mixed():
    events = _parse([_event_grid("DeviceConnected", _STATE), _cloud_event("DeviceDeleted", _TWIN)])
    assert [event.code for event in events] == ["DeviceConnected", "DeviceDeleted"]


def case_no_events_are_none():
    assert eventgrid.parse(b"[]") == []


def case_letters_of_the_path_may_be_small():
    [event] = _parse(_event_grid("DeviceConnected", _STATE, topic=_PATH.lower() + "2"))
    assert eventgrid.hub_name(event.raw) == "h2"


def case_empty_module_is_none():
    [event] = _parse(_event_grid("DeviceConnected", dict(_STATE, moduleId="")))
    assert (event.object_type, event.object_id) == ("device", "LogicAppTestDevice")


def case_names_of_the_other_schema_are_not_looked_at():
    [event] = _parse(_cloud_event("DeviceConnected", _STATE, topic=5, eventType=5, eventTime=5))
    assert (event.code, event.time) == ("DeviceConnected", _TIME)
    [event] = _parse(_event_grid("DeviceConnected", _STATE, source=5, type=5, time=5))
    assert (event.code, event.time) == ("DeviceConnected", _TIME)


# -- what is not ---------------------------------------------------------------------------------

# As the documentation prints it: with a comma behind the last of the data.
_COMMA = (
    b'[{"id":"f6bbf8f4-d365-520d-a878-17bf7238abd8","topic":"/SUBSCRIPTIONS/s/RESOURCEGROUPS/g/PROVIDERS/'
    b'MICROSOFT.DEVICES/IOTHUBS/h","subject":"devices/LogicAppTestDevice","eventType":"Microsoft.Devices.'
    b'DeviceConnected","eventTime":"2018-06-02T19:17:44.4383997Z","data":{"hubName":"egtesthub1","deviceId":'
    b'"LogicAppTestDevice","moduleId":"DeviceModuleID",},"dataVersion":"1","metadataVersion":"1"}]'
)


def _reads_over_commas():
    try:
        json.loads(b"[1,]")
    except ValueError:
        return False
    return True


def case_trailing_comma_is_unparsed_where_json_knows_none():
    if _reads_over_commas():  # MicroPython
        [event] = eventgrid.parse(_COMMA)
        assert (event.code, event.object_id) == ("DeviceConnected", "LogicAppTestDevice/DeviceModuleID")
    else:
        _assert_unparsed(_COMMA, _ID)


def case_unknown_type_is_unparsed_with_its_text():
    for kind in (
        "Microsoft.Devices.DeviceRenamed", "Contoso.Items.ItemReceived", "DeviceConnected",
        "Microsoft.Devices.", "Microsoft.Devices.deviceconnected", "",
        "Microsoft.EventGrid.SubscriptionValidationEvent",
    ):  # fmt: skip
        raw = _event_grid("DeviceConnected", _STATE, eventType=kind)
        _assert_unparsed(json.dumps(raw).encode(), _ID)
        _assert_unparsed(json.dumps([raw]).encode(), _ID)


def case_other_sources_are_unparsed():
    for path in (
        "", "h", "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/h",
        "/SUBSCRIPTIONS/s/RESOURCEGROUPS/g/PROVIDERS/MICROSOFT.DEVICES/IOTHUBS/",
    ):  # fmt: skip
        _assert_unparsed(json.dumps(_event_grid("DeviceConnected", _STATE, topic=path)).encode())
        _assert_unparsed(json.dumps(_cloud_event("DeviceConnected", _STATE, source=path)).encode())


def case_one_that_is_wrong_keeps_no_other_from_being_read():
    good = _event_grid("DeviceConnected", _STATE)
    for wrong in (1, None, "text", [], {}, [good], _event_grid("DeviceRenamed", _STATE)):
        assert [event.code for event in _parse([good, wrong, good])] == [
            "DeviceConnected", "unparsed", "DeviceConnected",
        ]  # fmt: skip


def case_what_is_needed_and_missing_or_of_a_wrong_type():
    for make, names in (
        (_event_grid, ("id", "topic", "eventType", "data")),
        (_cloud_event, ("id", "source", "type", "data")),
    ):
        for name in names:
            for value in (None, 1, 1.5, True, [], ["a"], ""):
                raw = _changed(make("DeviceConnected", _STATE), {name: value})
                _assert_unparsed(json.dumps(raw).encode())


def case_id_has_a_longest_length():
    for length, code in ((limits.EVENT_TEXT_LEN, "DeviceConnected"), (limits.EVENT_TEXT_LEN + 1, "unparsed")):
        [event] = _parse(_event_grid("DeviceConnected", _STATE, id="x" * length))
        assert event.code == code


def case_what_may_be_missing_or_of_a_wrong_type():
    for value in (None, 1, 1.5, True, [], {}):
        raw = _event_grid("DeviceConnected", _STATE, subject=value, eventTime=value)
        raw["data"] = dict(_STATE, hubName=value, moduleId=value, deviceConnectionStateEventInfo=value)
        [event] = _parse(raw)
        assert (event.code, event.object_id, event.time) == ("DeviceConnected", "LogicAppTestDevice", None)
        assert event.message == "DeviceConnected h"


def case_device_is_that_of_the_subject_where_the_data_has_none():
    for value in (None, 1, [], {}, ""):
        data = dict(_STATE, deviceId=value)
        [event] = _parse(_event_grid("DeviceConnected", data, subject="devices/d 1"))
        assert event.object_id == "d 1"
        for subject in (None, 1, "", "d1", "devices/", "Devices/d1"):
            _assert_unparsed(json.dumps(_event_grid("DeviceConnected", data, subject=subject)).encode())


def case_other_bodies_are_one_unparsed():
    for body in (
        b"", b" ", b"null", b"true", b"1", b'"text"', b"{}", b"[[]]", b"[null]", b"\xff\xfe", b"\0",
        b"not json", b"[" * 900, b"[" * 5000 + b"]" * 5000, b'{"a":' * 200, b"9" * 1000, bytes(1024),
        b"x" * 100000,
        b'{"specversion":"1.0"}', b'{"eventType":"Microsoft.Devices.DeviceConnected"}',
    ):  # fmt: skip
        _assert_unparsed(body)


def case_truncated_at_each_length_it_is_no_exception():
    for raw in (_event_grid("DeviceConnected", _STATE), [_cloud_event("DeviceConnected", _STATE)]):
        body = json.dumps(raw).encode()
        for length in range(len(body)):
            for event in eventgrid.parse(body[:length]):
                assert isinstance(event, Event)
                assert event.severity in SEVERITIES
                assert event.code in ("unparsed", "DeviceConnected"), length
