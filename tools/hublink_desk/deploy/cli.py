"""`hublink deploy`: the verb."""

import json
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from .. import boards, paths
from ..errors import DeskError
from ..ports import find_port
from . import payload, plan, switch, versions
from .remote import PROMPT, Lost, Remote

START_S = 60  # within which a node that has started says something
_UP = "hublink: link "
_QUOTED = 12
_FILE = click.Path(path_type=Path)

port_option = click.option("--port", help="Its serial port.  [default: that of the one board there is]")


@click.command("deploy")
@click.option(
    "--board",
    "board_name",
    required=True,
    type=click.Choice([name for name in boards.names() if boards.find(name).needs_wifi]),
    help="The board.",
)
@port_option
@click.option("--build", "built", type=_FILE, help="What to deploy.  [default: build/BOARD]")
@click.option("--config", type=_FILE, help="Copy this configuration, and the certificates it names, too.")
@click.option("--with-keys", is_flag=True, help="Copy the keys it names, too.")
@click.option("--json", "is_json", is_flag=True, help="As JSON.")
def command(board_name, port, built, config, with_keys, is_json):
    """Bring what `hublink build` has made onto a board, and start it.

    Copies only what has changed, beside the version that runs: a cut at any time leaves one version whole,
    and the next deploy goes on where it was. Removes stale files. Exit code 1 if it does not start.

    \b
    Example: hublink deploy --board RPI_PICO_W --config fleet/devices/sensor-1/config.json --with-keys
    """
    if with_keys and not config:
        raise DeskError("--with-keys: expected --config, too.", "it names the keys")
    board = boards.find(board_name)
    what = payload.load(built or paths.BUILD / board.name, board, config, with_keys)
    with Remote(find_port(port)) as remote:
        told = _deploy(remote, board, what, is_json)
        with _waiting("starting"):
            told["log"] = _start(remote)
    if is_json:
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(f"started: {told['log'][-1]}")


def _deploy(remote, board, what, is_json):
    """Up to the moment where the board only has to start. Returns what there is to tell, a dict."""
    try:
        with _waiting("entering maintenance mode"):
            about = _maintenance(remote)
        told = {"port": remote.port, "micropython": versions.text(about["version"])}
        told["warnings"] = versions.check(about, board, boards.names())
        with _waiting("comparing"):
            change = switch.survey(remote, about, what)
        if change.put or change.remove or plan.NEXT in about["folders"]:
            with _progress(sum(len(what.files[path]) for path in change.put)) as advance:
                switch.apply(remote, about, what, change, advance)
    except Lost:
        raise
    except BaseException:  # Ctrl-C, too: the board is not left without a program
        remote.try_to_leave()
        raise
    told |= {
        "copied": change.put,
        "unchanged": change.kept,
        "removed": change.remove,
        "modules": change.modules,
    }
    if not is_json:
        _tell(board, told, sum(len(what.files[path]) for path in change.put))
    return told


def _maintenance(remote):
    """Stop the program, and see to it that no watchdog bites. Returns what programs/about.py says."""
    remote.stop()
    is_in = remote.run("mode")
    if is_in is False:
        remote.restart("enter")
    # A board without hublink has no such mode: its memory at least is freed.
    remote.stop(soft_reset=is_in is None)
    return remote.run("about")


def _start(remote):
    """Leave maintenance mode; returns the first lines of the new version."""
    heard = []
    for line in remote.lines_after("leave", START_S):
        heard.append(line)
        if line.startswith(_UP):
            return heard
        if line == PROMPT:
            break
    last = "\n".join(f"  {line}" for line in heard[-_QUOTED:])
    hint = "`hublink doctor` says how the board is, `hublink logs` what it prints"
    raise DeskError(f"The new version is in place, but does not start. The board has said:\n{last}", hint)


def _tell(board, told, length):
    click.echo(f"{board.name}, MicroPython {told['micropython']}, at {told['port']}")
    for warning in told["warnings"]:
        click.echo(f"warning: {warning}")
    for path in told["removed"]:
        click.echo(f"removed {path}")
    click.echo(
        f"copied {len(told['copied'])} files, {length:,} bytes; {told['unchanged']} were there already"
    )
    for name, place in told["modules"].items():
        click.echo(f"  {name:30}from {place}")


def _waiting(text):
    return Console(stderr=True).status(text)


@contextmanager
def _progress(total):
    """Yields advance(length); a bar on a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("copying"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda length: bar.advance(task, length)
