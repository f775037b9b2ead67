"""`hublink device list`: what ends when, and what is wrong."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from hublink_desk import pki

from host_tests.fleets import CLEARBLADE, GENERIC, add
from host_tests.verbs import as_json, good, hublink, refused


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


def test_list_shows_names_and_paths_as_they_are_a_line_each(fleet):
    inventory = fleet / "inventory.toml"
    add("24:6f:28:ab:cd:ef", *GENERIC)
    for name, hub, folder in (("s2", "[/x]", "devices/[red]far" + "/away" * 30), ("s3", "a\u001b[31mb", "x")):
        fields = {"name": name, "hub": hub, "board": "unix", "folder": folder, "added": "2026-11-21"}
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items())
        inventory.write_text(f"{inventory.read_text()}\n[[device]]\n{lines}")
    shown = good("device", "list").splitlines()
    (first,) = (line for line in shown if ":ab:cd:" in line)
    assert "24:6f:28:ab:cd:ef" in first
    (second,) = (line for line in shown if "[/x]" in line)
    assert f"{fleet}/devices/[red]far{'/away' * 30} has no ca.der; is it gone?" in second
    (third,) = (line for line in shown if "31m" in line)
    assert "a\\x1b[31mb" in third


@pytest.mark.parametrize(("hours", "told"), [(-2, 0), (-75, 3), (2, 0), (75, 3)])
def test_list_counts_whole_days(fleet, hours, told):
    key, now = pki.new_key(), datetime.now(timezone.utc)
    add("s1", *GENERIC)
    end = now + timedelta(hours=hours)
    cert = pki.self_certify("s1", key, not_before=now - timedelta(days=30), not_after=end)
    (fleet / "devices/s1/device.der").write_bytes(pki.cert_der(cert))
    words = f"{end:%Y-%m-%d}, " + (f"ended {told} days ago " if hours < 0 else f"{told} days ")
    assert words in good("device", "list")
    assert hublink("device", "list", "--within", 0).code == (hours < 0)


def test_list_of_no_fleet_is_refused(tmp_path):
    for options in ((), ("--json",), ("--within", 30)):
        message, hint = refused("device", "list", "--fleet", tmp_path / "nowhere", *options)
        assert message == f"There is no fleet in {tmp_path / 'nowhere'}."
        assert "--fleet" in hint
