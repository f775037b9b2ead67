"""What system tests share: a desk in a folder, the compiled firmware, the interpreters, certificates."""

import pytest
from hublink_desk.build import compile_firmware
from hublink_desk.mosquitto import Mosquitto
from hublink_desk.servers import DnsServer, SntpServer
from hublink_desk.workshop import HUB_NAME, Workshop

from host_tests.both.interpreters import INTERPRETERS, needs
from host_tests.system.board_parts import switched_on
from host_tests.system.desk_hub_parts import Pki, bench


@pytest.fixture(params=INTERPRETERS)
def interpreter(request):
    """Each interpreter in turn."""
    needs(request.param)
    return request.param


@pytest.fixture(scope="session")
def mpy(tmp_path_factory):
    """Folder of the compiled firmware."""
    folder = tmp_path_factory.mktemp("firmware") / "mpy"
    compile_firmware(folder)
    return folder


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path / "desk")


@pytest.fixture
def mosquitto(workshop, tmp_path):
    """A Mosquitto that takes the workshop's devices."""
    with Mosquitto(tmp_path / "mosquitto", workshop.ca, workshop.hub) as broker:
        yield broker


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """Certificates for the tests of the desk hub."""
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def desk(pki):
    """A Bench for a desk hub."""
    with bench(pki) as it:
        yield it


@pytest.fixture
def dns():
    with DnsServer({HUB_NAME: ["127.0.0.1"]}) as server:
        yield server


@pytest.fixture
def sntp():
    with SntpServer() as server:
        yield server


@pytest.fixture
def board(tmp_path):
    """The board on the desk, ready for commands."""
    with switched_on(tmp_path / "board") as it:
        yield it
