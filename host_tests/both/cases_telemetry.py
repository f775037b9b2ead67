# telemetry: when readings are due, and the bytes they become.
import json

from hublink import ticks
from hublink.telemetry import Schedule, Telemetry, check_period

# The last two put the times of each case on both sides of the wrap.
_STARTS_MS = (0, 1000, 0x3FFFFFFF - 500, 0x3FFFFFFF)


def _after(start_ms, ms):
    return ticks.add(start_ms, ms)


def _refusal(kind, function, *arguments):
    try:
        function(*arguments)
    except kind as e:
        return str(e)
    raise AssertionError("it was taken")


# -- when ----------------------------------------------------------------------------------------


def case_the_first_reading_is_due_at_once():
    for start_ms in _STARTS_MS:
        assert Schedule(None, "a", 1000, start_ms, b"t").due_in(start_ms) == 0


def case_readings_are_one_period_apart():
    for start_ms in _STARTS_MS:
        schedule = Schedule(None, "a", 1000, start_ms, b"t")
        for i in range(5):
            now_ms = _after(start_ms, i * 1000)
            assert schedule.due_in(_after(now_ms, -1)) == 1
            assert schedule.due_in(now_ms) == 0
            schedule.done(now_ms)
            assert schedule.due_in(now_ms) == 1000


def case_being_late_moves_no_later_reading():
    for start_ms in _STARTS_MS:
        schedule = Schedule(None, "a", 1000, start_ms, b"t")
        schedule.done(_after(start_ms, 999))
        assert schedule.due_in(_after(start_ms, 999)) == 1


def case_what_a_long_stop_made_late_is_left_out():
    for start_ms in _STARTS_MS:
        for late_ms in (1000, 1001, 5000, 3_600_000):
            schedule = Schedule(None, "a", 1000, start_ms, b"t")
            now_ms = _after(start_ms, late_ms)
            assert schedule.due_in(now_ms) == 0
            schedule.done(now_ms)
            assert schedule.due_in(now_ms) == 1000


def case_the_longest_period_is_kept():
    three_days_ms = 259_200_000
    for start_ms in _STARTS_MS:
        schedule = Schedule(None, "a", three_days_ms, start_ms, b"t")
        schedule.done(start_ms)
        assert schedule.due_in(start_ms) == three_days_ms
        assert schedule.due_in(_after(start_ms, three_days_ms)) == 0


def case_periods_are_given_in_seconds():
    telemetry = Telemetry(1)
    for every_s, every_ms in ((1, 1000), (0.5, 500), (0.05, 50), (10, 10_000), (259200, 259_200_000)):
        telemetry.add(print, "a", every_s, 7, b"t")
        schedule = telemetry.schedules[-1]
        assert (schedule.function, schedule.name, schedule.topic) == (print, "a", b"t")
        assert (schedule.every_ms, schedule.due_ms) == (every_ms, 7)


def case_periods_that_ticks_cannot_tell_are_refused():
    for every_s in (0, -1, 0.049, 259201, 1e9, float("nan"), float("inf"), "10", None, []):
        assert "expected 0.05 to 259200" in _refusal(ValueError, check_period, every_s)


# -- what ----------------------------------------------------------------------------------------


def case_a_message_says_when_which_and_what():
    telemetry = Telemetry(7)
    message = telemetry.encode("memory", {"free": 97344, "used": 0}, 1798761600, 0)
    assert isinstance(message, bytes)
    assert json.loads(message) == {
        "time": 1798761600,
        "boot": 7,
        "seq": 1,
        "name": "memory",
        "data": {"free": 97344, "used": 0},
    }


def case_messages_are_compact():
    message = Telemetry(7).encode("a", {"b": [1, 2, {"c": "d e"}]}, 5, 3)
    assert b" " not in message.replace(b"d e", b"")
    assert b"\n" not in message


def case_messages_are_numbered_from_one():
    telemetry = Telemetry(7)
    assert [json.loads(telemetry.encode("a", 0, 5, 0))["seq"] for _ in range(3)] == [1, 2, 3]
    assert telemetry.seq == 3


def case_a_time_that_is_not_known_is_null():
    assert json.loads(Telemetry(7).encode("a", 0, 0, 0))["time"] is None


def case_losses_are_told_once_there_are_any():
    telemetry = Telemetry(7)
    assert "dropped" not in json.loads(telemetry.encode("a", 0, 5, 0))
    assert json.loads(telemetry.encode("a", 0, 5, 12))["dropped"] == 12


def case_everything_that_json_can_say_is_sent():
    for data in (
        None, True, False, 0, -1, 1 << 40, 1.5, -0.25, "", "text", 'quote " and \\ back', "line\nfeed\t\x01",
        "gr\u00fcn \u20ac \U0001f600", [], {}, (), [1, "a", None], {"a": {"b": {"c": {"d": 1}}}}, [[[[1]]]],
        {"": 1},
    ):  # fmt: skip
        sent = json.loads(Telemetry(7).encode("a", data, 5, 0))["data"]
        assert sent == (list(data) if isinstance(data, tuple) else data), data


def case_a_single_precision_number_survives():
    assert json.loads(Telemetry(7).encode("a", 21.5, 5, 0))["data"] == 21.5


def case_what_json_cannot_say_is_refused():
    for data in (
        b"bytes", bytearray(2), {1, 2}, object(), print, float("nan"), float("inf"), -float("inf"), 1e39,
        [float("nan")], {1: 2}, {None: 1}, {b"a": 1}, {"a": b"b"}, [{"a": [object()]}], {("a",): 1},
    ):  # fmt: skip
        telemetry = Telemetry(7)
        assert "data: " in _refusal(TypeError, telemetry.encode, "a", data, 5, 0)
        assert telemetry.seq == 0  # no number is used up


def case_depth_has_a_limit():
    assert _refusal(TypeError, Telemetry(7).encode, "a", [[[[[1]]]]], 5, 0)
    assert _refusal(TypeError, Telemetry(7).encode, "a", {"a": [{"b": [{}]}]}, 5, 0)


def case_what_holds_itself_is_refused():
    data = []
    data.append(data)
    assert _refusal(TypeError, Telemetry(7).encode, "a", data, 5, 0)
    data = {}
    data["self"] = data
    assert _refusal(TypeError, Telemetry(7).encode, "a", data, 5, 0)
