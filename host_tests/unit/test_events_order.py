"""What is the newest of each device, however its events come: twice, shuffled, over a restart."""

import base64
import dataclasses
import json

import pytest
from hublink_desk.events.order import Order
from hublink_desk.events.record import posted
from hypothesis import given
from hypothesis import strategies as st

PATH = "/SUBSCRIPTIONS/s/RESOURCEGROUPS/g/PROVIDERS/MICROSOFT.DEVICES/IOTHUBS/H"


def record(kind, number, device="d1", *, etag=None, event_id=None, path=PATH):
    """The Record of a lifecycle event. number: of the sequence, or of the etag; a text goes as it is."""
    if kind in ("Connected", "Disconnected"):
        text = number if isinstance(number, str) else f"{number:064X}"
        data = {"deviceConnectionStateEventInfo": {"sequenceNumber": text}}
    else:
        text = number if isinstance(number, str) else base64.b64encode(number.to_bytes(8, "big")).decode()
        data = {"twin": {"etag": text}}
    raw = {
        "id": event_id or f"{device}-{kind}-{number}-{path}",
        "topic": path,
        "subject": f"devices/{device}",
        "eventType": f"Microsoft.Devices.Device{kind}",
        "data": {"deviceId": device, **data},
    }
    [made] = posted(json.dumps(raw).encode())
    return made


def after(*records):
    """The Order that has noted all of them; those that it knows already are left out."""
    order = Order()
    for each in records:
        if not order.knows(each):
            order.note(each)
    return order


def reloaded(order):
    """The same after a restart."""
    return Order.from_dict(json.loads(json.dumps(order.as_dict())))


# --- any order ---

KINDS = {"connection": ("Connected", "Disconnected"), "existence": ("Created", "Deleted")}


@st.composite
def histories(draw):
    """The events of a few devices in the order in which they happen."""
    history = []
    for device in ("a", "b", "c"):
        for kinds in KINDS.values():
            numbers = draw(st.lists(st.integers(1, 2**64 - 1), max_size=5, unique=True))
            for number in sorted(numbers):
                history.append(record(draw(st.sampled_from(kinds)), number, device))
    return history


@given(histories(), st.data())
def test_any_shuffle_with_any_duplicates_ends_the_same(history, data):
    again = data.draw(st.lists(st.sampled_from(history), max_size=10)) if history else []
    shuffled = data.draw(st.permutations(history + again))
    half = data.draw(st.integers(0, len(shuffled)))
    order = reloaded(after(*shuffled[:half]))
    for each in shuffled[half:]:
        if not order.knows(each):
            order.note(each)
    assert order.states() == after(*history).states()


@given(histories())
def test_what_comes_in_order_is_not_late(history):
    order = Order()
    for each in history:
        assert not order.is_late(each)
        order.note(each)


# --- single steps ---

STATES = {
    "nothing": ([], None),
    "created": ([record("Created", 1)], "created"),
    "connected": ([record("Connected", 1)], "connected"),
    "disconnected": ([record("Connected", 1), record("Disconnected", 2)], "disconnected"),
    "late-connection": ([record("Disconnected", 2), record("Connected", 1)], "disconnected"),
    "connected-again": ([record("Disconnected", 2), record("Connected", 3)], "connected"),
    "deleted-while-connected": ([record("Deleted", 9), record("Connected", 1)], "deleted"),
    "deleted-with-the-etag-of-its-creation": ([record("Deleted", 1), record("Created", 1)], "deleted"),
    "created-again": ([record("Created", 3), record("Deleted", 2), record("Connected", 1)], "connected"),
    "hex-of-other-lengths": ([record("Disconnected", "10"), record("Connected", "0f")], "disconnected"),
    "hex-without-zeros": ([record("Disconnected", "00ff"), record("Connected", "100")], "connected"),
    "hex-in-small-letters": ([record("Disconnected", "1a"), record("Connected", "1B")], "connected"),
    # As texts "AAAAAAAAAA0=" (13) is before "AAAAAAAAAAw=" (12).
    "base64-does-not-sort": ([record("Created", 12), record("Deleted", 13)], "deleted"),
}


