"""The record of what `hublink watch` has heard, and which topic is whose."""

import json
from pathlib import Path

import pytest
from hublink_desk import device_code
from hublink_desk.errors import DeskError
from hublink_desk.follow import Message
from hublink_desk.watch.places import Places
from hublink_desk.watch.record import Began, Recorder, read
from hublink_desk.watch.watching import Watch, replay
from hypothesis import given
from hypothesis import strategies as st

TLS = {"ca": ["ca.der"], "cert": "device.der", "key": "device.key.der"}
DEV_FULL = Path("/dev/full")
BIRTH = Message("d1/status", b'{"online":true}', False)


def hub(kind="generic", **settings):
    """The section of a checked configuration."""
    files = {"ca": ["x"], **dict.fromkeys(device_code.needed_credentials({"type": kind}), "x")}
    section = {"type": kind, "host": "h", **settings}
    return device_code.parse(json.dumps({"device": "monitor", "hub": section, "tls": files}).encode())["hub"]


def recorded(path, *entries):
    with Recorder(path) as recorder:
        for number, entry in enumerate(entries):
            recorder.write(1000.0 + number, entry)
    return path


# --- places ---


def test_topics_of_all_devices_are_those_of_the_configuration():
    places = Places(hub("scaleway", device_id="id-1"))
    assert places.subscriptions == [("+/status", 0), ("+/telemetry/#", 0), ("$SCW/events/#", 0)]
    assert places.find("d1/status") == ("status", "d1")
    assert places.find("d1/telemetry") == places.find("d1/telemetry/air/x") == ("telemetry", "d1")
    assert places.find("$SCW/events/error/device/id-1") == ("event", "")
    assert places.find("d1/state") is None


def test_topics_may_be_anywhere():
    topics = {
        "telemetry_topic": "site/{device}",
        "status_topic": "site/{device}/life",
        "errors_filter": "errors/#",
    }
    places = Places(hub(**topics))
    assert places.subscriptions == [("site/+/life", 1), ("site/+/#", 1), ("errors/#", 0)]
    assert places.find("site/d1/life") == ("status", "d1")
    assert places.find("site/d1") == places.find("site/d1/air") == ("telemetry", "d1")
    assert places.find("errors") == ("event", "")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"telemetry_topic": "all"}, "hub.telemetry_topic is all; expected {device} as a level of its own."),
        (
            {"status_topic": "d-{device}"},
            "hub.status_topic is d-{device}; expected {device} as a level of its own.",
        ),
    ],
)
def test_topics_have_to_tell_devices_apart(settings, said):
    with pytest.raises(DeskError) as raised:
        Places(hub(**settings))
    assert raised.value.message == said


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("clearblade", {"project": "p", "registry": "reg"}),
        ("omnicore", {"subscription": "s", "registry": "reg"}),
        ("azure", {}),
    ],
)
def test_hubs_with_fixed_topics_are_refused_with_what_they_have_instead(kind, settings):
    with pytest.raises(DeskError, match=rf"^On {kind} no device hears another: [^.]+\.$"):
        Places(hub(kind, **settings))


# --- the file ---


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8")), st.binary() | st.text().map(repr), st.booleans())
    )
)
def test_what_was_written_is_read(tmp_path_factory, entries):
    path = tmp_path_factory.mktemp("record") / "record.jsonl"
    entries = [
        Message(topic, data.encode() if isinstance(data, str) else data, flag)
        for topic, data, flag in entries
    ]
    recorded(path, *entries)
    assert [entry for _, entry in read(path)] == entries


def test_what_is_listened_to_is_recorded_without_secrets(tmp_path):
    began = Began(hub(user="monitor", password="secret"), {"id-1": "d1"})
    path = recorded(tmp_path / "r", began)
    assert "secret" not in path.read_text()
    assert list(read(path)) == [(1000.0, Began(hub(), {"id-1": "d1"}))]


def test_a_message_is_in_the_file_at_once(tmp_path):
    with Recorder(tmp_path / "r") as recorder:
        recorder.write(1.5, BIRTH)
        assert list(read(tmp_path / "r")) == [(1.5, BIRTH)]


def test_a_record_is_gone_on_with(tmp_path):
    recorded(tmp_path / "r", BIRTH)
    recorded(tmp_path / "r", BIRTH, BIRTH)
    assert [at_s for at_s, _ in read(tmp_path / "r")] == [1000.0, 1000.0, 1001.0]


