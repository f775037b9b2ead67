"""What `hublink build` makes for a configuration is all that a node with it needs to go online."""

import pytest
from hublink_desk.hub import DeskHub, Device
from hublink_desk.hub.azure import Device as AzureDevice
from hublink_desk.hub.iotcore import Device as IotCoreDevice
from hublink_desk.run import DeskBoard
from hublink_desk.workshop import device_id

from host_tests.both.interpreters import DEVICES, needs
from host_tests.verbs import good

NAME = "sensor-1"
LIMIT_S = 20
KEY_ALONE = {"ca": ["ca.der"], "key": "device.key.der"}
HUBS = {
    "generic": {},
    "scaleway": {"device_id": device_id(NAME)},
    "clearblade": {"project": "desk-project", "registry": "desk-registry"},
    "azure": {},
    "omnicore": {"subscription": "desk-subscription", "registry": "desk-registry"},
}


def device(dialect, workshop):
    """What the desk hub has to know."""
    if dialect == "scaleway":
        return [Device(device_id(NAME), NAME)]
    if dialect == "azure":
        return [AzureDevice(NAME)]
    return [IotCoreDevice(NAME, (workshop.identity(NAME).cert_pem,))] if dialect != "generic" else []


@pytest.mark.parametrize("dialect", HUBS)
@pytest.mark.parametrize("interpreter", DEVICES)
def test_node_goes_online_with_what_was_built(workshop, tmp_path, interpreter, dialect):
    needs(interpreter)
    files = {
        "server_cert": workshop.hub.cert_pem,
        "server_key": workshop.hub.key_pem,
        "ca": workshop.ca.cert_pem,
    }
    more = {"host": "127.0.0.1"} if dialect == "azure" else {}
    hub = DeskHub(dialect=dialect, devices=device(dialect, workshop), **files, **more)
    out = tmp_path / "out"
    with hub.in_thread():
        section = {"type": dialect, "host": "127.0.0.1", "port": hub.port, **HUBS[dialect]}
        tls = {"tls": KEY_ALONE} if dialect in ("clearblade", "omnicore") else {}
        config = workshop.device(NAME, section, **tls)
        good("build", "--board", "unix", "--config", config, "--out", out)
        env = {"MICROPYPATH": f"{out}:.frozen"}
        with DeskBoard(config, interpreter, script=out / "main.py", env=env) as board:
            board.start()
            board.wait_line("link HUB -> ONLINE", LIMIT_S)
            board.stop()
    assert not [line for line in board.lines if "ImportError" in line or "trouble" in line]
