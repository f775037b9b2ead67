"""What is known of a fleet from the messages of its devices: the pure part of `hublink watch`."""

import io
import json
from types import SimpleNamespace

import pytest
from hublink_desk.watch import fleet as fleets
from hublink_desk.watch.fleet import Fleet
from hublink_desk.watch.lines import json_line, line
from hublink_desk.watch.series import Series
from hublink_desk.watch.table import table
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

ONLINE, OFFLINE = b'{"online":true,"version":"1.2"}', b'{"online":false}'
EVENT = SimpleNamespace(code="sec.topic_denied", severity="error", message="unauthorized", object_id="id-1")


def message(boot, seq, name="room", data=1, **more):
    return json.dumps(
        {"time": 1795248000, "boot": boot, "seq": seq, "name": name, "data": data, **more}
    ).encode()


class Told:
    """A Fleet, and a clock of its own that goes on by a second with each message."""

    def __init__(self, **options):
        self.fleet, self.now_s = Fleet(**options), 1000.0

    def __getattr__(self, name):
        return self.fleet.devices[name]

    def status(self, payload, name="d1", is_retained=False):
        return self._take(self.fleet.status, name, payload, is_retained)

    def says(self, *args, device="d1", **more):
        return self._take(self.fleet.telemetry, device, message(*args, **more), False)

    def _take(self, take, *args):
        self.now_s += 1
        return [change["what"] for change in take(self.now_s, *args)]


# --- numbers ---


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ([1, 2, 3], [0, 0, 0]),
        ([7, 8], [0, 0]),
        ([1, 1], [0, None]),
        ([5, 4], [0, None]),
        ([1, 5, 6], [0, 3, 0]),
        ([1, 5, 3, 3, 2, 4], [0, 3, -1, None, -1, -1]),
        ([1, 3, 5, 4, 2, 2], [0, 1, 1, -1, -1, None]),
    ],
)
def test_series_says_what_is_missing(numbers, missing):
    series = Series()
    assert [series.take(number) for number in numbers] == missing


def test_series_that_begins_after_a_number_misses_those_before():
    assert Series(0).take(4) == 3


def test_series_that_was_not_listened_to_misses_nothing():
    series = Series()
    series.take(1)
    series.skip()
    assert [series.take(number) for number in (9, 10, 12)] == [0, 0, 1]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=80))
def test_series_misses_what_did_not_come(numbers):
    series = Series(0)
    missing = [series.take(number) for number in numbers]
    assert sum(each or 0 for each in missing) == max(numbers) - len(set(numbers))
    assert missing.count(None) == len(numbers) - len(set(numbers))


@pytest.mark.parametrize("numbers", [range(1, 200, 2), [1, 200, *range(3, 200, 2)]])
def test_series_keeps_a_bounded_number_of_holes(numbers):
    series = Series()
    for number in numbers:
        series.take(number)
    assert len(series._holes) == 32


# --- presence ---


def test_presence_is_what_birth_and_will_say():
    told = Told()
    assert told.status(ONLINE) == ["online"]
    assert (told.d1.is_online, told.d1.since_s, told.d1.version) == (True, 1001.0, "1.2")
    assert told.status(OFFLINE) == ["offline"]
    assert told.status(OFFLINE) == []
    assert (told.d1.is_online, told.d1.since_s) == (False, 1002.0)
    assert told.status(ONLINE) == ["online"]
    assert told.status(ONLINE) == ["online"], "a birth whose will was not heard"
    assert (told.d1.births, told.d1.since_s) == (3, 1005.0)


@pytest.mark.parametrize(("payload", "what"), [(ONLINE, "online"), (OFFLINE, "offline")])
def test_retained_status_does_not_say_since_when(payload, what):
    told = Told()
    assert told.status(payload, is_retained=True) == [what]
    assert (told.d1.is_online, told.d1.since_s, told.d1.births) == (what == "online", None, 0)
    assert told.status(payload, is_retained=True) == []


def test_who_speaks_is_online():
    told = Told()
    assert told.says(1, 5) == ["online", "telemetry"]
    assert told.says(1, 6) == ["telemetry"]
    told.status(OFFLINE)
    assert told.says(1, 7) == ["online", "telemetry"]


