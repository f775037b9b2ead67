"""The benchmark's figures that are always the same, and the README that shows them.

What it says of speed comes from `make bench`, which takes minutes; here is measured what needs no counting
of instructions, for all contenders and both transports.
"""

import re

import pytest
from hublink_desk import paths
from hublink_desk.bench.cli import README_PART
from hublink_desk.bench.figures import Report, measure_counts
from hublink_desk.bench.measure import Bench
from hublink_desk.reference import Unavailable

README = (paths.ROOT / "README.md").read_text("utf-8")
_TOLERANCE = 0.03  # of a size, as in test_readme.py
_ALWAYS_THE_SAME = ("writes", "TLS records", "bytes", "heap bytes")


def cells(row):
    return [cell.strip() for cell in row.strip("| \n").split("|")]


def shown_tables():
    """The README's: {first column's name: {row's name: {column's name: cell}}}."""
    tables = {}
    for block in re.findall(r"(?:^\|.*\n?)+", README_PART.search(README)[0], re.MULTILINE):
        columns, _, *rows = [cells(line) for line in block.splitlines()]
        tables[columns[0]] = {row[0]: dict(zip(columns, row, strict=True)) for row in rows}
    return tables


def numbers(row):
    return [float(cell.replace(",", "")) for cell in list(row.values())[1:] if cell != "-"]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    try:
        with Bench(tmp_path_factory.mktemp("bench")) as bench:
            return Report(measure_counts(bench))
    except Unavailable as reason:
        pytest.skip(reason.message)


def test_readme_shows_what_each_message_takes(report):
    _, columns, rows = report.messages()
    shown = shown_tables()[columns[0]]
    assert set(shown) == {row[0] for row in rows}
    for row in rows:
        measured = dict(zip(columns, row, strict=True))
        for column in _ALWAYS_THE_SAME:
            assert shown[row[0]][column] == measured[column], f"{row[0]}: {column}"


def test_readme_shows_what_a_connection_takes(report):
    _, columns, rows = report.connection()
    shown = shown_tables()[columns[0]]
    for row in rows:
        measured = dict(zip(columns, row, strict=True))
        if "first publish" in row[0]:
            assert shown[row[0]] == measured
        elif "bytes" in row[0]:
            assert numbers(shown[row[0]]) == pytest.approx(numbers(measured), rel=_TOLERANCE), row[0]
    assert set(shown) == {row[0] for row in rows}


def test_readme_shows_every_budget():
    budgets = next(table for name, table in shown_tables().items() if name == "budget")
    assert len(budgets) > 5
    assert {row["met"] for row in budgets.values()} <= {"yes", "no"}
