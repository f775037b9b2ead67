"""`hublink flash` for Picos: a drive as their boot ROM shows it, and MicroPython that is asked for it."""

import contextlib
import json

import psutil
import pytest
import serial
from hublink_desk import ports
from hublink_desk.deploy import remote
from hublink_desk.flash import boot_drive, image

from host_tests.fakes import firmware_files as files
from host_tests.fakes.boot_drive import BootDrive
from host_tests.fakes.raw_repl import RawRepl
from host_tests.fakes.serial_peer import SerialPeer
from host_tests.verbs import good, refused

PICO = files.uf2(files.RP2040)
PICO_2 = files.uf2_for_rp2350(files.RP2350_ARM)
FLASH = {files.FLASH_AT + 256 * i: i.to_bytes(4, "big") * 64 for i in range(600)}


@pytest.fixture
def firmware(tmp_path):
    """Path of an image for a Pico W."""
    path = tmp_path / "firmware.uf2"
    path.write_bytes(PICO)
    return path


@pytest.fixture
def mounted(monkeypatch):
    """The list of what is mounted on this machine."""
    partitions = []
    monkeypatch.setattr(psutil, "disk_partitions", lambda: list(partitions))
    return partitions


@pytest.fixture
def plug(tmp_path, mounted):
    """f(board_id, ...): a BootDrive that is plugged in and mounted."""
    with contextlib.ExitStack() as plugged:

        def make(board_id, **how):
            folder = tmp_path / f"{board_id}-{len(mounted)}"
            folder.mkdir()
            drive = plugged.enter_context(BootDrive(folder, board_id, **how))
            mounted.append(drive.partition)
            return drive

        yield make


@pytest.fixture
def soon(monkeypatch):
    """Nobody waits long for what does not come."""
    monkeypatch.setattr(boot_drive, "_COME_S", 0.2)
    monkeypatch.setattr(boot_drive, "_GO_S", 0.2)


def flash_pico(firmware, *words):
    """The words of a command."""
    return ("flash", "--board", "RPI_PICO_W", "--firmware", firmware, *words)


def test_drive_is_found_and_gets_the_image(plug, firmware):
    drive = plug("RPI-RP2")
    told = good(*flash_pico(firmware))
    assert told == f"RPI_PICO_W at {drive.partition.mountpoint} has firmware.uf2, and restarts.\n"
    assert drive.flash == FLASH


def test_pico_2_gets_its_own_of_two_boards(plug, firmware):
    plug("RPI-RP2")
    drive = plug("RP2350")
    firmware.write_bytes(PICO_2)
    told = json.loads(good("flash", "--board", "RPI_PICO2_W", "--firmware", firmware, "--json"))
    assert told == {
        "board": "RPI_PICO2_W", "firmware": str(firmware), "drive": drive.partition.mountpoint,
        "length": len(PICO_2),
    }  # fmt: skip
    assert drive.flash == FLASH


def test_drive_that_is_named_need_not_be_a_mount_point(plug, mounted, firmware):
    drive = plug("RPI-RP2")
    mounted.clear()
    good(*flash_pico(firmware, "--drive", drive.partition.mountpoint))
    assert drive.flash == FLASH


def test_drive_whose_device_went_is_gone_though_it_is_still_mounted(plug, mounted, firmware, tmp_path):
    drive = plug("RPI-RP2")
    device = tmp_path / "sda1"
    device.touch()
    drive.partition.device = str(device)
    found = boot_drive.find(image.read(firmware, "RPI_PICO_W"))
    assert found.is_there()
    device.unlink()
    assert not found.is_there()


def test_drive_of_another_board_is_named(plug, firmware):
    drive = plug("RP2350")
    expected = "expected RPI-RP2, which is RPI_PICO_W"
    message = f"{drive.partition.mountpoint} is the drive of a board RP2350; {expected}."
    assert refused(*flash_pico(firmware))[0] == message
    assert refused(*flash_pico(firmware, "--drive", drive.partition.mountpoint))[0] == message


