"""`hublink demo`, the command."""

import time

import click
from rich.console import Console

from ..run import interpreter_option
from .azure import Azure
from .generic import Generic
from .iotcore import ClearBlade, OmniCore
from .scaleway import Scaleway
from .stage import Stage
from .waiting import Interrupt

_DEMOS = {demo.HUB: demo for demo in (Scaleway, ClearBlade, OmniCore, Azure, Generic)}


@click.command("demo")
@click.option("--hub", type=click.Choice(_DEMOS), default="scaleway", show_default=True)
@interpreter_option
def command(hub, interpreter):
    """Run the firmware against a hub on this desk and check eight things, in under a minute."""
    console = Console()
    started = time.monotonic()
    with Interrupt() as interrupt, Stage(console, interpreter, interrupt) as stage:
        demo = _DEMOS[hub](stage)
        everything = demo.run()
        console.print()
        console.print(demo.table())
    held = sum(held for held, _ in demo.results.values())
    console.print(f"took {time.monotonic() - started:.0f} s", highlight=False)
    click.echo(f"demo: {held} of {len(demo.results)} ok")
    raise SystemExit(0 if everything else 1)
