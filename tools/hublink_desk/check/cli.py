"""`hublink config`: checks the configuration of a device."""

from pathlib import Path

import click

from .. import boards
from .connect import connect as connect_as_device
from .files import look_at
from .finding import show


@click.group("config")
def command():
    """Check the configuration of a device."""


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--board", "board_name", type=click.Choice(boards.names()), help="The board it is for.")
@click.option(
    "--connect", "is_connecting", is_flag=True, help="Connect to the hub with the device's identity."
)
@click.option(
    "--timeout",
    "limit_s",
    type=click.FloatRange(0.1, 60),
    default=10,
    show_default=True,
    help="Seconds per step.",
)
@click.option("--json", "is_json", is_flag=True, help="One JSON object per line.")
def check(file, board_name, is_connecting, limit_s, is_json):
    """Check the configuration FILE with the device's own checker, and the certificates and keys it names.

    Exit code 1 if there is an error. With --connect, what the hub answers at each step, down to MQTT. Hubs
    let a device in once: one that is connected is cut off, and comes back by itself.

    \b
    Example: hublink config check fleet/devices/sensor-1/config.json --connect
    """
    found, settings, credentials = look_at(file, boards.find(board_name) if board_name else None)
    has_failed = False
    for finding in found:
        has_failed |= show(finding, is_json)
    if is_connecting and settings:
        for finding in connect_as_device(settings, credentials, limit_s):
            has_failed |= show(finding, is_json)
    if has_failed:
        raise SystemExit(1)
