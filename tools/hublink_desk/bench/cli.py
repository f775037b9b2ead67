"""`hublink bench`: measures, prints the tables, writes the figures to a file, and to the README if asked."""

import csv
import re
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from .. import paths
from ..errors import DeskError
from .figures import COLUMNS, Report, markdown, measure_counts, measure_work
from .measure import Bench

_WIDTH = 140
_BEGIN, _END = "<!-- make bench -->\n", "\n<!-- end of make bench -->"
README_PART = re.compile(f"(?<={_BEGIN}).*?(?={_END})", re.DOTALL)


@click.command("bench")
@click.option("--readme", is_flag=True, help="Write the tables into README.md.")
def command(readme):
    """Compare hublink with umqtt.simple and with the least that can be done, for each message."""
    console = Console()
    console.width = max(console.width, _WIDTH)  # a table that is folded is none
    figures = []
    with tempfile.TemporaryDirectory(prefix="hublink-bench-") as folder, Bench(Path(folder)) as bench:
        with console.status("bench: starting") as status:
            for measure in (measure_counts, measure_work):
                for figure in measure(bench):
                    figures.append(figure)
                    status.update("bench: {what} {transport} {contender} {figure}".format(**figure))
    tables = Report(figures).tables()
    for title, columns, rows in tables:
        table = Table(*columns, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    click.echo(f"bench: written to {_write_csv(figures).relative_to(paths.ROOT)}")
    if readme:
        _write_readme(markdown(tables))


def _write_csv(figures):
    path = paths.BUILD / "bench.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(figures)
    return path


def _write_readme(text):
    path = paths.ROOT / "README.md"
    old = path.read_text("utf-8")
    new, count = README_PART.subn(lambda _: text, old)
    if count != 1:
        raise DeskError(f"{path.name} has {count} places for the benchmark's tables, expected one.")
    path.write_text(new, "utf-8")
    click.echo(f"bench: written to {path.name}")
