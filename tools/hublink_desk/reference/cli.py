"""`hublink reference`: builds the reference interpreter and says where it is."""

import click

from .interpreter import Unavailable, build


@click.command("reference")
@click.option("--frozen", is_flag=True, help="With hublink frozen into it, as on a board.")
@click.option("--optional", is_flag=True, help="End well where this machine cannot have it.")
def command(frozen, optional):
    """Build the 32-bit MicroPython with the boards' TLS and heap; at once when it is there."""
    try:
        click.echo(build(frozen))
    except Unavailable as reason:
        if not optional:
            raise
        click.echo(reason.message)
