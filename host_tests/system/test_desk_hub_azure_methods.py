"""The desk hub as Azure IoT Hub: direct methods (hub-dialects 5.2), and every order over HTTP."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from hublink_desk.errors import DeskError
from hublink_desk.hub.control import Control

from host_tests.system.azure_parts import PINNED, PRIMARY, SENSOR, TOKEN, Cloud, listening, telemetry
from host_tests.system.desk_hub_parts import PATIENCE_S
from host_tests.system.test_desk_hub_control import ctl

METHODS = "$iothub/methods/POST/#"


class Callee:
    """A device that answers each method in paho's thread with `answer(topic, payload)`: (status, payload)."""

    def __init__(self, cloud, answer):
        self.client = cloud.connected()
        self.asked = []
        self.client.paho.on_message = lambda _client, _userdata, message: self._asked(message, answer)
        assert self.client.subscribe(METHODS) == 0

    def _asked(self, message, answer):
        self.asked.append((message.topic, message.payload))
        rid = message.topic.partition("?$rid=")[2]
        for status, payload in answer:
            self.client.paho.publish(f"$iothub/methods/res/{status}/?$rid={rid}", payload)


ANSWERS = {
    "object": ((200, b'{"done":true}'), {"status": 200, "payload": {"done": True}}),
    "empty": ((200, b""), {"status": 200, "payload": None}),
    "own-status": ((-3, b"[1]"), {"status": -3, "payload": [1]}),
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_method_is_answered(desk, answer, expected):
    cloud = Cloud(desk)
    callee = Callee(cloud, [answer])
    assert cloud.hub.call_method(SENSOR, "re boot", '{"in_s":5}') == expected
    assert cloud.hub.call_method(SENSOR, "stop") == expected
    assert callee.asked == [
        ("$iothub/methods/POST/re%20boot/?$rid=1", b'{"in_s":5}'),
        ("$iothub/methods/POST/stop/?$rid=2", b""),
    ]


def test_first_answer_counts_and_others_are_dropped(desk):
    cloud = Cloud(desk)
    Callee(cloud, [(200, b"1"), (500, b"2")])
    assert cloud.hub.call_method(SENSOR, "stop")["status"] == 200
    assert desk.log.wait("drop")["reason"] == "nobody waits for an answer to request '1'"


def test_answer_of_another_device_is_dropped(desk):
    cloud = Cloud(desk)
    client = listening(cloud, METHODS)
    other = cloud.connected(PINNED, identity="self_signed")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(cloud.hub.call_method, SENSOR, "stop")
        client.message()
        other.publish("$iothub/methods/res/200/?$rid=1", b"1", qos=1)
        client.publish("$iothub/methods/res/201/?$rid=1", b"2", qos=1)
        assert call.result(PATIENCE_S) == {"status": 201, "payload": 2}


def test_late_answer_is_dropped(desk):
    cloud = Cloud(desk)
    client = listening(cloud, METHODS)
    with pytest.raises(DeskError, match=r"'sensor-1' did not answer 'stop' within 0.05 s"):
        cloud.hub.call_method(SENSOR, "stop", timeout_s=0.05)
    client.publish("$iothub/methods/res/200/?$rid=1", b"1", qos=1)
    assert desk.log.wait("drop")["reason"] == "nobody waits for an answer to request '1'"
    client.publish(telemetry(), b"", qos=1)


def test_answer_that_is_no_json_is_one_sentence(desk):
    cloud = Cloud(desk)
    Callee(cloud, [(200, b"{")])
    with pytest.raises(DeskError, match=r"'sensor-1' answered with b'{'; expected JSON"):
        cloud.hub.call_method(SENSOR, "stop")


@pytest.mark.parametrize(
    ("device", "payload", "complaint"),
    [
        ("x", "", "device 'x' is not in the registry."),
        (
            TOKEN,
            "",
            "'stop' is not called: 'sensor-3' is not subscribed to $iothub/methods/POST/stop/?$rid=1.",
        ),
        (SENSOR, "on", "payload is b'on'; expected JSON."),
        (SENSOR, b"\xff", "payload is b'\\xff'; expected JSON."),
        (SENSOR, "NaN", "payload is b'NaN'; expected JSON."),
        (SENSOR, "[" * 100_000, f"payload is b'{'[' * 80}'; expected JSON."),
        (SENSOR, bytes(128 * 1024 + 1), "payload has 131073 bytes; expected at most 131072."),
    ],
)
def test_wrong_call_is_one_sentence(desk, device, payload, complaint):
    cloud = Cloud(desk)
    listening(cloud, METHODS)
    with pytest.raises(DeskError) as error:
        cloud.hub.call_method(device, "stop", payload)
    assert error.value.message == complaint


@pytest.mark.parametrize(
    ("name", "complaint"), [("", "method is ''; expected a name."), (1, "method is 1; exp")]
)
def test_wrong_method_is_one_sentence(desk, name, complaint):
    hub = Cloud(desk).hub
    with pytest.raises(DeskError) as error:
        hub.call_method(SENSOR, name)
    assert error.value.message.startswith(complaint)


def test_hub_cannot_wait_for_an_answer_in_its_own_thread(desk):
    cloud = Cloud(desk)
    problems = []

    def call(record):
        if record["what"] == "publish":
            with pytest.raises(RuntimeError, match="the desk hub cannot wait for itself") as error:
                cloud.hub.call_method(SENSOR, "stop")
            problems.append(error)

    desk.log.also = call
    cloud.connected().publish(telemetry(), b"", qos=1)
    assert len(problems) == 1


# --- hublink hub-ctl ---


def test_every_order_over_http(desk, tmp_path):
    cloud = Cloud(desk)
    callee = Callee(cloud, [(200, b'{"ok":1}')])
    with Control(cloud.hub) as control:

        def does(*arguments):
            code, out, problem = ctl(control.port, *arguments)
            assert (code, problem) == (0, ""), arguments
            return out

        more = tmp_path / "more.toml"
        more.write_text(f'[[device]]\nid = "sensor-4"\nauth = "sas"\nprimary = "{PRIMARY}"\n')
        does("add", more)
        assert json.loads(does("call", SENSOR, "reboot", '{"in_s":5}')) == {
            "status": 200,
            "payload": {"ok": 1},
        }
        assert callee.asked == [("$iothub/methods/POST/reboot/?$rid=1", b'{"in_s":5}')]
        does("message", "sensor-4", "on", "--property", "$.ct=text/plain", "--property", "flag")
        does("config", "sensor-4", '{"every_s":10}')
        does("rotate", "sensor-4", "bmV3")
        does("enable", "sensor-4", "--off")
        about = json.loads(does("devices", "--json"))["sensor-4"]
        assert (about["pending"], about["enabled"], about["primary"]) == (1, False, "bmV3")
        assert about["twin"]["desired"] == {"every_s": 10, "$version": 2}
        does("enable", "sensor-4")
        assert cloud.hub.devices()["sensor-4"]["enabled"] is True
        does("event", "DeviceRenamed", "--about", "sensor-4")
        does("remove", "sensor-4")
        assert "sensor-4" not in cloud.hub.devices()
