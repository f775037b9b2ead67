"""Devices of an Azure IoT Hub: a good devices file, and a sentence for each wrong one."""

import pytest
from hublink_desk.errors import DeskError
from hublink_desk.hub import devices_file
from hublink_desk.hub.azure import Device
from hublink_desk.hub.azure.devices import proof
from hublink_desk.hub.azure.dialect import Azure

GOOD = f"""
[[device]]
id = "sensor-1"

[[device]]
id = "a-:.+%_#*?!(),=@;$'"
auth = "thumbprint"
primary = "certs/a.pem"
secondary = "{"A1:" * 19}A1"

[[device]]
id = "sensor-3"
auth = "sas"
primary = "c2VjcmV0"
enabled = false
"""
ONE = '[[device]]\nid = "abc"\n'
PLACE = 'device 1 ("abc")'
IDS = "expected 1 to 128 of letters, digits and -:.+%_#*?!(),=@;$'."
WHAT = "expected a key, a thumbprint or the name of a certificate file."
WRONG = {
    "[[device]]\n": "device 1: id is missing; expected a text.",
    '[[device]]\nid = ""': f"device 1 (\"\"): id is ''; {IDS}",
    '[[device]]\nid = "a/b"': f"device 1 (\"a/b\"): id is 'a/b'; {IDS}",
    '[[device]]\nid = "a b"': f"device 1 (\"a b\"): id is 'a b'; {IDS}",
    f'[[device]]\nid = "{"a" * 129}"': f"device 1 (\"{'a' * 129}\"): id is '{'a' * 129}'; {IDS}",
    "[[device]]\nid = 1": "device 1: id is 1; expected a text.",
    ONE + 'auth = "x509"': f"{PLACE}: auth is 'x509'; expected one of ca, thumbprint, sas.",
    ONE + "primary = 1": f"{PLACE}: primary is 1; {WHAT}",
    ONE + "enabled = 0": f"{PLACE}: enabled is 0; expected true or false.",
    ONE + 'primary = "x"': f"{PLACE}: primary or secondary is given; expected none, because auth is 'ca'.",
    ONE + 'auth = "thumbprint"': f"{PLACE}: primary is missing; expected a certificate file or a thumbprint.",
    ONE + "name = 1": "device 1: name = 1 is unknown; expected id, auth, primary, secondary, enabled.",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "devices.toml"


def test_good_file_is_read(path):
    path.write_text(GOOD)
    assert devices_file.read(path, Azure) == [
        Device("sensor-1"),
        Device("a-:.+%_#*?!(),=@;$'", "thumbprint", path.parent / "certs/a.pem", "A1:" * 19 + "A1"),
        Device("sensor-3", "sas", "c2VjcmV0", enabled=False),
    ]


@pytest.mark.parametrize(("text", "complaint"), WRONG.items())
def test_wrong_file_is_one_sentence(path, text, complaint):
    path.write_text(text)
    with pytest.raises(DeskError) as error:
        devices_file.read(path, Azure)
    assert error.value.message == f"{path}: {complaint}"


def test_keys_that_are_not_given_are_made_up_and_differ():
    assert len({proof("sas", "").value for _ in range(3)}) == 3


@pytest.mark.parametrize("given", ["A1" * 20, "a1:" * 31 + "A1"])
def test_thumbprint_is_lower_case_without_colons(given):
    assert proof("thumbprint", given).value == "a1" * (20 if len(given) == 40 else 32)
