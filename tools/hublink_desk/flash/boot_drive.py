"""Onto a Pico, by the drive that its boot ROM shows: a UF2 that is copied there is a UF2 that is written.

The board takes the blocks as they arrive, and leaves when it has the last one; so its going is the sign that
all went well, and an error of the last write is none.
"""

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from ..deploy.remote import Lost, Remote
from ..errors import DeskError

INFO = "INFO_UF2.TXT"
_CHUNK_LEN = 16 * 1024
_COME_S, _GO_S, _LOOK_S = 30, 30, 0.1
_BUTTON = "hold BOOTSEL while you plug the board in"


@dataclass(frozen=True)
class Drive:
    """A drive of a boot ROM.

    Attributes:
        folder: Path where it is mounted.
        device: path of the device it is on, "" if not known.
        board_id: what it calls itself.
    """

    folder: Path
    device: str
    board_id: str

    def is_there(self):
        """Does the board still show it? One that was mounted by hand stays mounted after its device went."""
        return os.path.exists(self.folder / INFO) and (not self.device or os.path.exists(self.device))


def find(image, folder=None):
    """The Drive of the board that an Image is for, None if there is none.

    Args:
        image: Image for a Pico.
        folder: Path that the user named; None to look for it.

    Raises:
        DeskError: the one that is there is another board's, or there is more than one.
    """
    if folder and not _board_id(folder):
        raise DeskError(f"{folder} is no drive of a boot ROM: there is no {INFO}.", _BUTTON)
    there = [drive for drive in _drives() if not folder or drive.folder == folder.absolute()]
    if folder and not there:
        there = [Drive(folder, "", _board_id(folder))]
    fitting = [drive for drive in there if drive.board_id == image.target.drive_id]
    if len(fitting) > 1:
        each = ", ".join(str(drive.folder) for drive in fitting)
        raise DeskError(f"There are {len(fitting)} boards in their bootloader: {each}.", "choose by --drive")
    if there and not fitting:
        expected = f"expected {image.target.drive_id}, which is {image.board}"
        raise DeskError(f"{there[0].folder} is the drive of a board {there[0].board_id}; {expected}.")
    return fitting[0] if fitting else None


def _drives():
    found = []
    for partition in psutil.disk_partitions():
        board_id = _board_id(partition.mountpoint)
        if board_id:
            found.append(Drive(Path(partition.mountpoint), partition.device, board_id))
    return found


def _board_id(folder):
    """What the boot ROM whose drive it is calls its board, "" if it is no such drive."""
    try:
        with open(os.path.join(folder, INFO), "rb") as file:
            told = re.search(rb"^Board-ID: *([\w-]+)", file.read(4096), re.MULTILINE)
    except OSError:
        return ""
    return told[1].decode() if told else ""


def enter(port_name, image, report):
    """Have the MicroPython at a port enter the bootloader; returns the Drive that then appears.

    Raises:
        DeskError: the port cannot be had, MicroPython does not answer there, or no drive appears.
    """
    report("entering the bootloader")
    with Remote(port_name) as board:
        try:
            board.stop()
            board.begin("bootloader")
        except Lost as error:
            raise DeskError(f"{port_name}: MicroPython does not answer.", _BUTTON) from error
    drive = _wait(lambda: find(image), _COME_S)
    if drive is None:
        hint = "if nothing mounts drives here, mount it and name its folder with --drive"
        raise DeskError(f"No drive of {image.target.drive_id} appeared within {_COME_S} s.", hint)
    return drive


def copy(drive, image, report):
    """Copy a checked Image onto the Drive, and wait until the board has taken it.

    Raises:
        DeskError: the drive cannot be written, or the board left too early or stays.
    """
    problem, written = None, 0
    try:
        with open(drive.folder / image.name, "wb", opener=_open_direct) as file:
            while written < len(image.data):
                report("copying", written, len(image.data))
                length = file.write(image.data[written : written + _CHUNK_LEN])
                file.flush()
                written += length
    except OSError as error:
        problem = error
    report("waiting for the board to restart")
    has_left = _wait(lambda: not drive.is_there(), _GO_S)
    if has_left and written + _CHUNK_LEN >= len(image.data):
        return
    if has_left:
        raise DeskError(f"{drive.folder} went away after {written:,} of {len(image.data):,} bytes.", _BUTTON)
    why = f"cannot be written ({problem.strerror})" if problem else f"is still there after {_GO_S} s"
    raise DeskError(f"{drive.folder} {why}; expected the board to take {image.name} and restart.", _BUTTON)


def _open_direct(path, flags):
    """What is written is on the board when write() returns, and not in this machine's memory."""
    return os.open(path, flags | os.O_SYNC)


def _wait(condition, limit_s):
    """What condition() says once that is true, at most limit_s from now; None if it never is."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        answer = condition()
        if answer:
            return answer
        time.sleep(_LOOK_S)
    return None