@pytest.mark.parametrize("torn_len", [1, 30, 70_000])
def test_a_torn_last_line_is_left_out_and_cut_off(tmp_path, capsys, torn_len):
    path = recorded(tmp_path / "r", BIRTH)
    whole_len = path.stat().st_size
    with path.open("ab") as file:
        file.write(b'{"at": 1' + b"0" * (torn_len - 8) if torn_len > 8 else b"{" * torn_len)
    assert [entry for _, entry in read(path)] == [BIRTH]
    assert capsys.readouterr().err == f"hublink: {path}: the last line, 2, is torn and was left out\n"
    torn = path.read_bytes()
    recorded(path)
    assert path.read_bytes() == torn, "nothing is lost before something is written"
    recorded(path, BIRTH)
    assert path.read_bytes() == 2 * torn[:whole_len]
    assert (
        capsys.readouterr().err
        == f"hublink: {path}: the last line, {torn_len} bytes, is torn and was cut off\n"
    )


@pytest.mark.parametrize("theirs", ["x", '{"device": "d1"}', "one line\nand half of another"])
def test_a_file_that_is_no_record_is_left_alone(tmp_path, theirs):
    (tmp_path / "r").write_text(theirs)
    with pytest.raises(DeskError, match=r"r: line 1 is no record of `hublink watch`\."):
        recorded(tmp_path / "r", BIRTH)
    assert (tmp_path / "r").read_text() == theirs


@pytest.mark.parametrize(
    "line",
    [
        *("", "x", "1", "[]", "{}", "[" * 5000, '{"at": 1}'),
        *(
            '{"at": "1", "topic": "t", "text": "", "retained": false}',
            '{"at": 1, "topic": "t", "retained": false}',
        ),
        '{"at": NaN, "topic": "t", "text": "", "retained": false}',
        '{"at": 1e300, "topic": "t", "text": "", "retained": false}',
        '{"at": 1, "topic": 1, "text": "", "retained": false}',
        '{"at": 1, "topic": "\\ud800", "text": "", "retained": false}',
        '{"at": 1, "topic": "t", "base64": "x", "retained": false}',
        '{"at": 1, "watching": {"hub": {"type": "none"}, "names": {}}}',
        '{"at": 1, "watching": {"hub": {"type": "generic", "host": ""}, "names": {}}}',
        '{"at": 1, "watching": {"names": {}}}',
    ],
)
def test_any_other_line_is_no_record(tmp_path, line):
    path = recorded(tmp_path / "r", BIRTH)
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DeskError) as raised:
        list(read(path))
    assert raised.value.message == f"{path}: line 2 is no record of `hublink watch`."


def test_a_file_that_is_not_there_or_cannot_be_written_is_named(tmp_path):
    with pytest.raises(DeskError, match=r"none cannot be read \(No such file"):
        list(read(tmp_path / "none"))
    with pytest.raises(DeskError, match=r"cannot be written \(No such file"):
        Recorder(tmp_path / "none" / "r")


def test_a_full_disk_is_named():
    with (
        Recorder(DEV_FULL) as recorder,
        pytest.raises(DeskError, match=r"/dev/full cannot be written \(No space"),
    ):
        recorder.write(1.0, BIRTH)


# --- what is made of it ---


def test_replay_is_as_fast_as_wanted(tmp_path):
    path = recorded(tmp_path / "r", Began(hub(), {}), BIRTH, BIRTH)
    assert [at_s for at_s, _ in replay(path, 0, 0.001)] == [1000.0, 1001.0, 1002.0]
    times = list(replay(path, 50, 0.001))
    assert [each for each in times if each[1]] == [each for each in replay(path, 0, 0.001)]
    assert [at_s for at_s, _ in times] == sorted(at_s for at_s, _ in times)
    assert any(entry is None for _, entry in times)


def test_reports_are_about_devices_that_are_known():
    watch = Watch(10)
    watch.take(1.0, Began(hub("scaleway", device_id="id-0"), {"id-1": "d1"}))
    watch.take(1.0, Message("id-2/status", b'{"online":true}', False))
    for object_id, device in (("id-1", "d1"), ("id-2", "id-2"), ("id-3", None), ("d1", "d1")):
        report = {"time": "", "severity": "warn", "object-type": "device", "object-id": object_id, "msg": "m"}
        topic = f"$SCW/events/warn/device/{object_id}"
        (change,) = watch.take(2.0, Message(topic, json.dumps(report).encode(), False))
        assert (change.get("device"), change["object_id"]) == (device, object_id)


def test_a_record_begins_with_what_was_listened_to():
    with pytest.raises(DeskError, match="does not begin with"):
        Watch(10).take(1.0, BIRTH)


def test_messages_elsewhere_change_nothing():
    watch = Watch(10)
    watch.take(1.0, Began(hub(), {}))
    assert watch.take(1.0, Message("d1/state", b"{}", False)) == []
    assert watch.fleet.devices == {}
