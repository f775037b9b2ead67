"""What the tests of a whole node share: a desk in a folder, the compiled firmware, the interpreters."""

import pytest
from hublink_desk.build import compile_firmware
from hublink_desk.servers import DnsServer, SntpServer
from hublink_desk.workshop import HUB_NAME, Workshop

from host_tests.both.interpreters import INTERPRETERS, needs


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
def dns():
    with DnsServer({HUB_NAME: ["127.0.0.1"]}) as server:
        yield server


@pytest.fixture
def sntp():
    with SntpServer() as server:
        yield server
