"""What is asked of a board."""

import contextlib
from dataclasses import dataclass, field

from ..deploy.payload import MANIFEST, json_object, named_files, read_manifest
from ..deploy.remote import Raised
from ..fleet.home import CONFIG

NOTES = "hublink.notes"


@dataclass
class Examined:
    """What a board has told.

    Attributes:
        mode: True in maintenance mode, False outside, None where there is no such mode.
        health, about: what programs/health.py says of the running board, and programs/about.py.
        hublink: version of the firmware; "" if there is none.
        config: bytes of the configuration; None if there is none.
        certificates: dict of file name -> bytes, or None for those that are missing.
        keys: dict of file name -> True if it is there.
        notes: what the node keeps over a restart, a dict.
        deployed: dict of path -> hash, of what `hublink deploy` has put there.
        changed: those paths of it that are missing, or not as they were.
        image: names of the modules in the image.
    """

    mode: bool
    health: dict
    about: dict = field(default_factory=dict)
    hublink: str = ""
    config: bytes = None
    certificates: dict = field(default_factory=dict)
    keys: dict = field(default_factory=dict)
    notes: dict = field(default_factory=dict)
    deployed: dict = field(default_factory=dict)
    changed: list = field(default_factory=list)
    image: list = field(default_factory=list)


def examine(remote):
    """Ask a board everything.

    A node is stopped for it: first what only the running one knows, the rest in maintenance mode, because its
    watchdog would not wait. In the end it is started again, unless it was in maintenance mode before.

    Args:
        remote: Remote.

    Returns:
        Examined.
    """
    remote.stop()
    found = Examined(remote.run("mode"), remote.run("health"))
    if found.mode is False:
        remote.restart("enter")
        remote.stop()
    try:
        _read(remote, found)
    finally:
        if found.mode:
            remote.leave()
        else:
            remote.try_to_leave()
    return found


def _read(remote, found):
    found.about = remote.run("about")
    files = found.about["files"]
    with contextlib.suppress(Raised):
        found.hublink = remote.execute("import hublink\nprint(hublink.VERSION)").strip()
    found.image = remote.output("modules").split()
    if NOTES in files:
        found.notes = json_object(remote.read(NOTES))
    if MANIFEST in files:
        found.deployed = read_manifest(remote.read(MANIFEST))
        there = remote.hashes([path for path in found.deployed if path in files])
        found.changed = [path for path, each in found.deployed.items() if there.get(path) != each]
    if CONFIG in files:
        found.config = remote.read(CONFIG)
        certificates, keys = named_files(json_object(found.config))
        found.certificates = {name: remote.read(name) if name in files else None for name in certificates}
        found.keys = {name: name in files for name in keys}
