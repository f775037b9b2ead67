"""Brings a version onto a board so that at each moment one version is there whole.

The new files are copied beside the old ones and their hashes compared there; then the plan is put in place by
one rename, and from that on firmware/boot.py makes the new version of it, whatever happens.
"""

from dataclasses import dataclass

from .. import device_code
from ..builder.needs import configured_modules
from ..errors import DeskError
from ..fleet.home import CONFIG
from . import plan
from .payload import MANIFEST, digest, json_object, named_files, read_manifest

BOOT = "boot.py"


@dataclass(frozen=True)
class Change:
    """What a deployment changes on a board.

    Attributes:
        put: paths to copy.
        remove: paths of stale files.
        kept: how many files are there already.
        staged: paths that an earlier attempt has copied.
        modules: dict of module name -> where it is loaded from after the change.
    """

    put: list
    remove: list
    kept: int
    staged: list
    modules: dict


def survey(remote, about, payload):
    """Compare a board with what is to be there.

    Args:
        remote: Remote, its program stopped.
        about: what programs/about.py says of it.
        payload: Payload.

    Returns:
        Change.

    Raises:
        DeskError: a key is missing on the board, or is another one; or the node would have no configuration,
            or not the modules for it.
    """
    files, on_board = payload.files, about["files"]
    _check_keys(remote, on_board, payload.absent)
    equal = _equal(remote, on_board, {path: path for path in files}, files)
    put = [path for path in files if path not in equal]
    before = [*read_manifest(_contents(remote, on_board, MANIFEST))]
    if CONFIG in files:  # what the one before names is of no use to this one
        certificates, keys = named_files(json_object(_contents(remote, on_board, CONFIG)))
        before += certificates + keys
    remove = plan.stale([*files, *payload.absent], on_board, before)
    remove += plan.emptied(about["folders"], on_board, remove, files)
    staged = _equal(remote, on_board, {path: plan.staged(path) for path in put}, files)
    after = (set(on_board) | set(files)) - set(remove)
    folders = [*about["folders"], *plan.new_folders(files, about["folders"])]
    frozen = remote.output("modules").split()
    wanted = _wanted(remote, on_board, files) if payload.has_node else {}
    modules = plan.sources({*payload.code, *wanted.values()}, after, folders, about["path"], frozen)
    lacking = [name for name in wanted if modules[name] == plan.NOWHERE]
    if lacking:
        text = f"Neither the build nor the board's image has {', '.join(lacking)}, which {CONFIG} needs."
        hint = "build it with the same --config, and with --frozen only for an image that has hublink"
        raise DeskError(text, hint)
    return Change(put, remove, len(equal), staged, modules)


def apply(remote, about, payload, change, on_progress=lambda length: None):
    """Copy what has to be copied, and commit it; the board makes the new version of it when it starts.

    Args:
        remote, about, payload: as `survey` has them.
        change: Change.
        on_progress: called with the number of bytes that each step has written.

    Raises:
        DeskError: there is no space, or a file arrived damaged. Then the old version is as it was.
    """
    files = payload.files
    todo = {path: files[path] for path in change.put if path not in change.staged}
    folders = plan.new_folders([*change.put, plan.staged(BOOT)], about["folders"])
    _check_space(about, map(len, todo.values()), len(folders))
    waiting = {plan.staged(path) for path in change.staged}
    leftovers = [path for path in about["files"] if path.startswith(plan.NEXT + "/") and path not in waiting]
    remote.run("prepare", folders=folders, leftovers=leftovers)
    if BOOT in change.put:  # first: it has to know what a plan is
        _copy(remote, {BOOT: todo.pop(BOOT)} if BOOT in todo else {}, on_progress)
        remote.run("rename", old=plan.staged(BOOT), new=BOOT)
    _copy(remote, todo, on_progress)
    text = plan.text([path for path in change.put if path != BOOT], change.remove).encode()
    _copy(remote, {plan.PLAN: text}, lambda length: None)
    remote.run("rename", old=plan.staged(plan.PLAN), new=plan.PLAN)


def _copy(remote, files, on_progress):
    """Copy files beside the version that runs, and see whether they have arrived."""
    for path, data in files.items():
        remote.write(plan.staged(path), data, on_progress)
    there = {plan.staged(path): len(data) for path, data in files.items()}
    arrived = _equal(remote, there, {path: plan.staged(path) for path in files}, files)
    for path in files:
        if path not in arrived:
            raise DeskError(f"{path} arrived damaged; the version before runs on.", "deploy again")


def _equal(remote, on_board, places, files):
    """Those paths of `files` whose contents are on the board. places: path -> path on the board."""
    candidates = [path for path, place in places.items() if on_board.get(place) == len(files[path])]
    found = remote.hashes([places[path] for path in candidates])
    return [path for path in candidates if found[places[path]] == digest(files[path])]


def _check_keys(remote, on_board, keys):
    equal = _equal(remote, on_board, {path: path for path in keys}, keys)
    hint = "--with-keys copies it"
    for path in keys:
        if path not in on_board:
            raise DeskError(f"The board has no {path}, which its configuration names.", hint)
        if path not in equal:
            raise DeskError(f"The board has another {path}.", hint)


def _contents(remote, on_board, path):
    """Contents of a file on the board, bytes; b"" if there is none."""
    return remote.read(path) if path in on_board else b""


def _wanted(remote, on_board, files):
    """dict of module name -> path, of the modules that the configuration of the node wants."""
    if CONFIG not in files and CONFIG not in on_board:
        raise DeskError(f"The board has no {CONFIG}, which the node reads.", "--config copies one")
    settings = device_code.parse(files.get(CONFIG) or _contents(remote, on_board, CONFIG))
    return {name: f"{name.replace('.', '/')}.mpy" for name in sorted(configured_modules(settings))}


def _check_space(about, lengths, folders):
    needed = plan.space_needed(lengths, folders, about["block_len"])
    if needed > about["flash_free"]:
        message = f"The new version needs {needed:,} bytes of flash; {about['flash_free']:,} are free."
        raise DeskError(
            message, "remove files with `mpremote rm`, or build with --config for what it needs alone"
        )
