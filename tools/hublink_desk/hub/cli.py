"""`hublink hub`: the desk hub in the foreground, until Ctrl-C or SIGTERM."""

import asyncio
import json
import signal
from pathlib import Path

import click

from .devices_file import read
from .lines import line
from .scaleway import PLANS
from .scaleway_events import LAYOUTS
from .server import DIALECTS, DeskHub

_FILE = click.Path(path_type=Path)


@click.command()
@click.option("--dialect", type=click.Choice(DIALECTS), required=True, help="Which kind of hub to be.")
@click.option("--ca", type=_FILE, required=True, help="Certificate of the devices' authority.")
@click.option("--cert", "server_cert", type=_FILE, required=True, help="Certificate of the hub, PEM.")
@click.option("--key", "server_key", type=_FILE, required=True, help="Key of the hub, PEM.")
@click.option("--devices", "devices_file", type=_FILE, help="Devices file, TOML (scaleway).")
@click.option("--port", type=click.IntRange(0, 65_535), default=8883, show_default=True, help="0: any.")
@click.option("--plan", type=click.Choice(PLANS), help="Scaleway plan.  [default: shared]")
@click.option("--events-prefix", help="Topic prefix of Scaleway's Hub Events.  [default: $SCW/events]")
@click.option("--event-layout", type=click.Choice(LAYOUTS), help="Order of the levels in event topics.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object per line.")
def command(devices_file, is_json, plan, events_prefix, event_layout, **options):
    """Run an MQTT hub on this desk, on loopback only, that behaves as DIALECT's hub does."""
    given = {"plan": plan, "events_prefix": events_prefix, "event_layout": event_layout}
    settings = {name: value for name, value in given.items() if value is not None}
    devices = read(devices_file) if devices_file else ()
    hub = DeskHub(devices=devices, log=_printer(is_json), **options, **settings)
    asyncio.run(_run_until_signalled(hub))


def _printer(is_json):
    form = (lambda record: json.dumps(record, ensure_ascii=False)) if is_json else line
    return lambda record: print(form(record), flush=True)


async def _run_until_signalled(hub):
    please_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, please_stop.set)
    await hub.start()
    await please_stop.wait()
    await hub.stop()