def test_retained_telemetry_says_neither_who_is_there_nor_what_is_missing():
    told = Told()
    told.says(1, 1)
    told.status(OFFLINE)
    assert [each["what"] for each in told.fleet.telemetry(2000, "d1", message(1, 9), True)] == ["telemetry"]
    assert (told.d1.is_online, told.d1.lost) == (False, 0)


# --- messages ---


def test_lost_late_and_doubled_messages_are_counted():
    told = Told()
    told.says(1, 1)
    assert told.says(1, 4) == ["lost", "telemetry"]
    assert told.says(1, 2) == ["late", "telemetry"]
    assert told.says(1, 2) == ["twice"]
    assert (told.d1.lost, told.d1.twice) == (1, 1)


def test_a_new_start_begins_with_number_one():
    told = Told()
    told.says(7, 30)
    assert told.says(8, 3) == ["lost", "telemetry"]
    assert told.d1.lost == 2
    assert told.says(7, 31) == ["telemetry"], "kept on flash, and sent late"
    assert told.says(8, 4) == ["telemetry"]


def test_a_device_whose_starts_count_from_one_again_is_followed_on():
    told = Told()
    told.says(57, 200)
    told.says(1, 1)
    assert told.says(1, 3) == ["lost", "telemetry"]
    assert told.says(2, 1) == ["telemetry"]
    assert told.says(2, 3) == ["lost", "telemetry"]


def test_what_was_sent_while_nobody_listened_is_not_lost():
    told = Told()
    told.says(1, 1)
    told.says(1, 1, device="d2")
    told.status(OFFLINE, "d2")
    assert told.fleet.listening(1500.0) == [{"at_s": 1500.0, "what": "listening"}]
    assert (told.d1.is_online, told.d2.is_online, told.d1.since_s) == (None, None, None)
    assert told.says(1, 9) == ["online", "telemetry"]
    assert told.says(3, 5, device="d2") == ["online", "telemetry"]
    assert told.says(1, 11) == ["lost", "telemetry"]
    assert told.says(3, 7, device="d2") == ["lost", "telemetry"]
    assert (told.d1.lost, told.d2.lost) == (1, 1)


def test_last_of_each_kind_is_kept():
    told = Told()
    told.says(2, 1, "room", {"celsius": 20.5})
    told.says(
        2, 2, "vitals", {"heap_free": 97344, "rssi": -61, "online": 3, "cert_days": 9, "x": "?", "y": 1}
    )
    told.says(2, 3, "troubles", {"reset": 2, "dns_failed": 1})
    assert (told.d1.name, told.d1.data, told.d1.data_s) == ("room", '{"celsius":20.5}', 1001.0)
    assert told.d1.vitals == {"heap_free": 97344, "rssi": -61, "online": 3, "cert_days": 9}
    assert (told.d1.trouble, told.d1.trouble_s) == ("reset 2x, dns_failed 1x", 1003.0)
    assert (told.d1.boot, told.d1.seq) == (2, 3)


def test_a_crash_that_is_reported_again_is_one():
    told = Told()
    report = {"boot": 3, "cause": "watchdog", "error": "Traceback:\n  x\nKeyError: y\n"}
    assert told.says(4, 1, "crash", report) == ["online", "crash"]
    told.says(5, 1, "crash", report)
    assert (told.d1.crashes, told.d1.crash, told.d1.crash_s) == (1, "watchdog: KeyError: y", 1002.0)
    told.says(6, 1, "crash", {**report, "boot": 5, "error": ""})
    assert (told.d1.crashes, told.d1.crash) == (2, "watchdog")


def test_events_are_of_a_device_or_of_none():
    told = Told()
    (change,) = told.fleet.event(1000.0, "d1", EVENT)
    assert (change["device"], change["code"], change["object_id"]) == ("d1", "sec.topic_denied", "id-1")
    assert (told.d1.events, told.d1.event) == (1, "sec.topic_denied: unauthorized")
    assert told.d1.is_online is None
    (change,) = told.fleet.event(1000.0, None, EVENT)
    assert "device" not in change
    assert list(told.fleet.devices) == ["d1"]


