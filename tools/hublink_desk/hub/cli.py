"""`hublink hub`: the desk hub in the foreground, until Ctrl-C or SIGTERM."""

import asyncio
import contextlib
import json
import signal
from pathlib import Path

import click

from . import devices_file, dialects
from . import settings as settings_of
from .control import CONTROL_PORT, Control
from .hub import DeskHub
from .lines import line

_FILE = click.Path(path_type=Path)
_PORT = click.IntRange(0, 65_535)
_DIALECT = click.Choice(dialects.DIALECTS)


def _list_settings(context, _parameter, name):
    if name:
        click.echo(settings_of.described(dialects.find(name)))
        context.exit()


@click.command()
@click.option("--dialect", type=_DIALECT, required=True, help="Which kind of hub to be.")
@click.option("--ca", type=_FILE, required=True, help="Certificate of the devices' authority.")
@click.option("--cert", "server_cert", type=_FILE, required=True, help="Certificate of the hub, PEM.")
@click.option("--key", "server_key", type=_FILE, required=True, help="Key of the hub, PEM.")
@click.option("--devices", "devices_path", type=_FILE, help="Devices file, TOML.")
@click.option("--port", type=_PORT, default=8883, show_default=True, help="0: any.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="A setting; may be repeated.")
@click.option(
    "--settings",
    type=_DIALECT,
    is_eager=True,
    expose_value=False,
    callback=_list_settings,
    help="Print the settings of a dialect, their defaults and what they mean.",
)
@click.option(
    "--control",
    "control_port",
    type=_PORT,
    is_flag=False,
    flag_value=CONTROL_PORT,
    help=f"Take orders of `hublink hub-ctl` on this port.  [{CONTROL_PORT} if none is named; 0: any]",
)
@click.option("--json", "is_json", is_flag=True, help="One JSON object per line.")
def command(dialect, devices_path, given, control_port, is_json, **options):
    """Run an MQTT hub on this desk, on loopback only, that behaves as DIALECT's hub does.

    \b
    Example: hublink hub --dialect clearblade --devices devices.toml --set skew_s=5 \\
        --ca ca.cert.pem --cert hub.cert.pem --key hub.key.pem --control
    """
    kind = dialects.find(dialect)
    settings = dict(_setting(kind, text) for text in given)
    devices = devices_file.read(devices_path, kind) if devices_path else ()
    hub = DeskHub(dialect=dialect, devices=devices, log=_printer(is_json), **options, **settings)
    asyncio.run(_run_until_signalled(hub, control_port))


def _setting(dialect, text):
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r}; expected NAME=VALUE, as in plan=dedicated.", param_hint="--set")
    return name, settings_of.parsed(dialect, name, value)


def _printer(is_json):
    form = (lambda record: json.dumps(record, ensure_ascii=False)) if is_json else line
    return lambda record: print(form(record), flush=True)


async def _run_until_signalled(hub, control_port):
    please_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, please_stop.set)
    await hub.start()
    try:
        with contextlib.nullcontext() if control_port is None else Control(hub, control_port):
            await please_stop.wait()
    finally:
        await hub.stop()
