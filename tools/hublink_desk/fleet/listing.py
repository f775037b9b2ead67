"""`hublink device list`: the devices, and when their certificates end."""

import json
from datetime import datetime, timezone

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import DeskError
from ..text import printable
from .home import Fleet, option
from .identity import CERT, common_name, fingerprint, read_certificates

_SOON_DAYS = 30
_PIPE_WIDTH = 10_000  # a line for each row, for who reads it with grep


@click.command("list")
@option
@click.option(
    "--within",
    type=click.IntRange(0, 36500),
    metavar="DAYS",
    help="Only what ends within so many days; exit code 1 if there is any.",
)
@click.option("--json", "is_json", is_flag=True, help="As JSON.")
def listing(folder, within, is_json):
    """List the devices and the days that are left to their certificates, and to the authorities they trust.

    Our own authority and brokers come first.

    \b
    Example: hublink device list --within 30
    """
    fleet = Fleet(folder)
    rows = [
        _about_own(fleet, path, "authority")
        for path in [fleet.authority_folder / "ca.cert.der"]
        if path.exists()
    ]
    rows += [_about_own(fleet, path, "own hub") for path in sorted(fleet.folder.glob("hubs/*/*.cert.der"))]
    rows += [_about(fleet, entry) for entry in fleet.entries()]
    if not rows:
        hint = "name its folder with --fleet; `hublink ca init` starts one"
        raise DeskError(f"There is no fleet in {folder}.", hint)
    if within is not None:
        rows = [row for row in rows if _ends_within(row, within)]
    if is_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        console = Console()
        if not console.is_terminal:
            console.width = _PIPE_WIDTH
        console.print(_table(rows))
    if within is not None and rows:
        raise SystemExit(1)


def _about(fleet, entry):
    """What is known about a device, as a dict for --json."""
    place = fleet.folder / entry.folder
    row = _row(entry.name, entry.hub, entry.board, place)
    try:
        certs = [read_certificates(place / CERT)[0]] if (place / CERT).exists() else []
        for cert in certs:
            row |= _ends(cert)
        trusted = [read_certificates(path)[0] for path in sorted(place.glob("ca*.der"))]
        if not trusted:
            raise DeskError(f"{place} has no ca.der; is it gone?")
        row["trusts_until"], row["trust_days_left"] = min(map(_end, trusted), key=lambda end: end[1])
        if any(map(fleet.has_replaced, certs + trusted)):
            row["problem"] = f"its authority was replaced: hublink device renew {entry.name}"
    except DeskError as error:
        row["problem"] = error.message
    return row


def _about_own(fleet, path, kind):
    """The same about a certificate that is not a device's."""
    name = path.name.removesuffix(".cert.der")
    row = _row(name, kind, None, path.parent)
    try:
        cert = read_certificates(path)[0]
        row |= _ends(cert)
        if fleet.has_replaced(cert):
            row["problem"] = f"its authority was replaced: hublink ca server {name} --renew"
    except DeskError as error:
        row["problem"] = error.message
    return row


def _row(name, hub, board, folder):
    dates = dict.fromkeys(("valid_until", "days_left", "trusts_until", "trust_days_left"))
    return {"name": name, "hub": hub, "board": board, "folder": str(folder), **dates, "problem": ""}


def _ends(cert):
    until, days = _end(cert)
    return {
        "common_name": common_name(cert),
        "sha256": fingerprint(cert),
        "valid_until": until,
        "days_left": days,
    }


def _end(cert):
    end = cert.not_valid_after_utc
    return f"{end:%Y-%m-%d}", (end - datetime.now(timezone.utc)).days


def _ends_within(row, days):
    left = [row[key] for key in ("days_left", "trust_days_left") if row[key] is not None]
    return bool(row["problem"]) or any(each < days for each in left)


def _table(rows):
    table = Table()
    for heading in ("name", "hub", "board", "certificate until", "trusts hub until", "problem"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(
            Text(printable(row["name"])),
            Text(printable(row["hub"])),
            Text(printable(row["board"] or "")),
            _shown(row["valid_until"], row["days_left"]),
            _shown(row["trusts_until"], row["trust_days_left"]),
            Text(printable(row["problem"])),
        )
    return table


def _shown(until, days):
    if until is None:
        return "-"
    if days < 0:  # the end of day -1 is now
        return Text(f"{until}, ended {-days - 1} days ago", "red")
    return Text(f"{until}, {days} days", "yellow" if days < _SOON_DAYS else "")
