"""`hublink webhook`: posts the lifecycle events of a hub, or of a fleet that there is not, to a webhook."""

import json
from random import Random

import click

from ..errors import DeskError
from . import forms
from .disorder import Disorder
from .fleet import Fleet
from .sender import Rules, Webhook

_SHARE = click.FloatRange(0, 1)
_COUNT = click.IntRange(1)
_SECONDS = click.FloatRange(0)
_DEFAULTS = Rules()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("url")
@click.option("--schema", type=click.Choice(forms.SCHEMAS), default=_DEFAULTS.schema, show_default=True)
@click.option("--kind", "kinds", multiple=True, help="As in DeviceConnected; may be repeated.  [all]")
@click.option("--fleet", type=_COUNT, help="Read nothing; make up events of so many devices.")
@click.option("--events", type=_COUNT, default=100, show_default=True, help="How many, with --fleet.")
@click.option("--duplicates", type=_SHARE, default=0.0, help="Share of the events that are posted twice.")
@click.option("--unknown", type=_SHARE, default=0.0, help="Share beside which is one of an unknown type.")
@click.option("--trailing-commas", type=_SHARE, default=0.0, help="Share that is no JSON for a comma.")
@click.option("--shuffle", "is_shuffled", is_flag=True, help="Post what was gathered in any order.")
@click.option("--batch", "batch_max", type=_COUNT, default=1, show_default=True, help="Events in a body.")
@click.option("--gather-s", type=_SECONDS, default=0.0, help="Gather for so long before posting.")
@click.option("--merge-s", type=_SECONDS, default=0.0, help="Merge the states of so long; Azure: 60.")
@click.option(
    "--retry-s", multiple=True, type=_SECONDS, help="Wait before a retry; may be repeated.  [as Azure]"
)
@click.option("--attempts", "attempts_max", type=_COUNT, default=_DEFAULTS.attempts_max, show_default=True)
@click.option("--list-one", "lists_one", is_flag=True, help="A CloudEvent that is alone is in an array.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is left to chance.")
@click.option("--ca", type=click.Path(), help="Authority of an https webhook, PEM.  [those of the system]")
def command(url, fleet, events, seed, ca, retry_s, **options):
    """Post the lifecycle events in the log of `hublink hub --json`, on standard input, to the webhook at URL.

    It does the handshake first, retries as Azure Event Grid does, and ends when the input has and everything
    is delivered or given up.

    \b
    Examples: hublink hub --dialect azure ... --json | hublink webhook http://127.0.0.1:8890/
              hublink webhook http://127.0.0.1:8890/ --fleet 100 --events 10000 \\
                  --duplicates 0.2 --shuffle --schema cloudevents
    """
    switches = {name: options.pop(name) for name in tuple(options) if name in Disorder.__dataclass_fields__}
    rules = Rules(**options, retry_s=retry_s or _DEFAULTS.retry_s)
    with Webhook(url, rules, Disorder(**switches), seed=seed, ca=ca, report=_print) as webhook:
        if fleet:
            made_up = Fleet(fleet, Random(seed))
            webhook.post(*(made_up.event() for _ in range(events)))
        else:
            _read(click.get_text_stream("stdin", errors="replace"), webhook)
        webhook.drain()
    counts = webhook.counts
    click.echo(f"webhook: {_events(counts['delivered'])} delivered, {counts['lost']} given up")


def _read(lines, webhook):
    for number, line in enumerate(lines, 1):
        try:
            webhook.log(json.loads(line))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DeskError(f"line {number} of the input is no record of `hublink hub --json`.") from error


def _print(record):
    if record["what"] == "validated":
        click.echo("webhook: the handshake is done")
    elif record["what"] != "delivered":
        what = {"retry": "will be tried again", "lost": "given up"}[record["what"]]
        reason = f"after attempt {record['attempt']}: {record['answer']}"
        click.echo(f"webhook: {_events(record['count'])} {what} {reason}")


def _events(count):
    return "1 event" if count == 1 else f"{count} events"
