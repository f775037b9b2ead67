"""The inventory: what is added is read again, what people wrote stays, and what is wrong is named."""

import pytest
from hublink_desk.errors import DeskError
from hublink_desk.fleet import inventory
from hypothesis import given
from hypothesis import strategies as st

ENTRY = inventory.Entry("s1", "generic", "unix", "devices/s1", "2026-11-21")


def test_no_file_is_no_device(tmp_path):
    assert inventory.read(tmp_path / "inventory.toml") == []


def test_entries_keep_their_order(tmp_path):
    path = tmp_path / "inventory.toml"
    entries = [inventory.Entry(f"s{n}", "generic", "unix", f"devices/s{n}", "2026-11-21") for n in range(3)]
    for entry in entries:
        inventory.append(path, entry)
    assert inventory.read(path) == entries
    assert path.read_text().startswith("# The devices of this fleet.")


def test_what_people_wrote_stays(tmp_path):
    path = tmp_path / "inventory.toml"
    inventory.append(path, ENTRY)
    written = path.read_text() + 'where = "on the roof"  # north side\n\n[owner]\nname = "Zoë"'
    path.write_text(written)
    inventory.append(path, ENTRY)
    assert path.read_text().startswith(written + "\n\n[[device]]\n")
    assert inventory.read(path) == [ENTRY, ENTRY]


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=5, max_size=5))
def test_any_text_is_read_as_it_was_written(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("inventory") / "inventory.toml"
    entry = inventory.Entry(*texts)
    inventory.append(path, entry)
    assert inventory.read(path) == [entry]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("device = 1", "is no inventory"),
        ("[[device]\n", "is no inventory"),
        ("\xff", "is no inventory"),
        ("device = [1]", "is no inventory"),
        ('[[device]]\nname = "s1"\n', "hub of device 1 is missing; expected a text"),
        ("[[device]]\nname = 1\n", "name of device 1 is 1; expected a text"),
    ],
)
def test_wrong_inventory_is_named(tmp_path, text, complaint):
    path = tmp_path / "inventory.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DeskError, match=complaint) as error:
        inventory.read(path)
    assert str(path) in error.value.message
