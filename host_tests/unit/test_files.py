"""Files and folders of the desk are whole or not there, whatever happens in between."""

import fcntl
import os
import stat

import pytest
from hublink_desk import files
from hublink_desk.errors import DeskError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_write_replaces_and_sets_the_mode(tmp_path):
    path = tmp_path / "f"
    for data, mode in ((b"one", files.PUBLIC), (b"two", files.PRIVATE)):
        files.write(path, data, mode)
        assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (data, mode)
    assert names(tmp_path) == ["f"]


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = tmp_path / "f"
    path.write_bytes(b"old")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, step, fail)
        with pytest.raises(DeskError, match=r"Cannot write into .*: No space left"):
            files.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["f"]


@pytest.mark.parametrize("maker", [files.new_folder, files.replaced_folder, files.changed_folder])
def test_folder_that_was_not_finished_leaves_nothing(tmp_path, maker):
    place = tmp_path / "place"
    if maker is not files.new_folder:
        place.mkdir()
        (place / "old").write_text("old")
    before = names(tmp_path)
    with pytest.raises(KeyError), maker(place) as fresh:
        (fresh / "new").write_text("new")
        raise KeyError
    assert names(tmp_path) == before
    assert not place.exists() or names(place) == ["old"]


@pytest.mark.parametrize(
    ("maker", "expected"), [(files.replaced_folder, ["new"]), (files.changed_folder, ["new", "old"])]
)
def test_folder_takes_the_place_of_the_old_one(tmp_path, maker, expected):
    place = tmp_path / "place"
    place.mkdir()
    (place / "old").write_text("old")
    with maker(place) as fresh:
        (fresh / "new").write_text("new")
        assert names(place) == ["old"]
    assert names(place) == expected
    assert names(tmp_path) == ["place"]


@pytest.mark.parametrize("maker", [files.replaced_folder, files.changed_folder])
def test_folder_that_cannot_take_its_place_gives_the_old_one_back(tmp_path, maker):
    place = tmp_path / "place"
    place.mkdir()
    (place / "old").write_text("old")
    with pytest.raises(DeskError, match="Cannot write into"), maker(place) as fresh:
        for path in fresh.iterdir():
            path.unlink()
        fresh.rmdir()
    assert names(place) == ["old"]


def test_new_folder_may_put_another_aside(tmp_path):
    place, aside = tmp_path / "place", tmp_path / "aside"
    for text in ("one", "two"):
        with files.new_folder(place, aside) as fresh:
            (fresh / text).write_text(text)
    assert (names(place), names(aside)) == (["two"], ["one"])
    with pytest.raises(DeskError, match=r"place exists already"), files.new_folder(place):
        raise AssertionError


def test_lock_lets_one_in_at_a_time(tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        with files.locked(tmp_path), pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)
