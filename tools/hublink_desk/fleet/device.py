"""`hublink device`: a table of what can be done with the fleet's devices."""

import click

from .add import add
from .listing import listing
from .renew import renew


@click.group("device")
def command():
    """Give devices an identity, see when certificates end, renew them."""


for each in (add, listing, renew):
    command.add_command(each)
