"""`hublink repl`: mpremote's REPL, at the port that this tool finds."""

import sys
from types import SimpleNamespace

import click
from mpremote.main import State
from mpremote.repl import do_repl

from .deploy.cli import port_option
from .deploy.remote import Remote
from .errors import DeskError
from .ports import find_port

_PLAIN = SimpleNamespace(escape_non_printable=False, capture=None, inject_code=None, inject_file=None)


@click.command("repl")
@port_option
def command(port):
    """Talk to a board's REPL. Ctrl-C stops the node, Ctrl-D starts it again, Ctrl-] leaves.

    A Pico W whose node was stopped is reset by its watchdog after 8 s, unless it is in maintenance mode:
    import hublink; hublink.maintenance(True).

    \b
    Example: hublink repl --port /dev/ttyACM0
    """
    if not sys.stdin.isatty():
        raise DeskError("hublink repl: expected a terminal.", "`mpremote exec` runs a command from a script")
    with Remote(find_port(port)) as remote:
        state = State()
        state.transport = remote.transport
        if do_repl(state, _PLAIN):
            raise DeskError(f"The board at {remote.port} has gone.")
