"""`os`: the device's calls on the host's files, with tuples and errors as the device gives them."""

import os
import platform
from functools import wraps

_TYPE_MASK = 0o170000


class Os:
    def __init__(self, world):
        self._world = world
        for name in ("listdir", "mkdir", "remove", "rmdir", "getcwd", "chdir"):
            setattr(self, name, self._plain(getattr(os, name)))
        # Replaces the target, as littlefs does.
        self.rename = self._plain(os.replace)
        self.stat = self._plain(_stat)
        self.statvfs = self._plain(_statvfs)
        self.ilistdir = self._plain(_ilistdir)
        self.urandom = os.urandom
        self.getenv = os.getenv

    def _plain(self, function):
        @wraps(function)
        def call(*args):
            try:
                return function(*args)
            except OSError as exc:
                raise self._world.error(exc) from None

        return call

    def uname(self):
        release = "1.25.0"
        return (self._world.port, self._world.board, release, f"v{release}", platform.machine())

    @staticmethod
    def sync():
        pass


def _stat(path):
    return tuple(os.stat(path))


# Block size and counts as the device orders them; the last is the longest name.
def _statvfs(path):
    found = os.statvfs(path)
    names = "bsize frsize blocks bfree bavail files ffree favail flag namemax".split()
    return tuple(getattr(found, "f_" + name) for name in names)


# (name, type, inode): type 0x4000 is a folder, 0x8000 a file. Boards add a size, the unix port does not.
def _ilistdir(path="."):
    with os.scandir(path) as entries:
        found = [(e.name, e.stat(follow_symlinks=False)) for e in entries]
    return iter([(name, stat.st_mode & _TYPE_MASK, stat.st_ino) for name, stat in found])
