"""What boards do with addresses and timeouts where the unix port differs (the rest: cases_shim_socket)."""

import socket

import pytest

from host_tests import shim

BOARDS = ("RPI_PICO_W", "ESP32_GENERIC")


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.mark.parametrize("board", BOARDS)
def test_boards_take_a_tuple_with_an_ip_literal(board, listener):
    host, port = listener.getsockname()
    with shim.install(board) as device:
        module = device.modules["socket"]
        assert module.getaddrinfo("localhost", port) == [(2, 1, 0, "", (host, port))]
        client = module.socket()
        with pytest.raises(ValueError, match="invalid arguments"):
            client.connect(("localhost", port))
        with pytest.raises(TypeError):
            client.connect(bytes(16))
        client.connect((host, port))


@pytest.mark.parametrize("board", BOARDS)
def test_boards_have_nodelay_and_no_sockaddr(board):
    with shim.install(board) as device:
        module = device.modules["socket"]
        module.socket().setsockopt(module.IPPROTO_TCP, module.TCP_NODELAY, 1)
        assert not hasattr(module, "sockaddr")


@pytest.mark.parametrize(("board", "number"), [("unix", 11), ("RPI_PICO_W", 110), ("ESP32_GENERIC", 116)])
def test_a_timeout_in_recv_is_told_as_on_the_port(board, number):
    with shim.install(board) as device:
        module = device.modules["socket"]
        receiver = module.socket(module.AF_INET, module.SOCK_DGRAM)
        receiver.bind(module.getaddrinfo("127.0.0.1", 0, 0, module.SOCK_DGRAM)[0][-1])
        receiver.settimeout(0.01)
        with pytest.raises(OSError) as error:
            receiver.recv(1)
    assert (type(error.value), error.value.args) == (OSError, (number,))


@pytest.mark.parametrize(
    ("board", "first"), [("unix", "[addrinfo error -2]"), ("RPI_PICO_W", -2), ("ESP32_GENERIC", -202)]
)
def test_an_unknown_name_is_told_as_on_the_port(board, first, monkeypatch):
    def unknown(*_):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with shim.install(board) as device, pytest.raises(OSError) as error:
        device.modules["socket"].getaddrinfo("no-such-host.invalid", 80)
    assert (type(error.value), error.value.args) == (OSError, (first,))


def test_making_a_socket_blocking_clears_its_timeout_as_boards_do(listener):
    with shim.install("RPI_PICO_W") as device:
        client = device.modules["socket"].socket()
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        client.settimeout(0.01)
        client.setblocking(True)
        assert client._host.gettimeout() is None
        server.close()


def test_sockets_refuse_what_a_device_refuses(listener):
    with shim.install() as device:
        module = device.modules["socket"]
        client = module.socket()
        for name in ("sendall", "recv_into", "makefile", "getsockname", "getsockopt", "shutdown", "fileno"):
            assert not hasattr(client, name)
        with pytest.raises(TypeError):
            module.getaddrinfo("127.0.0.1", 80, type=1)
