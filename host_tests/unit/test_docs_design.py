"""docs/design.md draws what is there: modules, layers, states, budgets."""

import re

import pytest
from hublink_desk import flash_cost, paths, size
from hublink_desk.bench import figures
from hublink_desk.reference import heap

from host_tests.shim import install
from host_tests.unit.test_layers import DEVICE, JOINTS, NET, PURE

PAGE = (paths.ROOT / "docs" / "design.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## \d\. (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
# Tables of names and helpers, which the picture leaves out.
TOO_SMALL = {"limits", "ticks", "hubs", "protocol", "net", "device"}


def short(modules):
    return {name.rpartition(".")[2] for name in modules}


def test_the_picture_has_every_module_on_its_side():
    lines = SECTIONS["Layers"].split("─┬─")[1].split("─┴─")[0].splitlines()
    left, right = (" ".join(line.partition("│")[side] for line in lines) for side in (0, 2))
    left, right = set(re.findall(r"\w+", left)), set(re.findall(r"\w+", right))
    assert {name for name in short(NET | DEVICE) - TOO_SMALL if name not in ("mqtt", "robust")} <= right
    top = {name for name in PURE if name.count(".") == 1}
    assert short(top) - TOO_SMALL <= left
    assert {f"{name}.py" for name in short(JOINTS)} <= set(re.findall(r"\w+\.py", SECTIONS["Layers"]))


def test_the_states_are_those_of_the_link():
    with install():
        from hublink import link

        assert " → ".join(link.NAMES) in SECTIONS["The way of a message"]


def test_budgets_are_those_that_are_held():
    budgets = [line.split(" | ")[1] for line in SECTIONS["Budgets"].splitlines() if line.startswith("| ")][2:]
    records, heap_len, instructions, rate, node, everything, from_mpy, frozen, erases, _ = budgets
    assert (records, heap_len) == (f"{figures._RECORDS_MAX}", f"{figures._HEAP_MAX_LEN}")
    assert instructions == f"{figures._UMQTT_MAX} of umqtt.simple's, {figures._LIMIT_MAX} of the limit's"
    assert rate == f"{figures._RATE_MIN} of window/RTT"
    assert [node, everything, from_mpy, frozen] == [
        f"{length:,} bytes"
        for length in (size.NODE_MAX_LEN, size.ALL_MAX_LEN, size.HEAP_MAX_LEN, heap.FROZEN_MAX_LEN)
    ]
    assert erases == f"0 online, {flash_cost.ERASES_MAX} offline in batches of 8"


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:host_tests|net)/[\w/]+(?:\.py)?)`", PAGE))))
def test_what_is_named_exists(name):
    assert any((root / name).exists() for root in (paths.ROOT, paths.FIRMWARE / "hublink"))


def test_make_targets_exist():
    makefile = (paths.ROOT / "Makefile").read_text("utf-8")
    for target in set(re.findall(r"`make (\w+)`", PAGE)):
        assert f"\n{target}:" in makefile
