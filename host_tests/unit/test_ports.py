"""Which port the board is at, and one sentence for each reason why it cannot be had."""

import os
from types import SimpleNamespace

import pytest
import serial
from hublink_desk import ports
from hublink_desk.errors import DeskError


def usb(device, vid, product=None):
    return SimpleNamespace(device=device, vid=vid, product=product, description="USB serial")


MODEM = usb("/dev/ttyS0", None)
MOUSE = usb("/dev/ttyUSB7", 0x046D)
PICO = usb("/dev/ttyACM0", ports.RASPBERRY_PI, "Board in FS mode")
ESP32 = usb("/dev/ttyUSB0", 0x10C4)


@pytest.fixture
def plugged(monkeypatch):
    return lambda *found: monkeypatch.setattr(ports.list_ports, "comports", lambda: list(found))


@pytest.mark.parametrize("board", [PICO, ESP32], ids=["pico", "esp32"])
def test_the_one_board_is_found_among_other_ports(plugged, board):
    plugged(MODEM, board, MOUSE)
    assert ports.find_port() == board.device


def test_the_port_that_was_named_is_taken_unseen(plugged):
    plugged(PICO, ESP32)
    assert ports.find_port("/dev/ttyX") == "/dev/ttyX"


def test_other_vendors_do_not_count(plugged):
    plugged(PICO, ESP32)
    assert ports.find_port(vids=(ports.RASPBERRY_PI,)) == PICO.device


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ((MODEM, MOUSE), "There is no board at any USB port."),
        (
            (ESP32, PICO),
            "There are 2 boards: /dev/ttyACM0 (Board in FS mode), /dev/ttyUSB0 (USB serial).",
        ),
    ],
)
def test_none_or_several_are_an_error_with_a_hint(plugged, found, message):
    plugged(*found)
    with pytest.raises(DeskError) as error:
        ports.find_port()
    assert error.value.message == message
    assert "--port" in error.value.hint


def test_port_that_is_not_there(tmp_path):
    assert ports.refusal(tmp_path / "ttyX").message == f"There is no port {tmp_path}/ttyX."


@pytest.fixture
def terminal():
    """Path of a pseudo-terminal."""
    ours, theirs = os.openpty()
    yield os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def test_port_that_somebody_has(terminal):
    with serial.Serial(terminal, exclusive=True):
        assert ports.refusal(terminal).message == f"{terminal} is in use by another program."
    assert "in use" not in ports.refusal(terminal).message


def test_port_that_is_not_ours(monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(ports.os, "open", refuse)  # root may open everything
    refused = ports.refusal("/dev/ttyACM0")
    assert refused.message == "You are not allowed to open /dev/ttyACM0."
    assert "dialout" in refused.hint
