"""The desk hub as ClearBlade IoT Core and KORE OmniCore: topics, limits, configurations and commands.

One row per rule of hub-dialects 3.3; paho over real TLS. The fixed topics are tried in both dialects.
"""

import pytest
from hublink_desk.errors import DeskError

from host_tests.system.desk_hub_parts import PATIENCE_S
from host_tests.system.iotcore_parts import FAILED, LIGHT, SENSOR, Cloud, assert_closed

DIALECTS = ("clearblade", "omnicore")


# --- up ---


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize("kind", ["events", "events/alarms", "events/a/b", "state"])
def test_device_publishes_under_its_fixed_topics(desk, dialect, kind, qos):
    cloud = Cloud(desk, dialect)
    cloud.connected().publish(cloud.topic(SENSOR, kind), b"\x00x", qos=qos)
    assert desk.log.wait("publish", topic=cloud.topic(SENSOR, kind))["qos"] == qos
    assert cloud.received == [(SENSOR, cloud.topic(SENSOR, kind), b"\x00x")]


WRONG = {
    "config-up": ("config", {}, "is not one of the fixed topics"),
    "state-with-subfolder": ("state/x", {}, "is not one of the fixed topics"),
    "unknown-kind": ("telemetry", {}, "is not one of the fixed topics"),
    "attach": ("attach", {}, "only a gateway may attach and detach"),
    "detach": ("detach", {}, "only a gateway may attach and detach"),
    "qos-2": ("events", {"qos": 2}, "QoS 2 is not supported"),
    "large-telemetry": ("events", {"payload": bytes(256 * 1024 + 1)}, "payload of 262145 bytes is too large"),
    "large-state": ("state", {"payload": bytes(64 * 1024 + 1)}, "payload of 65537 bytes is too large"),
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("kind", "how", "reason"), WRONG.values(), ids=WRONG)
def test_wrong_publish_closes(desk, dialect, kind, how, reason):
    cloud = Cloud(desk, dialect)
    sensor = cloud.connected()
    sensor.paho.publish(cloud.topic(SENSOR, kind), **how)
    assert_closed(sensor, desk.log, reason)
    assert cloud.received == []


@pytest.mark.parametrize("topic", ["telemetry", "devices/sensor-1/events", "/devices/a/events", "//events"])
def test_publish_outside_the_fixed_topics_closes(desk, topic):
    cloud = Cloud(desk)
    sensor = cloud.connected()
    sensor.paho.publish(topic, b"", 1)
    assert_closed(sensor, desk.log, "is not one of the fixed topics")


def test_publish_for_another_device_closes(desk):
    cloud = Cloud(desk)
    sensor = cloud.connected()
    sensor.paho.publish(cloud.topic(LIGHT, "events"), b"")
    assert_closed(sensor, desk.log, "the topic is another device's")


def test_largest_payloads_pass(desk):
    cloud = Cloud(desk)
    sensor = cloud.connected()
    for kind, length in (("events", 256 * 1024), ("state", 64 * 1024)):
        sensor.publish(cloud.topic(SENSOR, kind), bytes(length), qos=1)
    assert [len(payload) for _, _, payload in cloud.received] == [256 * 1024, 64 * 1024]


def test_too_large_can_be_dropped_and_not_acknowledged_instead(desk):
    cloud = Cloud(desk, closes_on_large_payload=False)
    sensor = cloud.connected()
    sensor.paho.publish(cloud.topic(SENSOR, "events"), bytes(256 * 1024 + 1), 1)
    sensor.publish(cloud.topic(SENSOR, "events"), b"next", qos=1)  # the first one acknowledged is this
    assert [payload for _, _, payload in cloud.received] == [b"next"]


@pytest.mark.parametrize(("setting", "closes"), [("ignore", False), ("close", True)])
def test_retain_flag_is_a_switch(desk, setting, closes):
    cloud = Cloud(desk, retain=setting)
    sensor = cloud.connected()
    sensor.paho.publish(cloud.topic(SENSOR, "events"), b"1", 1, True)
    if closes:
        assert_closed(sensor, desk.log, "retained messages are not supported")
    else:
        sensor.publish(cloud.topic(SENSOR, "events"), b"2")
        desk.log.wait("publish", len=1, retain=True)


