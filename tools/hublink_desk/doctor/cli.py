"""The verb."""

import platform
from importlib.metadata import version

import click
from rich.console import Console

from ..check.finding import OK, Finding, show
from ..deploy.cli import port_option
from ..deploy.remote import Remote
from ..ports import find_port
from .examine import examine
from .report import report


@click.command("doctor")
@port_option
@click.option("--json", "is_json", is_flag=True, help="One JSON object per line.")
def command(port, is_json):
    """Say how a board is, in one report that can be pasted into a bug: no password and no key is in it.

    Versions and what is known to hang in them, last crash, heap, flash, files, configuration, certificates,
    radio, clock. The node is stopped for it and started again. Exit code 1 if there is an error.

    \b
    Example: hublink doctor > report.txt
    """
    with Remote(find_port(port)) as remote:
        with Console(stderr=True).status("examining"):
            found = examine(remote)
    desk = f"hublink-desk {version('hublink-desk')}, mpremote {version('mpremote')}, {platform.platform()}"
    findings = [Finding(OK, "desk", desk), *report(found)]
    if any([show(finding, is_json) for finding in findings]):
        raise SystemExit(1)
