# hubs.generic: any broker; topics and credentials are the user's.
from hublink.hubs import generic


def _hub(device="plant-7", **given):
    settings = {setting: default for setting, _, default, _, _ in generic.FIELDS}
    settings.update(given)
    return generic.Hub(settings, device)


def case_defaults_are_made_of_the_device():
    hub = _hub()
    assert hub.credentials(None) == (b"plant-7", None, None)
    assert hub.telemetry_topic == b"plant-7/telemetry"
    assert hub.status_topic == b"plant-7/status"
    assert hub.subscriptions() == []
    assert hub.will() == (b"plant-7/status", b'{"online":false}', 1, True)


def case_the_device_stands_wherever_it_is_asked_for():
    hub = _hub(
        client_id="c-{device}", user="{device}@site", password="{device}", status_topic="s",
        telemetry_topic="a/{device}/{device}", errors_filter="{device}/errors/#",
    )  # fmt: skip
    assert hub.credentials(None) == (b"c-plant-7", b"plant-7@site", b"plant-7")
    assert hub.telemetry_topic == b"a/plant-7/plant-7"
    assert hub.status_topic == b"s"
    assert hub.subscriptions() == [(b"plant-7/errors/#", 0)]


def case_other_braces_stay():
    assert _hub(telemetry_topic="{devic}/{DEVICE}/{}").telemetry_topic == b"{devic}/{DEVICE}/{}"


def case_text_becomes_utf8():
    hub = _hub("gr\u00fcn")
    assert hub.telemetry_topic == b"gr\xc3\xbcn/telemetry"
    assert hub.credentials(None)[0] == b"gr\xc3\xbcn"


def case_retain_is_the_users_choice():
    assert _hub(retain=False).will()[3] is False
    assert _hub(retain=False).retain is False


def case_a_message_on_the_errors_filter_is_an_error():
    event = _hub().event(b"plant-7/errors/1", b"disk full\n")
    assert (event.hub, event.severity, event.code) == ("generic", "error", "hub.error")
    assert (event.object_type, event.object_id) == ("hub", "plant-7/errors/1")
    assert event.message == event.raw == "disk full?"
    assert (event.packet, event.time) == (None, None)
