"""A node on Azure IoT Hub, end to end: with a certificate and with tokens."""

import base64
import json

import pytest
from hublink_desk.hub.azure import Device

from host_tests.both.interpreters import needs
from host_tests.system.desk_hub_parts import wait_until
from host_tests.system.node_parts import Station

NAME = "sensor-1"
SECRET = base64.b64encode(b"a key of thirty-two bytes, so so").decode()
EVENTS = f"devices/{NAME}/messages/events/$.ct=application%2Fjson&$.ce=utf-8"


class Azure:
    """The kind of hub (see Station). auth: as the device's configuration has it."""

    dialect, device, name = "azure", NAME, NAME

    def __init__(self, auth):
        self._auth = auth
        self.files = ("ca", "cert", "key") if auth == "x509" else ("ca",)

    def settings(self, port):
        return {"type": "azure", "host": "127.0.0.1", "port": port, "auth": self._auth}

    def devices(self, _workshop):
        return (Device(NAME) if self._auth == "x509" else Device(NAME, "sas", SECRET),)

    def telemetry(self, folder=""):
        return f"{EVENTS}&folder={folder}" if folder else EVENTS

    def command(self, hub, _name, payload):
        hub.send_message(NAME, f"do:{payload}")


STATIONS = {"x509-micropython": ("x509", "micropython"), "sas-micropython32": ("sas", "micropython32")}


@pytest.fixture(params=STATIONS.values(), ids=STATIONS)
def station(request, workshop, mpy):
    auth, interpreter = request.param
    needs(interpreter)
    tls = {"ca": ["ca.der"]} | ({"secret": "device.key"} if auth == "sas" else {})
    sections = {"tls": tls} if auth == "sas" else None
    hub = {"host": "127.0.0.1"}
    with Station(workshop, Azure(auth), interpreter, mpy, hub, sections) as it:
        (it.folder / "device.key").write_text(SECRET)
        yield it.online()


def reported(station):
    return station.hub.devices()[NAME]["twin"]["reported"]


def test_telemetry_says_what_it_is_and_where_it_belongs(station):
    for folder in ("", "attic"):
        assert station.do(f"node.send('count', 7, {folder!r})") is True
        message = station.arrived(station.kind.telemetry(folder))
        assert json.loads(message.payload)["data"] == 7


def test_state_is_what_the_twin_reports(station):
    station.do("[node.set_state({'n': n}) for n in range(5)]")
    wait_until(lambda: reported(station).get("n") == 4)
    station.hub.drop(NAME)
    station.wait_online()
    station.do("node.set_state({'n': None, 'm': 1})")
    wait_until(lambda: reported(station).get("m") == 1)
    assert "n" not in reported(station)


def reports(station, state):
    """Wait until the twin reports that and no more."""
    wait_until(lambda: {k: v for k, v in reported(station).items() if k != "$version"} == state)


def test_state_replaces_what_an_earlier_one_said(station):
    for state in ({"lamp": "off", "a": {"b": 1, "c": 2}}, {"fan": 1, "a": {"b": 1}}, {"big": "x" * 300}, {}):
        station.do(f"node.set_state({state})")
        reports(station, state)
    station.do("[node.set_state({'n%d' % n: n}) for n in range(3)]")
    reports(station, {"n2": 2})
    station.node.kill()
    station.node.start()
    station.wait_online()
    station.do("node.set_state({'m': 1})")
    reports(station, {"m": 1})
    assert not any(record["what"] == "bug" for record in station.log.items())


def test_longest_state_leaves_room_for_the_configuration(station):
    for name in "ab":
        station.do(f"node.set_state({{'{name}': 'x' * 330}})")
        assert "third of memory.receive_len" in station.do(f"node.set_state({{'{name}': 'x' * 340}})")
    station.hub.push_config(NAME, json.dumps({"text": "y" * 200}))
    station.line("test: config b'{.*yyy.*}'")


def test_configuration_is_all_that_the_twin_desires(station):
    station.line(r"test: config b'{.*}'")
    station.hub.push_config(NAME, '{"every_s": 5}')
    assert '"every_s": 5' in station.line(r"test: config b'({.*every_s.*})'").group(1)
    station.hub.push_config(NAME, '{"level": 1}')
    both = json.loads(station.line(r"test: config b'({.*level.*})'").group(1))
    assert (both["every_s"], both["level"]) == (5, 1)


def test_method_is_a_command_whose_result_is_the_answer(station):
    assert station.hub.call_method(NAME, "add", "[1, 2]") == {"status": 200, "payload": 3}
    assert station.hub.call_method(NAME, "get/the lamp") == {"status": 200, "payload": None}
    station.line("test: command get/the lamp b")
    assert station.hub.call_method(NAME, "quiet") == {"status": 200, "payload": None}
    assert station.hub.call_method(NAME, "fail")["status"] == 500
    station.line("trouble handler_raised")


def test_message_from_the_cloud_waits_for_the_device(station):
    station.node.kill()
    station.hub.send_message(NAME, b"go", {"color": "red"})
    station.node.start()
    station.line("test: command  b'go'$")


def test_last_will_is_telemetry_that_says_so(station):
    station.node.kill()
    message = station.received.next(lambda item: b'"online":false' in item[2].payload)[2]
    assert message.properties["type"] == "status"
    assert message.properties["iothub-MessageType"] == "Will"


def test_device_that_is_disabled_is_refused_and_comes_back(station):
    station.hub.enable(NAME, False)
    station.line("trouble connack_5")
    station.hub.enable(NAME, True)
    station.wait_online()
