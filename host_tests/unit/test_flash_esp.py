"""`hublink flash` for the ESP32 family: real esptool against a boot ROM at a pseudo-terminal."""

import json
import os
from types import SimpleNamespace

import pytest
import serial
from hublink_desk import ports
from hublink_desk.flash import esp

from host_tests.fakes import firmware_files as files
from host_tests.fakes.esp_loader import EspLoader
from host_tests.fakes.serial_peer import SerialPeer
from host_tests.verbs import good, hublink, refused

BOARDS = [("ESP32_GENERIC", "esp32"), ("ESP32_GENERIC_C3", "esp32c3"), ("ESP32_GENERIC_S3", "esp32s3")]
NAMES = {"esp32": "ESP32", "esp32c3": "ESP32-C3", "esp32c6": "ESP32-C6", "esp32s3": "ESP32-S3"}
OFFSET = {"esp32": 0x1000, "esp32c3": 0, "esp32s3": 0}


def flash_esp(image, *words, board="ESP32_GENERIC"):
    """The words of a command."""
    return ("flash", "--board", board, "--firmware", image, *words)


class Silent(SerialPeer):
    """A port where nobody answers."""

    def received(self, data):
        pass


@pytest.fixture
def firmware(tmp_path):
    """f(chip, ...): path of an image for it, whose bytes are `.read_bytes()`."""

    def make(chip, **kind):
        path = tmp_path / f"{chip}.bin"
        path.write_bytes(files.esp_image(chip, **kind))
        return path

    return make


@pytest.fixture
def plugged(monkeypatch):
    """f(*devices): these are all the ports that this machine has."""

    def make(*devices):
        about = {"vid": ports.SERIAL_CHIPS[0], "product": None, "description": "USB serial"}
        found = [SimpleNamespace(device=device, **about) for device in devices]
        monkeypatch.setattr(ports.list_ports, "comports", lambda: found)

    return make


@pytest.mark.parametrize(("board", "chip"), BOARDS)
def test_board_gets_the_image_where_its_rom_looks_and_keeps_its_files(firmware, board, chip):
    image, at = firmware(chip), OFFSET[chip]
    data = image.read_bytes()
    with EspLoader(chip) as peer:
        told = good(*flash_esp(image, "--port", peer.name, board=board))
    assert told == f"{board} at {peer.name} has {chip}.bin, and restarts.\n"
    assert peer.flash == bytes(at) + data + bytes(len(peer.flash) - at - len(data))
    assert peer.done == ["stub", "written"]


def test_flash_is_erased_before_if_that_is_asked(firmware):
    image = firmware("esp32c3")
    words = flash_esp(image, "--erase", "--baud", 115200, "--json", board="ESP32_GENERIC_C3")
    with EspLoader("esp32c3") as peer:
        told = json.loads(good(*words, "--port", peer.name))
    length = image.stat().st_size
    assert told == {
        "board": "ESP32_GENERIC_C3", "firmware": str(image), "port": peer.name, "length": length,
    }  # fmt: skip
    assert peer.done == ["stub", "erased", "written"]
    assert set(peer.flash[length:]) == {0xFF}


def test_the_only_port_is_found(firmware, plugged):
    with EspLoader("esp32") as peer:
        plugged(peer.name)
        told = good(*flash_esp(firmware("esp32")))
    assert f"at {peer.name} has" in told


@pytest.mark.parametrize(
    ("board", "chip", "other"), [(*each, other) for each in BOARDS for other in NAMES if other != each[1]]
)
def test_wrong_chip_is_named_and_left_alone(firmware, board, chip, other):
    with EspLoader(other) as peer:
        message, _ = refused(*flash_esp(firmware(chip), "--port", peer.name, board=board))
    assert message == f"{peer.name} is an {NAMES[other]}; {board} has an {NAMES[chip]}."
    assert peer.done == []


@pytest.mark.parametrize(("other", "code"), [("esp32", 0), ("esp32s3", 1)])
def test_board_restarts_whether_it_was_the_right_one_or_not(firmware, monkeypatch, other, code):
    restarted = []  # the line has no RTS that a peer could see
    monkeypatch.setattr(esp.cmds, "reset_chip", restarted.append)
    with EspLoader(other) as peer:
        done = hublink(*flash_esp(firmware("esp32"), "--port", peer.name))
    assert (done.code, len(restarted)) == (code, 1)


def test_wrong_image_is_named_before_the_port_is_opened(firmware):
    message, hint = refused(*flash_esp(firmware("esp32s3"), "--port", "/dev/ttyNone"))
    assert message == "esp32s3.bin is for ESP32-S3; ESP32_GENERIC has an ESP32."
    assert hint == "take the newest .bin from micropython.org/download/ESP32_GENERIC"


def test_flash_that_is_too_small_is_named(firmware):
    image = firmware("esp32s3", flash_mb=8)
    with EspLoader("esp32s3", flash_len=4 << 20) as peer:
        message, hint = refused(*flash_esp(image, "--port", peer.name, board="ESP32_GENERIC_S3"))
    expected = "the board has 4 MB of flash, and esp32s3.bin is made for 8 MB"
    assert (message, hint) == (f"{peer.name}: {expected}.", "take the variant for less flash")
    assert peer.done == ["stub"]


def test_flash_that_forgets_is_noticed(firmware):
    with EspLoader("esp32", forgets=True) as peer:
        message, hint = refused(*flash_esp(firmware("esp32"), "--port", peer.name))
    assert message == f"{peer.name}: MD5 of file does not match data in flash."
    assert "--baud 115200" in hint


def test_board_that_does_not_answer(firmware, monkeypatch):
    monkeypatch.setattr(esp, "_ATTEMPTS", 1)
    with Silent() as peer:
        message, hint = refused(*flash_esp(firmware("esp32"), "--port", peer.name))
    assert message.startswith(f"{peer.name} does not answer as an ESP32 (Failed to connect")
    assert hint.startswith("hold BOOT while")


@pytest.fixture
def terminal():
    with Silent() as peer:
        yield peer.name


def test_port_that_is_busy(firmware, terminal):
    words = flash_esp(firmware("esp32"), "--port", terminal)
    with serial.Serial(terminal, exclusive=True):
        assert refused(*words)[0] == f"{terminal} is in use by another program."


def test_port_that_is_forbidden(firmware, terminal, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    words = flash_esp(firmware("esp32"), "--port", terminal)
    monkeypatch.setattr(os, "open", refuse)  # root may open everything
    message, hint = refused(*words)
    assert message == f"You are not allowed to open {terminal}."
    assert "dialout" in hint


def test_port_that_is_not_there(firmware, tmp_path):
    words = flash_esp(firmware("esp32"), "--port", tmp_path / "ttyX")
    assert refused(*words)[0] == f"There is no port {tmp_path}/ttyX."


@pytest.mark.parametrize("found", [(), ("/dev/ttyUSB0", "/dev/ttyUSB1")])
def test_no_port_or_two(firmware, plugged, found):
    plugged(*found)
    message, hint = refused(*flash_esp(firmware("esp32")))
    assert message.startswith("There are 2 boards: " if found else "There is no board at any USB port.")
    assert "--port" in hint


def test_drive_is_not_for_these_boards(firmware, tmp_path):
    message, _ = refused(*flash_esp(firmware("esp32"), "--drive", tmp_path))
    assert message == "--drive is not for ESP32_GENERIC: it is written by its serial port, --port."
