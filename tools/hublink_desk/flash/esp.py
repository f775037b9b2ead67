"""Onto an ESP32 board, by esptool: its chip is asked who it is before anything is written.

Written against a simulated peer; what only hardware can prove is listed in docs/boards/esp32.md.
"""

import contextlib
import termios

import serial
from esptool import cmds
from esptool.logger import EsptoolLogger, TemplateLogger
from esptool.util import FatalError, flash_size_bytes

from .. import ports
from ..errors import DeskError
from . import esp_image

_BAUD = 115200  # of the boot ROM
_ATTEMPTS = 7  # to reach it, each with another way of resetting; as many as esptool makes on its own
_ERRORS = (FatalError, OSError, termios.error)  # the last where the board is pulled out


class _Listener(TemplateLogger):
    """Hears what esptool has to say, and hands on how far it has got. report: f(what, done, total)."""

    def __init__(self, report):
        self._report = report

    def progress_bar(self, cur_iter, total_iters, prefix="", suffix="", bar_length=30):
        self._report("writing", cur_iter, total_iters)

    def print(self, *args, **kwargs):
        pass

    note = warning = error = stage = set_verbosity = print


def flash(port_name, image, is_erasing, baud, report):
    """Write a checked Image to the board at a port, compare it, and restart the board.

    Args:
        port_name: path of the device.
        image: Image for an Esp.
        is_erasing: erase all of the flash before, files included.
        baud: bits per second while writing.
        report: f(what, done=0, total=None), called as it goes on.

    Raises:
        DeskError: the port cannot be had, nobody answers, the chip is another, its flash is too small, or
            what was read back is not what was written.
    """
    logger = EsptoolLogger()  # there is one, and parts of esptool have taken hold of it
    logger.set_verbosity("silent")
    logger.set_logger(_Listener(report))
    report("connecting")
    with _opened(port_name) as port:
        chip = _detected(port, image)
        try:
            _write(chip, port_name, image, is_erasing, baud, report)
        except _ERRORS as error:
            hint = "the boot ROM is never overwritten: try again, with another cable or --baud 115200"
            raise DeskError(f"{port_name}: {_first_line(error)}.", hint) from error
        finally:  # also a board that was taken for another goes on with what it did
            with contextlib.suppress(*_ERRORS):
                cmds.reset_chip(chip)


def _opened(port_name):
    try:
        return serial.Serial(port_name, _BAUD, exclusive=True)
    except OSError as error:
        raise ports.refusal(port_name) from error


def _detected(port, image):
    """The chip at an open port, as esptool has it."""
    try:
        return cmds.detect_chip(port, connect_attempts=_ATTEMPTS)
    except _ERRORS as error:
        hint = "hold BOOT while you press and release EN (or RST), then try again"
        answer = f"does not answer as an {image.target.chip} ({_first_line(error)})"
        raise DeskError(f"{port.name} {answer}.", hint) from error


def _write(chip, port_name, image, is_erasing, baud, report):
    if chip.CHIP_NAME != image.target.chip:
        raise DeskError(f"{port_name} is an {chip.CHIP_NAME}; {image.board} has an {image.target.chip}.")
    chip = cmds.run_stub(chip)
    if baud != _BAUD:
        chip.change_baud(baud)
    cmds.attach_flash(chip)
    there, needed = flash_size_bytes(cmds.detect_flash_size(chip)), esp_image.flash_len(image)
    if there is not None and there < needed:
        sizes = f"{there >> 20} MB of flash, and {image.name} is made for {needed >> 20} MB"
        raise DeskError(f"{port_name}: the board has {sizes}.", "take the variant for less flash")
    if is_erasing:
        report("erasing")
        cmds.erase_flash(chip)
    # It also has the chip make a digest of what it holds now, and compares.
    cmds.write_flash(chip, [(image.target.offset, image.data)])


def _first_line(error):
    return str(error).strip().split("\n")[0].rstrip(".!")
