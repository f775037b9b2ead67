"""`hublink flash`: puts MicroPython onto a board."""

import contextlib
import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from .. import ports
from ..errors import DeskError
from . import image as images
from .targets import TARGETS, Esp

_PATH = click.Path(path_type=Path)


@click.command("flash")
@click.option("--board", required=True, type=click.Choice(sorted(TARGETS)), help="The board.")
@click.option("--firmware", required=True, type=_PATH, help="MicroPython for it, .bin or .uf2.")
@click.option("--port", help="Serial port of the board.  [default: the only one there is]")
@click.option("--drive", type=_PATH, help="Folder of a Pico in its bootloader.  [default: looked for]")
@click.option("--erase", "is_erasing", is_flag=True, help="Erase all of an ESP32's flash before, files too.")
@click.option(
    "--baud", type=click.IntRange(9600), default=460800, show_default=True, help="Bits per second, ESP32."
)
@click.option("--json", "is_json", is_flag=True, help="As JSON.")
def command(board, firmware, port, drive, is_erasing, baud, is_json):
    """Put MicroPython onto a board.

    The image must be whole, and one for this board. An ESP32 is asked which chip it is, and what was written
    to it is compared. A Pico gets the image onto the drive of its bootloader, which a running MicroPython is
    asked to enter. Files on a board stay there, unless --erase is given. Exit code 1 if something is wrong.

    \b
    Example: hublink flash --board RPI_PICO_W --firmware RPI_PICO_W-20250415-v1.25.0.uf2
    """
    image = images.read(firmware, board)
    if isinstance(image.target, Esp):
        _refuse(drive, "--drive", board, "is written by its serial port, --port")
        way = "port", _onto_esp(image, port, is_erasing, baud)
    else:
        _refuse(is_erasing, "--erase", board, "is erased by a UF2 of its own (docs/boards/pico.md)")
        way = "drive", _onto_pico(image, port, drive)
    if is_json:
        about = {"board": board, "firmware": str(firmware), way[0]: way[1], "length": len(image.data)}
        click.echo(json.dumps(about, indent=2))
    else:
        click.echo(f"{board} at {way[1]} has {image.name}, and restarts.")


def _refuse(given, option, board, instead):
    if given:
        raise DeskError(f"{option} is not for {board}: it {instead}.")


def _onto_esp(image, port, is_erasing, baud):
    from . import esp  # esptool takes its time to load

    port = ports.find_port(port, image.target.vids)
    with _progress() as report:
        esp.flash(port, image, is_erasing, baud, report)
    return port


def _onto_pico(image, port, folder):
    from . import boot_drive

    with _progress() as report:
        drive = boot_drive.find(image, folder)
        if drive is None:
            drive = boot_drive.enter(ports.find_port(port, image.target.vids), image, report)
        boot_drive.copy(drive, image, report)
    return str(drive.folder)


@contextlib.contextmanager
def _progress():
    """report(what, done=0, total=None), which shows a bar to who looks at a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def report(what, done=0, total=None):
            bar.update(task, description=what, completed=done, total=total)

        yield report