def test_telemetry_without_a_route_closes(desk):
    cloud = Cloud(desk, has_telemetry_topic=False)
    sensor = cloud.connected()
    sensor.publish(cloud.topic(SENSOR, "state"), b"on", qos=1)
    sensor.paho.publish(cloud.topic(SENSOR, "events"), b"1")
    assert_closed(sensor, desk.log, "the registry routes telemetry nowhere")


def test_telemetry_that_is_too_fast_is_lost_and_not_acknowledged(desk):
    cloud = Cloud(desk, events_per_s=0.01)
    sensor = cloud.connected()
    sensor.publish(cloud.topic(SENSOR, "events"), b"1", qos=1)
    sensor.paho.publish(cloud.topic(SENSOR, "events"), b"2", 1)
    sensor.publish(cloud.topic(SENSOR, "state"), b"on", qos=1)
    assert desk.log.wait("drop")["reason"] == "telemetry comes too fast"
    assert [payload for _, _, payload in cloud.received] == [b"1", b"on"]


def test_state_that_is_too_fast_is_acknowledged_and_not_kept(desk):
    cloud = Cloud(desk, state_per_s=0.01)
    sensor = cloud.connected()
    for state in (b"on", b"off"):
        sensor.publish(cloud.topic(SENSOR, "state"), state, qos=1)
    assert desk.log.wait("drop")["reason"] == "state comes too fast: it is not kept"
    assert cloud.hub.devices()[SENSOR]["states"] == ["on"]


def test_last_ten_states_are_kept(desk):
    cloud = Cloud(desk, state_per_s=0.0)
    sensor = cloud.connected()
    for number in range(12):
        sensor.publish(cloud.topic(SENSOR, "state"), str(number), qos=1)
    assert cloud.hub.devices()[SENSOR]["states"] == [str(number) for number in range(2, 12)]


# --- down ---


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("kind", ["config", "commands/#"])
def test_subscription_is_granted_at_qos_1_at_most(desk, dialect, kind, qos):
    cloud = Cloud(desk, dialect)
    assert cloud.connected().subscribe(cloud.topic(SENSOR, kind), qos) == min(qos, 1)


@pytest.mark.parametrize(("dialect", "closes"), [("clearblade", True), ("omnicore", False)])
@pytest.mark.parametrize("kind", ["commands", "commands/lamp"])
def test_commands_need_their_wildcard_on_clearblade(desk, dialect, kind, closes):
    cloud = Cloud(desk, dialect)
    sensor = cloud.connected()
    if closes:
        sensor.paho.subscribe(cloud.topic(SENSOR, kind))
        assert_closed(sensor, desk.log, "is not one of the fixed topics")
    else:
        assert sensor.subscribe(cloud.topic(SENSOR, kind)) == 0


