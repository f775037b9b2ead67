"""Messages kept on flash: what they cost, and that no power cut loses one that was flushed.

On the littlefs of real MicroPython (vfs.VfsLfs2) and, for the costs, also on littlefs-python's; the flash is
the desk's NOR in memory, which counts and refuses to program what was not erased.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from hublink_desk import paths
from hublink_desk.flash_cost import COLUMNS, ERASES_MAX, PAGE_LENS, PROGRAMS, flash_cost
from hublink_desk.programs.nor import BLOCK_LEN, Nor
from littlefs import LittleFS

from host_tests.both.interpreters import needs
from host_tests.shim import install

with install():
    from hublink_desk.programs import flash_cost as program

POWER_CUT = Path(__file__).parent / "programs" / "power_cut.py"
LIMIT_S = 120
# Reads and heap do not grow with the number of messages but for what a folder of 42 files takes.
START_READS_MAX, START_HEAP_MAX = 8000, 7000
REPLAY_READS_MAX, TURN_HEAP_MAX = 60, 2600
START_COUNT = 1


def assert_within_bounds(rows):
    online, durable, offline, start, replay = rows
    assert [row["messages"] for row in rows] == [1000, 1000, 1000, START_COUNT, 1000]
    assert (online["erases"], online["programmed_len"], online["reads"]) == (0, 0, 0)
    assert offline["erases"] <= ERASES_MAX * offline["messages"]
    assert durable["erases"] <= 1.1 * durable["messages"]
    assert replay["erases"] <= 0.01 * replay["messages"]
    assert start["erases"] == 0
    assert start["reads"] <= START_READS_MAX
    assert replay["reads"] <= REPLAY_READS_MAX * replay["messages"]
    assert start["heap_len"] <= START_HEAP_MAX
    assert max(row["heap_len"] for row in (online, durable, offline, replay)) <= TURN_HEAP_MAX


@pytest.mark.parametrize("page_len", PAGE_LENS)
def test_costs_on_micropython(page_len):
    needs("micropython32")
    rows = flash_cost("micropython32", page_len)
    assert_within_bounds(rows)
    assert rows[0]["heap_len"] == 0
    assert START_HEAP_MAX > rows[3]["heap_len"] > 6000, "the outbox and the stage were measured too"
    for row in rows:
        *shown, heap_kb = shown_costs(row["situation"], PAGE_LENS.index(page_len))
        measured = [row[name] / row["messages"] for name in COLUMNS[2:6]]
        assert shown == pytest.approx(measured, rel=0.03, abs=0.0006), row["situation"]
        # MicroPython's collector keeps what any word on the stack seems to point to: a few blocks.
        assert heap_kb == pytest.approx(row["heap_len"] / 1000, abs=0.15), row["situation"]


def shown_costs(situation, column):
    """The figures of a situation in README.md, for one kind of flash."""
    (row,) = re.findall(rf"^\| {situation} \| (.*) \|$", (paths.ROOT / "README.md").read_text("utf-8"), re.M)
    return [float(cell.split(" · ")[column].replace(",", "")) for cell in row.split(" | ")]


class Chip:
    """The flash as littlefs-python asks for it."""

    def __init__(self, nor):
        self.nor = nor

    def read(self, cfg, block, off, size):
        data = bytearray(size)
        self.nor.readblocks(block, data, off)
        return data

    def prog(self, cfg, block, off, data):
        self.nor.writeblocks(block, data, off)
        return 0

    def erase(self, cfg, block):
        self.nor.erase(block)
        return 0

    def sync(self, cfg):
        return 0


class LittleFolder:
    """A Folder on it."""

    def __init__(self, files):
        self._files = files

    def names(self):
        return self._files.listdir("/")

    def open(self, name, mode):
        return self._files.open("/" + name, mode)

    def remove(self, name):
        self._files.remove("/" + name)


@pytest.mark.parametrize("page_len", PAGE_LENS)
def test_costs_on_littlefs_python(page_len):
    nor = Nor(212, page_len)
    files = LittleFS(
        context=Chip(nor), block_size=BLOCK_LEN, block_count=212, read_size=32, prog_size=page_len,
        cache_size=4 * page_len, lookahead_size=32, block_cycles=100,
    )  # fmt: skip
    rows = [
        dict(zip(("situation", "messages", "erases", "programmed_len", "reads"), row[:5], strict=True))
        for row in program.measure(nor, lambda: program.Device(LittleFolder(files)))
    ]
    assert_within_bounds([row | {"heap_len": 0} for row in rows])


def test_the_flash_refuses_what_no_chip_can_do():
    nor = Nor(2, 256)
    nor.writeblocks(1, bytes(256), 512)
    with pytest.raises(ValueError, match="block 1, byte 512: programmed without an erase"):
        nor.writeblocks(1, bytes(256), 512)
    nor.erase(1)
    nor.writeblocks(1, bytes(512), 512)
    assert nor.counts() == (1, 768, 0, 0)


def test_the_command_prints_a_table_for_each_flash():
    from hublink_desk.flash_cost import command

    needs("micropython32")
    said = CliRunner().invoke(command, [])
    assert said.exit_code == 0, said.output
    assert said.output.count("offline, batches of 8") == len(PAGE_LENS)


@pytest.mark.parametrize("page_len", PAGE_LENS)
def test_no_power_cut_loses_what_was_flushed(page_len):
    """All cut points: after each page and each erase, and in the middle of each."""
    needs("micropython")
    search = f"{paths.FIRMWARE}:{PROGRAMS}:.frozen"
    words = [paths.program("micropython"), "-X", "heapsize=64m", POWER_CUT, page_len, 200]
    done = subprocess.run(
        [str(word) for word in words], env=os.environ | {"MICROPYPATH": search},
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    words = r"power-cut: (\d+) messages, (\d+) erases, (\d+) pages, (\d+) cuts\n"
    messages, erases, pages, cuts = map(int, re.fullmatch(words, done.stdout).groups())
    assert messages >= 200
    assert cuts == 2 * (erases + pages)
    assert erases > 30
