"""Files that are written whole or not at all: beside their place, then linked or renamed into it."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from .errors import DeskError

PRIVATE = 0o600  # what holds a secret
PUBLIC = 0o644


def write_new(folder, contents):
    """Write all the files or, on an error, none of them; a file that is there is never replaced.

    Args:
        folder: Path, made if it is not there.
        contents: dict of name -> bytes. A file whose name says that it holds a key is its owner's alone.

    Raises:
        DeskError: one exists already, or cannot be written.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in contents.items():
            _link(folder / name, data, PRIVATE if ".key." in name else PUBLIC)
            written.append(folder / name)
    except FileExistsError as error:
        _remove(written)
        existing = error.filename2 or error.filename
        raise DeskError(f"{existing} exists already.", "choose another folder or name") from error
    except OSError as error:
        _remove(written)
        raise _cannot_write(folder, error) from error


def write(path, data, mode=PUBLIC):
    """Write a file, in place of one that is there.

    Args:
        path: Path.
        data: bytes.
        mode: PRIVATE or PUBLIC.

    Raises:
        DeskError: it cannot be written; the old one is as it was.
    """
    try:
        beside = _beside(path, data, mode)
        try:
            os.replace(beside, path)
        except OSError:
            os.unlink(beside)
            raise
    except OSError as error:
        raise _cannot_write(path.parent, error) from error


@contextlib.contextmanager
def new_folder(path, aside=None):
    """A folder to fill, which takes the place `path` when the block ends well, and is gone when not.

    Args:
        path: Path it is to have.
        aside: Path that what is there gets; None if there must be nothing.

    Raises:
        DeskError: something is in the way, or it cannot be written.
    """
    if aside is None and path.exists():
        raise DeskError(f"{path} exists already.", "choose another name")
    with _folder_beside(path) as fresh:
        yield fresh
        _move_in(fresh, path, aside)


@contextlib.contextmanager
def replaced_folder(path):
    """An empty folder to fill, which takes the place of the folder `path`, if any, when the block ends well.

    Whoever reads it meanwhile sees the old files or the new ones. Raises DeskError if it cannot be written.
    """
    with _folder_beside(path) as fresh:
        yield fresh
        _move_in(fresh, path, fresh.parent / "old")


@contextlib.contextmanager
def changed_folder(path):
    """A copy of the folder `path` to change, which then replaces it as with `replaced_folder`."""
    with replaced_folder(path) as fresh:
        shutil.copytree(path, fresh, dirs_exist_ok=True)
        yield fresh


def _move_in(fresh, path, aside):
    is_there = path.exists()
    if is_there:
        path.rename(aside)
    try:
        fresh.rename(path)
    except OSError:
        if is_there:
            aside.rename(path)
        raise


@contextlib.contextmanager
def _folder_beside(path):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as beside:
            fresh = Path(beside) / "fresh"
            fresh.mkdir()
            yield fresh
    except OSError as error:
        raise _cannot_write(path, error) from error


@contextlib.contextmanager
def locked(folder):
    """Nobody else who asks for it has this folder, which is made if need be, inside the block."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _cannot_write(place, error):
    return DeskError(f"Cannot write into {place}: {error.strerror or error}.")


def _remove(files):
    for path in files:
        path.unlink()


def _link(path, data, mode):
    """Unlike a rename, a link never replaces what is there."""
    beside = _beside(path, data, mode)
    try:
        os.link(beside, path)
    finally:
        os.unlink(beside)


def _beside(path, data, mode):
    """Name of a temporary file with that data, on the disk; readable by its owner alone until it is whole."""
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.fileno(), mode)
    except OSError:
        os.unlink(beside)
        raise
    return beside
