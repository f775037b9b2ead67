"""Serial ports: which one the board is at, and why it cannot be had."""

import errno
import fcntl
import os

from serial.tools import list_ports

from .errors import DeskError

# USB vendors: the boards themselves, and the serial chips that are soldered to them.
RASPBERRY_PI = 0x2E8A
ESPRESSIF = 0x303A
SERIAL_CHIPS = (0x10C4, 0x1A86, 0x0403)  # Silicon Labs, WCH, FTDI
VENDORS = (RASPBERRY_PI, ESPRESSIF, *SERIAL_CHIPS)


def find_port(port=None, vids=VENDORS):
    """The port of the board.

    Args:
        port: what the user named; None to look for it.
        vids: USB vendor ids of the boards that are meant.

    Returns:
        Path of the device, str.

    Raises:
        DeskError: there is no such port, or more than one.
    """
    if port:
        return port
    found = sorted((each for each in list_ports.comports() if each.vid in vids), key=lambda each: each.device)
    if not found:
        hint = "plug it in with a cable that carries data, or name its port with --port"
        raise DeskError("There is no board at any USB port.", hint)
    if len(found) > 1:
        each = ", ".join(f"{one.device} ({one.product or one.description})" for one in found)
        raise DeskError(f"There are {len(found)} boards: {each}.", "say which one with --port")
    return found[0].device


def refusal(port):
    """Why a port cannot be opened, as a DeskError to raise. port: path of the device."""
    code = _try(port)
    if code == errno.ENOENT:
        hint = "`mpremote connect list` lists the ports"
        return DeskError(f"There is no port {port}.", hint)
    if code in (errno.EACCES, errno.EPERM):
        hint = "`sudo usermod -aG dialout $USER`, then log in again"
        return DeskError(f"You are not allowed to open {port}.", hint)
    if code in (errno.EBUSY, errno.EAGAIN):
        return DeskError(f"{port} is in use by another program.", "close its serial monitor or REPL")
    hint = "take the board off and plug it in again"
    return DeskError(f"{port} cannot be opened ({os.strerror(code) if code else 'no answer'}).", hint)


def _try(port):
    """The errno of opening a port as nobody else may meanwhile; 0 if it works."""
    try:
        descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        return error.errno
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # what pyserial holds
    except OSError as error:
        return error.errno
    finally:
        os.close(descriptor)
    return 0
