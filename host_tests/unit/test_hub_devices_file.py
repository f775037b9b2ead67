"""The devices file of `hublink hub`: a good one, and one sentence for each way to get it wrong."""

import pytest
from hublink_desk.errors import DeskError
from hublink_desk.hub import Device, Filter, devices_file
from hublink_desk.hub.scaleway.dialect import Scaleway

GOOD = """
[[device]]
id = "1"
name = "sensor-1"

[[device]]
id = "2"
name = "sensor-2"
allow_insecure = true
enabled = false
certificate = "certs/sensor-2.pem"
publish = { policy = "accept", topics = ["a/#", "{{ device.id }}/b"] }
[device.subscribe]
policy = "reject"
topics = ["secret/#"]
"""
ONE = '[[device]]\nid = "1"\nname = "s"\n'


@pytest.fixture
def path(tmp_path):
    return tmp_path / "devices.toml"


def test_good_file_is_read(path):
    path.write_text(GOOD)
    assert devices_file.read(path, Scaleway) == [
        Device("1", "sensor-1"),
        Device(
            "2",
            "sensor-2",
            allow_insecure=True,
            certificate=path.parent / "certs/sensor-2.pem",
            publish=Filter("accept", ["a/#", "{{ device.id }}/b"]),
            subscribe=Filter("reject", ["secret/#"]),
            enabled=False,
        ),
    ]


def test_empty_file_has_no_devices(path):
    path.write_text("")
    assert devices_file.read(path, Scaleway) == []


FIRST = 'device 1 ("s")'
KEYS = "id, name, allow_insecure, allow_multiple_connections, enabled, certificate, publish, subscribe"
TEMPLATES = "hub.name, hub.id, device.name, device.id"
TOPIC = "expected an MQTT topic filter"
PART = "expected a part of an MQTT topic, without wildcards"
WRONG = {
    "devise = 1": "the file: devise = 1 is unknown; expected device.",
    "device = 1": "the file: device is 1; expected [[device]] tables.",
    "device = [1]": "the file: device is [1]; expected [[device]] tables.",
    '[[device]]\nname = "s"': f"{FIRST}: id is missing; expected a text.",
    '[[device]]\nid = "1"': 'device 1 ("1"): name is missing; expected a text.',
    "[[device]]\nid = 1": "device 1: id is 1; expected a text.",
    '[[device]]\nid = ""\nname = "s"': f"{FIRST}: id is ''; expected a text that is not empty.",
    '[[device]]\nid = "a/#"\nname = "s"': f"{FIRST}: id is 'a/#'; {PART}.",
    ONE + "enabled = 1": f"{FIRST}: enabled is 1; expected true or false.",
    ONE + 'allow_insecure = "no"': f"{FIRST}: allow_insecure is 'no'; expected true or false.",
    ONE + "certificate = true": f"{FIRST}: certificate is True; expected the name of a certificate file.",
    ONE + "colour = 1": f"{FIRST}: colour = 1 is unknown; expected {KEYS}.",
    ONE + "publish = []": f"{FIRST}: publish is []; expected a table with policy and topics.",
    ONE + "publish.polcy = 1": f"{FIRST}: publish: polcy = 1 is unknown; expected policy, topics.",
    ONE + 'publish.policy = "x"': f"{FIRST}: publish: policy is 'x'; expected \"accept\" or \"reject\".",
    ONE + 'publish.topics = "a"': f"{FIRST}: publish: topics is 'a'; expected a list of MQTT topic filters.",
    ONE + "subscribe.topics = [1]": f"{FIRST}: subscribe: topics holds 1; {TOPIC}, a text.",
    ONE + 'publish.topics = ["a#"]': f"{FIRST}: publish: topics holds 'a#'; {TOPIC}.",
    ONE + 'publish.topics = ["{{ device.ip }}"]': f"{FIRST}: publish: topics holds the template 'device.ip'; "
    f"expected one of {TEMPLATES}.",
    ONE + 'publish.topics = ["{{ device.id"]': f"{FIRST}: publish: topics holds '{{{{ device.id'; {TOPIC}, "
    "its templates closed.",
}


@pytest.mark.parametrize(("text", "complaint"), WRONG.items())
def test_wrong_file_is_one_sentence(path, text, complaint):
    path.write_text(text)
    with pytest.raises(DeskError) as error:
        devices_file.read(path, Scaleway)
    assert error.value.message == f"{path}: {complaint}"


def test_missing_file_is_named(path):
    with pytest.raises(DeskError, match=r"devices.toml: cannot be read \(No such file or directory\)"):
        devices_file.read(path, Scaleway)


def test_what_is_no_toml_says_where(path):
    path.write_text("[[device]\n")
    with pytest.raises(DeskError, match=r"devices.toml: is not TOML: .*line 1"):
        devices_file.read(path, Scaleway)


def test_what_is_no_text_is_no_toml(path):
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DeskError, match="is not TOML"):
        devices_file.read(path, Scaleway)
