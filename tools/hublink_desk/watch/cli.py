"""`hublink watch`, the command."""

import contextlib
import signal
import sys
import time
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from .. import device_code
from ..errors import DeskError
from ..follow import Follower
from .fleet import DEVICES_MAX
from .lines import json_line, line
from .places import Places
from .record import Began, Recorder
from .table import table
from .watching import Watch, live, replay

_FILE = click.Path(path_type=Path)
_IDLE_S = 0.25  # how often the table is drawn anew, and a signal is looked for


@click.command("watch")
@click.option("--config", type=_FILE, help="Configuration of a device to listen as.")
@click.option("--record", "record_path", type=_FILE, help="Append all that is heard to this file.")
@click.option("--replay", "replay_path", type=_FILE, help="Show what such a file has, and listen to no hub.")
@click.option(
    "--speed", type=click.FloatRange(0), default=1.0, show_default=True, help="Of the replay; 0: at once."
)
@click.option(
    "--devices-max",
    type=click.IntRange(1),
    default=DEVICES_MAX,
    show_default=True,
    help="Of more the longest silent is forgotten.",
)
@click.option("--json", "is_json", is_flag=True, help="One JSON object per line.")
def command(config, record_path, replay_path, speed, devices_max, is_json):
    """Watch the fleet as its hub sees it: who is online, what came last, what is missing, what went wrong.

    --config listens with the identity of that device, which should be one of its own for this: hubs let an
    identity in once, and cut off who was there before. The topics of the others are taken to be like its own.

    On a terminal a table, until Ctrl-C; else a line for each change. With --json the last one is all that is
    known of the fleet.

    \b
    Examples: hublink watch --config fleet/devices/monitor/config.json --record fleet.jsonl
              hublink watch --replay fleet.jsonl --speed 60
    """
    if (config is None) == (replay_path is None):
        raise click.UsageError("there is nothing to watch, or too much; expected --config or --replay.")
    if replay_path and record_path:
        raise click.UsageError("--record is given with --replay; expected --config.")
    with contextlib.ExitStack() as stack:
        if replay_path:
            title, follower, source = str(replay_path), None, replay(replay_path, speed, _IDLE_S)
        else:
            follower, began = _listener(config)
            title, source = follower.hub, live(follower, began, _IDLE_S)
        stack.enter_context(contextlib.closing(source))
        recorder = stack.enter_context(Recorder(record_path)) if record_path else None
        watch = Watch(devices_max)
        if sys.stdout.isatty() and not is_json:
            show = stack.enter_context(_Screen(watch.fleet, title, follower))
        else:
            show = _Lines(watch.fleet, is_json)
        _run(source, watch, show, recorder)


def _listener(path):
    """The Follower that a configuration makes, and the Began of its hub."""
    settings, credentials = device_code.read(path)
    places = Places(settings["hub"])

    def say(text):
        if follower.connected_count:  # else it is the end, with a sentence of its own
            click.echo(f"watch: {text}", err=True)

    follower = Follower(settings, credentials, places.subscriptions, say)
    return follower, Began(settings["hub"], _names_beside(path))


def _names_beside(path):
    """dict of hub's ID -> name of the devices of a fleet's folder, if the configuration lies in one."""
    names = {}
    for each in sorted(path.absolute().parent.parent.glob("*/config.json")):
        with contextlib.suppress(DeskError, OSError):  # not of this fleet
            settings = device_code.parse(each.read_bytes())
            names[device_code.device_id(settings)] = settings["device"]
    return names


def _run(source, watch, show, recorder):
    """Take in what comes until it ends, or SIGINT or SIGTERM comes."""
    signals = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: signals.append(number))
    now_s = time.time()
    for now_s, entry in source:
        if entry and recorder:
            recorder.write(now_s, entry)
        show.turn(now_s, watch.take(now_s, entry) if entry else [])
        if signals:
            break
    show.end(now_s)


class _Lines:
    """A line for each change."""

    def __init__(self, fleet, is_json):
        self._fleet, self._is_json = fleet, is_json
        sys.stdout.reconfigure(errors="backslashreplace")

    def turn(self, _now_s, changes):
        for change in changes:
            print(json_line(change) if self._is_json else line(change), flush=True)

    def end(self, now_s):
        if self._is_json:
            self.turn(now_s, [{"at_s": now_s, "what": "fleet", "devices": self._fleet.as_dict()}])


class _Screen(contextlib.AbstractContextManager):
    """A table that stays where it is, drawn anew a few times a second."""

    def __init__(self, fleet, title, follower):
        self._fleet, self._title, self._follower = fleet, title, follower
        self._drawn_s = 0.0
        self._live = Live(console=Console(), auto_refresh=False)
        self._live.start()

    def __exit__(self, *_):
        self._live.stop()

    def turn(self, now_s, _changes):
        if time.monotonic() - self._drawn_s >= _IDLE_S:
            self.end(now_s)

    def end(self, now_s):
        self._drawn_s = time.monotonic()
        problem = self._follower.problem if self._follower else None
        self._live.update(table(self._fleet, now_s, self._title, problem), refresh=True)