@pytest.mark.parametrize(("records", "expected"), STATES.values(), ids=STATES)
def test_state_after(records, expected):
    for order in (after(*records), reloaded(after(*records))):
        assert order.states() == ({"h/d1": expected} if expected else {})


def test_late_is_what_is_older_than_what_is_known():
    order = after(record("Disconnected", 5), record("Deleted", 5))
    late = [record("Connected", 4), record("Created", 4), record("Created", 5)]
    not_late = [
        record("Connected", 6),
        record("Created", 6),
        record("Telemetry", 1),
        record("Connected", 1, "d2"),
    ]
    assert [order.is_late(each) for each in late + not_late] == [True] * 3 + [False] * 4


def test_hubs_with_devices_of_the_same_name_are_told_apart():
    order = after(record("Connected", 5), record("Disconnected", 1, path=PATH + "2"))
    assert order.states() == {"h/d1": "connected", "h2/d1": "disconnected"}


NUMBERS = [("Connected", each) for each in ("", "0x10", "-1", " 1", "1_0", "1g", "é", "f" * 65)]
NUMBERS += [("Created", each) for each in ("", "AAAAAAAAAAE", "A===", "=", "A-==", "é", "A" * 68)]


@pytest.mark.parametrize(("kind", "number"), NUMBERS)
def test_what_has_no_order_changes_nothing(kind, number):
    order = after(record("Disconnected", 0), record("Deleted", 0))
    before = order.as_dict()["devices"]
    odd = record(kind, number, event_id="odd")
    assert not order.is_late(odd)
    order.note(odd)
    assert order.as_dict()["devices"] == before
    assert order.knows(odd)


@pytest.mark.parametrize("data", [{}, {"twin": []}, {"twin": {}}, {"twin": None}, {"twin": {"etag": 1}}])
@pytest.mark.parametrize("kind", ["Created", "Connected"])
def test_data_of_a_wrong_shape_changes_nothing(kind, data):
    event = {
        "id": "1",
        "topic": PATH,
        "eventType": f"Microsoft.Devices.Device{kind}",
        "data": {"deviceId": "d1", **data, "deviceConnectionStateEventInfo": list(data.values())},
    }
    [odd] = posted(json.dumps(event).encode())
    assert after(odd).states() == {}


def test_what_has_no_id_has_no_order():
    """As reports over MQTT, whatever their code."""
    assert after(dataclasses.replace(record("Connected", 1), id=None)).states() == {}


# --- what is kept ---


def test_ids_are_kept_up_to_a_number_the_last_ones():
    order = Order(ids_max=3)
    records = [record("Connected", number) for number in range(1, 6)]
    for each in records:
        order.note(each)
    assert [order.knows(each) for each in records] == [False, False, True, True, True]
    assert [reloaded(order).knows(each) for each in records] == [False, False, True, True, True]


def test_events_without_id_are_never_known():
    [odd] = posted(b"x")
    assert not after(odd, odd).knows(odd)
    assert after(odd).as_dict() == {"devices": {}, "ids": []}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"ids": []},
        {"ids": 1, "devices": {}},
        {"ids": [], "devices": []},
        {"ids": [], "devices": {"d": 1}},
        {"ids": [], "devices": {"d": {"state": "connected"}}},
        {"ids": [], "devices": {"d": {"newest": {"connection": ["1"]}}}},
        {"ids": [], "devices": {"d": {"newest": {"connection": [1, "connected"]}}}},
        {"ids": [], "devices": {"d": {"newest": {"connection": ["x", "connected"]}}}},
        {"ids": [], "devices": {"d": {"newest": {"connection": ["1", "created"]}}}},
        {"ids": [], "devices": {"d": {"newest": {"other": ["1", "connected"]}}}},
    ],
)
def test_other_documents_are_refused(document):
    with pytest.raises(ValueError):
        Order.from_dict(document)
