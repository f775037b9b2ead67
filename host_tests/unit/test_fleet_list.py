"""`hublink device list`: what ends when, and what is wrong."""

import json

import pytest

from host_tests.fleets import CLEARBLADE, GENERIC, add
from host_tests.verbs import as_json, good, hublink


def test_list_tells_when_what_ends(fleet, hub_ca):
    add("s1", *GENERIC, "--days", 20)
    add("s2", *CLEARBLADE, "--hub-ca", hub_ca)
    rows = {row["name"]: row for row in as_json("device", "list")}
    assert list(rows) == ["ca", "s1", "s2"]
    assert rows["s1"]["days_left"] == 19
    assert rows["s1"]["common_name"] == "s1"
    assert (rows["s2"]["valid_until"], rows["s2"]["days_left"]) == (None, None)
    assert rows["s2"]["trust_days_left"] == 3649
    shown = good("device", "list")
    assert all(name in shown for name in ("s1", "s2", "clearblade", rows["s1"]["valid_until"]))


def test_list_within_is_for_scripts(fleet):
    add("s1", *GENERIC, "--days", 20)
    add("s2", *GENERIC, "--days", 200)
    done = hublink("device", "list", "--within", 30, "--json")
    assert (done.code, [row["name"] for row in json.loads(done.out)]) == (1, ["s1"])
    assert json.loads(good("device", "list", "--within", 10, "--json")) == []


@pytest.mark.parametrize("lost", ["device.der", "ca.der"])
def test_list_tells_of_files_that_are_damaged_or_gone(fleet, lost):
    add("s1", *GENERIC)
    path = fleet / "devices/s1" / lost
    path.write_bytes(b"nothing") if lost == "device.der" else path.unlink()
    (row,) = (row for row in as_json("device", "list") if row["name"] == "s1")
    assert lost in row["problem"]
    assert hublink("device", "list", "--within", 1).code == 1
