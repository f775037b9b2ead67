"""docs/boards.md and its pages tell what is so: names, offsets, drives, figures of the board folders."""

import re

import pytest
from click.testing import CliRunner
from hublink_desk import boards, paths
from hublink_desk.cli import main
from hublink_desk.flash.targets import TARGETS, Esp

from host_tests.shim import install

DOCS = paths.ROOT / "docs"
INDEX = (DOCS / "boards.md").read_text("utf-8")
PAGES = {path.name: path.read_text("utf-8") for path in (DOCS / "boards").glob("*.md")}
ROWS = [line.strip("|").split("|") for line in INDEX.splitlines() if line.startswith("| ")]
TABLE = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in ROWS}
COLUMNS = {name.strip("`"): column for column, name in enumerate(TABLE["`--board`"])}


def cell(name, row):
    return TABLE[row][COLUMNS[name]]


def test_every_board_has_a_column_and_a_page():
    assert set(COLUMNS) == set(TARGETS)
    assert set(re.findall(r"\(boards/(.*?)\)", INDEX)) == set(PAGES)


@pytest.mark.parametrize("name", TARGETS)
def test_how_it_is_flashed(name):
    target = TARGETS[name]
    assert cell(name, "chip") == target.chip
    if isinstance(target, Esp):
        assert cell(name, "image") == f"`.bin` at 0x{target.offset:x}"
        assert cell(name, "written through") == "serial port"
    else:
        assert cell(name, "image") == "`.uf2`"
        assert cell(name, "written through") == f"drive `{target.drive_id}`"


@pytest.mark.parametrize("name", TARGETS)
def test_its_limits_are_those_of_its_folder(name):
    with install(board=name):
        import board

        assert cell(name, "unacknowledged bytes, at most") == f"{board.UNACKED_MAX_LEN:,}"
        assert cell(name, "longest watchdog") == f"{board.WATCHDOG_MAX_MS:,} ms"
        in_heap = cell(name, "TLS has its memory from") == "the Python heap"
        assert in_heap == board.TLS_IN_HEAP
    has_umqtt = cell(name, "umqtt.simple in the stock image") == "yes"
    assert has_umqtt == boards.find(name).has_umqtt


@pytest.mark.parametrize(
    "line",
    re.findall(r"^ +(?:sudo )?\.venv/bin/hublink (.*)$", INDEX + "".join(PAGES.values()), re.MULTILINE),
)
def test_commands_have_the_options_they_are_shown_with(line):
    verb, *words = line.split()
    command = main.get_command(None, verb)
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
    assert words[words.index("--board") + 1] in TARGETS


def test_manifests_to_freeze_are_there():
    manifests = re.findall(r"FROZEN_MANIFEST=CHECKOUT/(\S+)", INDEX)
    assert manifests
    assert all((paths.ROOT / manifest).is_file() for manifest in manifests)


def test_help_has_an_example_that_is_a_command():
    told = CliRunner().invoke(main, ["flash", "--help"]).output
    assert "Example: hublink flash --board RPI_PICO_W --firmware " in told