def test_two_drives_are_named_and_one_can_be_chosen(plug, firmware):
    drives = [plug("RPI-RP2"), plug("RPI-RP2")]
    folders = [drive.partition.mountpoint for drive in drives]
    message, hint = refused(*flash_pico(firmware))
    assert message == f"There are 2 boards in their bootloader: {', '.join(folders)}."
    assert hint == "choose by --drive"
    good(*flash_pico(firmware, "--drive", folders[1]))
    assert [drive.flash for drive in drives] == [{}, FLASH]


def test_folder_that_is_no_drive(firmware, tmp_path, mounted):
    message, hint = refused(*flash_pico(firmware, "--drive", tmp_path))
    assert message == f"{tmp_path} is no drive of a boot ROM: there is no INFO_UF2.TXT."
    assert hint == "hold BOOTSEL while you plug the board in"


def test_micropython_is_asked_for_the_bootloader(plug, mounted, firmware):
    drives = []

    def ran(code):
        assert code.endswith("machine.bootloader()\n")
        drives.append(plug("RPI-RP2"))

    with RawRepl(ran) as board:
        good(*flash_pico(firmware, "--port", board.name))
    assert drives[0].flash == FLASH


def test_board_that_turns_out_to_be_another(plug, mounted, firmware):
    with RawRepl(lambda code: plug("RP2350")) as board:
        message, _ = refused(*flash_pico(firmware, "--port", board.name))
    assert "is the drive of a board RP2350; expected RPI-RP2" in message


def test_drive_that_does_not_appear(mounted, firmware, soon):
    with RawRepl(lambda code: None) as board:
        message, hint = refused(*flash_pico(firmware, "--port", board.name))
    assert message == "No drive of RPI-RP2 appeared within 0.2 s."
    assert hint == "if nothing mounts drives here, mount it and name its folder with --drive"


class Noise(SerialPeer):
    """A device that is no MicroPython."""

    def received(self, data):
        self.send(b"?")


def test_port_without_micropython(mounted, firmware, monkeypatch):
    monkeypatch.setattr(remote, "_RAW_S", 0.1)
    with Noise() as peer:
        message, hint = refused(*flash_pico(firmware, "--port", peer.name))
    assert message == f"{peer.name}: MicroPython does not answer."
    assert hint == "hold BOOTSEL while you plug the board in"


def test_port_that_is_busy(mounted, firmware):
    with Noise() as peer, serial.Serial(peer.name, exclusive=True):
        message, _ = refused(*flash_pico(firmware, "--port", peer.name))
    assert message == f"{peer.name} is in use by another program."


def test_neither_drive_nor_port(mounted, firmware, monkeypatch):
    monkeypatch.setattr(ports.list_ports, "comports", list)
    assert refused(*flash_pico(firmware))[0] == "There is no board at any USB port."


def test_board_that_is_pulled_out(plug, firmware):
    drive = plug("RPI-RP2", leaves_after=100)
    message, _ = refused(*flash_pico(firmware))
    assert message.startswith(f"{drive.partition.mountpoint} went away after ")
    assert message.endswith("of 307,200 bytes.")


def test_board_that_stays(plug, firmware, soon):
    drive = plug("RPI-RP2", stays=True)
    message, _ = refused(*flash_pico(firmware))
    assert message == (
        f"{drive.partition.mountpoint} is still there after 0.2 s; "
        "expected the board to take firmware.uf2 and restart."
    )


def test_drive_that_cannot_be_written(plug, mounted, firmware, soon, monkeypatch):
    drive = plug("RPI-RP2")

    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(boot_drive, "_open_direct", refuse)
    message, _ = refused(*flash_pico(firmware))
    assert message.startswith(f"{drive.partition.mountpoint} cannot be written (Read-only file system); ")


def test_wrong_image_is_named_before_anything_is_looked_for(firmware):
    firmware.write_bytes(PICO_2)
    message, hint = refused(*flash_pico(firmware))
    assert message == "firmware.uf2 is for RP2350; RPI_PICO_W has an RP2040."
    assert hint == "take the newest .uf2 from micropython.org/download/RPI_PICO_W"


def test_erase_is_not_for_these_boards(firmware):
    message, _ = refused(*flash_pico(firmware, "--erase"))
    assert message == "--erase is not for RPI_PICO_W: it is erased by a UF2 of its own (docs/boards/pico.md)."
