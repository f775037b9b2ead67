"""`hublink events`: follows what the hubs of a fleet report."""

import contextlib
import signal
import sys
from pathlib import Path

import click

from .filters import SEVERITIES, Filter
from .follower import COUNTED, Follower
from .mqtt import MqttSource
from .record import json_line, line
from .webhook import WebhookSource

_FILE = click.Path(path_type=Path)


@click.command("events", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config", "configs", multiple=True, type=_FILE, help="Configuration of a device to listen as."
)
@click.option("--webhook", "ports", multiple=True, type=click.IntRange(0, 65_535), help="Port; 0: any.")
@click.option("--bind", default="127.0.0.1", show_default=True, help="Address of the webhooks.")
@click.option("--severity", type=click.Choice(SEVERITIES), help="This one or a worse one.")
@click.option("--code", "codes", multiple=True, help="As in sec.topic_denied or DeviceDeleted.")
@click.option("--device", "devices", multiple=True, help="ID of a device, or of whatever it is about.")
@click.option("--hub", "hubs", multiple=True, help="Kind of hub, as in scaleway, or name of a hub.")
@click.option("--subject-prefix", default="", help="Of Event Grid's subject, as in devices/lamp-.")
@click.option("--subject-suffix", default="", help="Both have to fit.")
@click.option("--state", "state_file", type=_FILE, help="Remember in this file what came.  [forgotten]")
@click.option("--json", "is_json", is_flag=True, help="One JSON object per line.")
def command(configs, ports, bind, state_file, is_json, **wanted):
    """Follow what the hubs of a fleet report, as one stream, until Ctrl-C or SIGTERM.

    --config listens over MQTT with the identity of that device, which should be one of its own for this: hubs
    let an identity in once, and cut off who was there before. --webhook takes what Azure Event Grid posts, in
    either schema. Both may be repeated, as may --code, --device and --hub, of which an event needs one each.

    What is said of the connections, and at the end of the events, goes to standard error.

    \b
    Example: hublink events --config fleet/devices/monitor/config.json --webhook 8890 \\
        --severity warning --state events.state
    """
    if not configs and not ports:
        raise click.UsageError("there is nothing to follow; expected --config, --webhook, or both.")
    sys.stdout.reconfigure(errors="backslashreplace")  # whatever a hub writes, it stops nobody
    form = json_line if is_json else line
    follower = Follower(Filter(**wanted).wants, lambda *what: print(form(*what), flush=True), state_file)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ended_by_signals(follower))
        for source in [MqttSource(path, follower.take, _say) for path in configs]:
            stack.enter_context(source)
        for port in ports:
            stack.enter_context(WebhookSource(bind, port, follower.take, _say))
        follower.run()
    _say(", ".join(f"{follower.counts[what]} {what}" for what in COUNTED))


@contextlib.contextmanager
def _ended_by_signals(follower):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: follower.end())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text):
    click.echo(f"events: {text}", err=True)