# --- what is no message of ours, and bounds ---


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"\xff", b"1", b"[]", b"{}", b"{", b"[" * 2000),
        *(b'{"online":1}', b'{"online":true,"a":NaN}', b'{"online":true,"a":1e999}'),
        b'{"online":true,"a":' + b"[" * 16 + b"]" * 16 + b"}",
    ],
)
def test_status_that_makes_no_sense_is_counted(payload):
    told = Told()
    assert told.status(payload) == ["unreadable"]
    assert (told.d1.unreadable, told.d1.is_online) == (1, None)


@pytest.mark.parametrize(
    ("key", "value"),
    [("boot", -1), ("boot", 1.0), ("boot", True), ("boot", 2**63), ("seq", 0), ("seq", None), ("name", 1)],
)
def test_telemetry_that_makes_no_sense_is_counted(key, value):
    told = Told()
    good = json.loads(message(1, 1))
    (change,) = told.fleet.telemetry(1.0, "d1", json.dumps({**good, key: value}).encode(), False)
    assert (change["what"], told.d1.unreadable, told.d1.seq) == ("unreadable", 1, None)


def test_names_that_no_device_has_are_not_kept():
    told = Told()
    assert told.status(ONLINE, "") == ["unreadable"]
    assert told.status(ONLINE, "n" * 65) == ["unreadable"]
    assert told.status(ONLINE, "ü" * 33) == ["unreadable"]
    assert told.status(ONLINE, "n" * 64) == ["online"]
    assert len(told.fleet.devices) == 1


def test_longest_silent_device_is_forgotten():
    told = Told(devices_max=2)
    told.says(1, 1, device="a")
    told.says(1, 1, device="b")
    told.says(1, 2, device="a")
    told.now_s = 1100.0
    *_, change = told.fleet.status(1100.0, "c", ONLINE, False)
    assert change == {
        "at_s": 1100.0,
        "what": "forgotten",
        "device": "b",
        "silent_s": 98.0,
        "devices_max": 2,
    }
    assert sorted(told.fleet.devices) == ["a", "c"]
    assert told.says(1, 9, device="b") == ["online", "telemetry", "forgotten"], (
        "as if it had never been heard"
    )


def test_memory_of_one_device_is_bounded():
    told = Told()
    for boot in range(100):
        told.says(boot, 1, "x" * 1000, "y" * 1000)
    told.says(100, 1, "vitals", {f"k{n}": n for n in range(1000)})
    told.says(100, 2, "troubles", {"r" * 1000: 1})
    told.says(100, 3, "crash", {"error": "e" * 1000})
    told.fleet.event(1.0, "d1", SimpleNamespace(**{**vars(EVENT), "message": "m" * 1000}))
    assert len(told.fleet._starts["d1"]) == fleets._STARTS_MAX
    assert len(json.dumps(told.fleet.as_dict())) < 2000


anything = st.one_of(
    st.binary(max_size=60),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    ).map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {
            "boot": st.integers(0, 3),
            "seq": st.integers(1, 9),
            "name": st.sampled_from(["room", "vitals", "troubles", "crash", "\x1b[2J\ud800"]),
            "data": st.recursive(
                st.none() | st.integers() | st.text(max_size=5) | st.floats(),
                lambda inner: st.dictionaries(
                    st.sampled_from(["boot", "error", "cause", "heap_free", "rssi", "online", "cert_days"]),
                    inner,
                ),
            ),
        }
    ).map(lambda value: json.dumps(value).encode()),
    st.sampled_from([ONLINE, OFFLINE]),
)


@given(
    st.lists(
        st.tuples(st.sampled_from(["status", "telemetry"]), st.sampled_from("abc"), anything, st.booleans())
    )
)
def test_any_bytes_are_taken_told_and_shown(entries):
    fleet = Fleet(devices_max=2)
    for number, (kind, name, payload, is_retained) in enumerate(entries):
        for change in getattr(fleet, kind)(float(number), name, payload, is_retained):
            assert json.loads(json_line(change))["what"] == change["what"]
            assert line(change).isprintable()
    assert len(fleet.devices) <= 2
    assert json.loads(json.dumps(fleet.as_dict(), allow_nan=False)) == fleet.as_dict()
    Console(file=io.StringIO(), width=200).print(table(fleet, float(len(entries)), "any", None))
