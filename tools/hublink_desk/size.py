"""`hublink size`: bytes of the firmware as .mpy files, and of the heap of a connected node, against budgets.

The set "node" is what a Scaleway node has loaded once it is online, as the interpreter itself reports it.
Heap is that of the 32-bit interpreter, whose words and objects are the boards' size.
"""

import click
from rich.console import Console
from rich.table import Table

from . import paths
from .build import compile_firmware
from .reference import Unavailable
from .reference.heap import FROZEN_MAX_LEN, measure_frozen_heap, measure_heap

# design.md section 6
NODE_MAX_LEN = 24 * 1024
ALL_MAX_LEN = 56 * 1024
HEAP_MAX_LEN = 48 * 1000


def report(sizes, heap, loaded, bound):
    """The figures as (rich Table per module, list of (what, bytes, budget))."""
    table = Table("module", "bytes .mpy", "in the node", title=".mpy (mpy-cross -O2)", title_justify="left")
    for name, length in sorted(sizes.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{length:,}", "yes" if name in loaded else "")
    node = sum(length for name, length in sizes.items() if name in loaded)
    return table, [
        (".mpy, smallest useful node", node, NODE_MAX_LEN),
        (".mpy, everything", sum(sizes.values()), ALL_MAX_LEN),
        ("Python heap of the connected node, 32-bit, from .mpy", heap[3] - heap[0], HEAP_MAX_LEN),
        ("  of it the modules", heap[1] - heap[0], None),
        ("  of it the node's objects and buffers", heap[3] - heap[1], None),
        ("100 devices behind it, gateway.py included", bound, None),
    ]


@click.command("size")
def command():
    """Print .mpy bytes per module and the heap of a connected node, against the budgets."""
    sizes = compile_firmware(paths.BUILD / "mpy")
    heap, loaded, bound = measure_heap("micropython32", paths.BUILD / "mpy")
    table, figures = report(sizes, heap, loaded, bound)
    try:
        frozen = measure_frozen_heap()
        figures.append(("the same frozen, with TLS but its records", frozen[3] - frozen[0], FROZEN_MAX_LEN))
    except Unavailable as reason:
        click.echo(f"not measured: {reason.message}")
    console = Console()
    console.print(table)
    summary = Table("what", "bytes", "budget", "of the budget")
    for what, length, budget in figures:
        share = ("", "") if budget is None else (f"{budget:,}", f"{100 * length / budget:.0f} %")
        summary.add_row(what, f"{length:,}", *share)
    console.print(summary)
