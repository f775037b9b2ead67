# events: one record for every hub, and handlers that hear what they asked for.
from hublink import limits
from hublink.events import SEVERITIES, Event, Handlers, unparsed


def _event(severity="error", code="sec.topic_denied", object_id="d1"):
    return Event("scaleway", severity, code, "device", object_id, "unauthorized topic [a]", None, None, {})


# What each of the handlers heard, by name. wanted: name -> (severity, code, object id).
def _heard(wanted, *events):
    handlers = Handlers()
    heard = []
    for name, want in wanted:
        handlers.add(lambda event, name=name: heard.append((name, event)), want[0], want[1], want[2])
    for event in events:
        assert handlers.call(event) == []
    return heard


def case_an_event_keeps_what_it_is_given():
    event = Event("hub", "info", "code", "device", "id", "message", "packet", "time", {"a": 1})
    assert (event.hub, event.severity, event.code, event.object_type, event.object_id) == (
        "hub", "info", "code", "device", "id",
    )  # fmt: skip
    assert (event.message, event.packet, event.time, event.raw) == ("message", "packet", "time", {"a": 1})


def case_an_event_reads_as_a_sentence():
    assert str(_event()) == "error sec.topic_denied device d1: unauthorized topic [a]"
    assert str(unparsed("hub", b"hello")) == "warning unparsed None None: hello"


def case_unparsed_keeps_the_readable_part():
    event = unparsed("scaleway", b"ab\x00\x1f\x20~\x7f\x80\xff\n")
    assert (event.hub, event.severity, event.code) == ("scaleway", "warning", "unparsed")
    assert event.message == event.raw == "ab?? ~????"
    assert (event.object_type, event.object_id, event.packet, event.time) == (None, None, None, None)


def case_unparsed_has_a_longest_length():
    for length in (0, 1, limits.EVENT_TEXT_LEN, limits.EVENT_TEXT_LEN + 1, 5000):
        event = unparsed("hub", b"x" * length)
        assert event.raw == "x" * min(length, limits.EVENT_TEXT_LEN)


def case_a_handler_that_wants_all_hears_all():
    events = [_event(severity) for severity in SEVERITIES] + [unparsed("hub", b"")]
    assert [event for _, event in _heard([("all", (None, None, None))], *events)] == events


def case_each_wish_is_an_exact_one():
    wanted = [
        ("severity", ("error", None, None)),
        ("code", (None, "sec.topic_denied", None)),
        ("object", (None, None, "d1")),
        ("both", ("error", None, "d1")),
        ("other severity", ("warning", None, None)),
        ("other code", (None, "sec", None)),
        ("other object", (None, None, "d")),
        ("one of two", ("error", "sec.topic_denied", "d2")),
    ]
    assert [name for name, _ in _heard(wanted, _event())] == ["severity", "code", "object", "both"]


def case_an_event_without_object_fits_no_object():
    assert _heard([("object", (None, None, "d1"))], unparsed("hub", b"")) == []
    assert len(_heard([("any", (None, None, None))], unparsed("hub", b""))) == 1


def case_handlers_are_called_in_the_order_they_came():
    wanted = [(name, (None, None, None)) for name in "abc"]
    assert [name for name, _ in _heard(wanted, _event(), _event())] == ["a", "b", "c", "a", "b", "c"]


def case_without_handlers_nothing_happens():
    assert Handlers().call(_event()) == []


def case_a_handler_that_raises_keeps_nobody_from_hearing():
    handlers = Handlers()
    heard = []
    error = RuntimeError("first")

    def raising(event):
        raise error

    handlers.add(raising, None, None, None)
    handlers.add(heard.append, None, None, None)
    handlers.add(raising, "error", None, None)
    event = _event()
    assert handlers.call(event) == [error, error]
    assert heard == [event]


def case_only_real_severities_can_be_wished_for():
    handlers = Handlers()
    for severity in ("warn", "ERROR", "", "fatal"):
        try:
            handlers.add(print, severity, None, None)
        except ValueError as e:
            assert "expected one of debug, info, warning, error" in str(e)
        else:
            raise AssertionError(severity)
    for severity in SEVERITIES:
        handlers.add(print, severity, "no such code", None)
    assert handlers.call(_event()) == []
