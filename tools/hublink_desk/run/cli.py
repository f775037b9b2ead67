"""`hublink run`, the verb."""

import signal
import sys
from contextlib import contextmanager
from pathlib import Path

import click

from .. import paths
from ..build import compile_firmware
from .board import DeskBoard
from .interpreters import interpreter_option

# Ctrl-C ends with the code that shells expect of it; a service manager expects 0 of what it stopped.
_SIGNAL_CODES = {signal.SIGINT: 130, signal.SIGTERM: 0, signal.SIGHUP: 0}


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@interpreter_option
@click.option("--heap", help="MicroPython's heap in bytes.  [default: 200k, or 400k in 64 bits]")
def command(config, interpreter, heap):
    """Run the firmware on this desk, with the configuration file CONFIG.

    The folder of CONFIG is the device's file system. The watchdog and machine.reset() restart the
    device; when it ends otherwise, this ends with its exit code. Ctrl-C lets it disconnect first.
    """
    # What goes onto a board is compiled before, and a board's heap has no room for compiling it.
    firmware = paths.BUILD / "run"
    compile_firmware(firmware)
    env = {} if interpreter == "cpython" else {"MICROPYPATH": f"{firmware}:.frozen"}
    with DeskBoard(config, interpreter, heap, env=env, output=sys.stdout.buffer) as board:
        with _signals_stop(board) as received:
            board.start()
            if received:  # before there was a board to stop
                board.ask_to_stop()
            code = board.wait_exit()
    if received:
        code = _SIGNAL_CODES[received[0]]
    sys.exit(code if code >= 0 else 128 - code)


@contextmanager
def _signals_stop(board):
    """Signals stop the board instead of us; yields the list of those received."""
    received = []

    def stop(number, _frame):
        received.append(number)
        board.ask_to_stop()

    before = {number: signal.signal(number, stop) for number in _SIGNAL_CODES}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