UNKNOWN_FILTERS = ["events", "state", "#", "config/#", "commands/+", "errors"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", UNKNOWN_FILTERS)
def test_subscription_outside_the_fixed_topics_closes(desk, dialect, kind):
    cloud = Cloud(desk, dialect)
    sensor = cloud.connected()
    sensor.paho.subscribe(cloud.topic(SENSOR, kind))
    assert_closed(sensor, desk.log, "is not one of the fixed topics")


@pytest.mark.parametrize("wanted", ["#", "/devices/+/config", "/devices/light-1/config"])
def test_subscription_to_what_is_anothers_closes(desk, wanted):
    cloud = Cloud(desk)
    sensor = cloud.connected()
    sensor.paho.subscribe(wanted)
    assert_closed(sensor, desk.log, "is not one of the fixed topics")


@pytest.mark.parametrize("kind", UNKNOWN_FILTERS)
def test_it_can_be_refused_instead(desk, kind):
    cloud = Cloud(desk, unknown_filter="refuse")
    sensor = cloud.connected()
    assert sensor.subscribe(cloud.topic(SENSOR, kind)) == FAILED
    assert sensor.subscribe(cloud.topic(SENSOR, "config")) == 0


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("qos", [0, 1])
def test_configuration_follows_the_suback_and_every_change(desk, dialect, qos):
    cloud = Cloud(desk, dialect, config_per_s=0.0)
    cloud.hub.push_config(SENSOR, b"first")
    sensor = cloud.connected()
    order = []
    sensor.paho.on_subscribe = lambda *_: order.append("suback")
    sensor.paho.on_message = lambda c, u, m: (order.append((m.payload, m.qos)), sensor.messages.put(m))
    sensor.paho.subscribe(cloud.topic(SENSOR, "config"), qos)
    sensor.message()
    cloud.hub.push_config(SENSOR, "second")
    cloud.hub.push_config(SENSOR, b"")
    for _ in range(2):
        sensor.message()
    assert order == ["suback", (b"first", qos), (b"second", qos), (b"", qos)]
    assert cloud.hub.devices()[SENSOR]["config_version"] == 3


@pytest.mark.parametrize(("switch", "expected"), [(True, b""), (False, b"set")])
def test_device_that_was_never_configured_gets_an_empty_one_or_none(desk, switch, expected):
    cloud = Cloud(desk, sends_first_config=switch)
    sensor = cloud.connected()
    sensor.subscribe(cloud.topic(SENSOR, "config"), 1)
    cloud.hub.push_config(SENSOR, b"set")
    assert sensor.message() == (cloud.topic(SENSOR, "config"), expected)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("subfolder", ["", "lamp", "lamp/left"])
def test_command_arrives_under_its_subfolder(desk, dialect, subfolder):
    cloud = Cloud(desk, dialect)
    sensor = cloud.connected()
    sensor.subscribe(cloud.topic(SENSOR, "commands/#"), 1)
    cloud.hub.send_command(SENSOR, b"\xff", subfolder)
    message = sensor.messages.get(timeout=PATIENCE_S)
    kind = f"commands/{subfolder}" if subfolder else "commands"
    assert (message.topic, message.payload, message.qos) == (cloud.topic(SENSOR, kind), b"\xff", 1)


REFUSED_ORDERS = {
    "command-to-nobody": (
        lambda hub: hub.send_command(SENSOR, b""),
        "the command is lost: nobody is subscribed",
    ),
    "command-to-a-stranger": (lambda hub: hub.send_command("x", b""), "device 'x' is not in the registry"),
    "config-of-a-stranger": (lambda hub: hub.push_config("x", b""), "device 'x' is not in the registry"),
    "large-command": (lambda hub: hub.send_command(SENSOR, bytes(262_145)), "payload has 262145 bytes"),
    "large-config": (lambda hub: hub.push_config(SENSOR, bytes(65_537)), "payload has 65537 bytes"),
    "wildcard-subfolder": (lambda hub: hub.send_command(SENSOR, b"", "#"), "command topic is '/devices/"),
    "payload-of-no-kind": (lambda hub: hub.push_config(SENSOR, 1), "payload is 1; expected bytes or a text"),
}


@pytest.mark.parametrize(("order", "complaint"), REFUSED_ORDERS.values(), ids=REFUSED_ORDERS)
def test_order_that_cannot_be_is_one_sentence(desk, order, complaint):
    with pytest.raises(DeskError) as problem:
        order(Cloud(desk).hub)
    assert problem.value.message.startswith(complaint)


def test_orders_that_come_too_fast_are_refused(desk):
    cloud = Cloud(desk, config_per_s=0.01, commands_per_s=0.01)
    sensor = cloud.connected()
    sensor.subscribe(cloud.topic(SENSOR, "commands/#"))
    cloud.hub.send_command(SENSOR, b"1")
    cloud.hub.push_config(SENSOR, b"1")
    cloud.hub.push_config(LIGHT, b"1")  # has a rate of its own
    for order in (cloud.hub.send_command, cloud.hub.push_config):
        with pytest.raises(DeskError, match="too fast"):
            order(SENSOR, b"2")
