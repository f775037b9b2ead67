"""`hublink flash-cost`: what the messages that are kept on flash cost in erases, bytes, reads and heap.

Measured on MicroPython with its own littlefs (vfs.VfsLfs2) on a NOR flash in memory that counts, as large as
a Pico W's. Messages are 128 bytes long and go through the node's own queue.
"""

import subprocess

import click
from rich.console import Console
from rich.table import Table

from . import paths
from .errors import DeskError

PROGRAMS = paths.ROOT / "tools" / "hublink_desk" / "programs"
# Seen from the root: the interpreter keeps the paths of all that it loads, itself included, on its heap.
_FIRMWARE, _PROGRAMS = (path.relative_to(paths.ROOT) for path in (paths.FIRMWARE, PROGRAMS))
# Bytes that a chip programs at a time: Pico W, ESP32.
PAGE_LENS = (256, 32)
# design.md section 6
ERASES_MAX = 0.25
COLUMNS = ("situation", "messages", "erases", "programmed_len", "reads", "read_len", "heap_len")
HEADINGS = ("situation", "erases", "programmed", "reads", "bytes read", "heap bytes")
_HEAP = "2m"  # 868 kB of it are the flash
_LIMIT_S = 120
_WIDTH = 88  # so that no row is folded, wherever it goes


def flash_cost(interpreter, page_len):
    """Measure every situation on one kind of flash.

    Args:
        interpreter: `micropython` or `micropython32`.
        page_len: bytes that the flash programs at a time.

    Returns:
        list of dict with the keys of COLUMNS: counts of all messages together, and lengths in bytes.
        heap_len is what was in use at most beyond what was before, the driver of the open file included.

    Raises:
        DeskError: the program did not end well; its last words are in it.
    """
    program = paths.program(interpreter).relative_to(paths.ROOT)
    command = [program, "-X", f"heapsize={_HEAP}", "-m", "flash_cost", page_len]
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=paths.ROOT, env={"MICROPYPATH": f"{_FIRMWARE}:{_PROGRAMS}:.frozen"},
        capture_output=True, text=True, timeout=_LIMIT_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise DeskError(f"{words[-2]} ended with code {done.returncode}:\n{done.stdout}{done.stderr}")
    return [_row(line) for line in done.stdout.splitlines()]


def _row(line):
    situation, *counts = line.split("; ")
    return dict(zip(COLUMNS, (situation, *map(int, counts)), strict=True))


@click.command("flash-cost")
@click.option(
    "--interpreter", type=click.Choice(["micropython32", "micropython"]), default="micropython32",
    help="The first has the boards' word size.", show_default=True,
)  # fmt: skip
def command(interpreter):
    """Print what messages kept on flash cost, for the flash of a Pico W and of an ESP32."""
    for page_len in PAGE_LENS:
        title = f"pages of {page_len} bytes, blocks of 4,096; budget: {ERASES_MAX} erases a message, 0 online"
        table = Table(*HEADINGS, title=title, title_justify="left")
        for row in flash_cost(interpreter, page_len):
            each = [f"{row[name] / row['messages']:,.4g}" for name in COLUMNS[2:6]]
            table.add_row(row["situation"], *each, f"{row['heap_len']:,}")
        Console(width=_WIDTH).print(table)
    click.echo("Erases, bytes and reads are for each message; those of the start are of the whole start.")
