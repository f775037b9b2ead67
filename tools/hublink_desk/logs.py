"""`hublink logs`: what a board prints."""

import sys
from contextlib import nullcontext
from pathlib import Path

import click

from .deploy.cli import port_option
from .deploy.remote import Remote
from .errors import DeskError
from .ports import find_port

_CTRL_C_CODE = 130  # what shells expect


@click.command("logs")
@port_option
@click.option(
    "--file", type=click.Path(path_type=Path, dir_okay=False), help="Append them to this file, too."
)
@click.option("--for", "limit_s", type=click.FloatRange(min=0, min_open=True), help="Seconds, then end.")
def command(port, file, limit_s):
    """Follow what a board prints, through resets and unplugging, until Ctrl-C. Nothing on it is stopped.

    \b
    Example: hublink logs --file sensor-1.log
    """
    with _opened(file) as copy, Remote(find_port(port)) as remote:
        click.echo(f"following {remote.port}; Ctrl-C ends", err=True)
        try:
            for line in remote.lines(limit_s, to_prompt=False):
                if copy:
                    print(line, file=copy, flush=True)
                click.echo(line)
        except KeyboardInterrupt:
            sys.exit(_CTRL_C_CODE)


def _opened(file):
    try:
        return file.open("a", encoding="utf-8") if file else nullcontext()
    except OSError as error:
        raise DeskError(f"{file} cannot be written ({error.strerror}).") from error
