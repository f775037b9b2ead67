"""The device's files as littlefs keeps them, and power that may fail in the middle of any change.

What is written is there once the file was closed. If power fails before, a file is as it was, but for two
things in which this is harsher than littlefs (platform-facts 5.2): of what was appended to a file a part may
be there, and a new file with a part of its content, or none.
"""

import os

from .clock import EndOfRun, WorldError


class Flash:
    """Files below the working directory.

    Attributes:
        changes: how many were begun so far: files written, renamed and removed; writes: of files alone.
    """

    def __init__(self, clock, erase_ms, chance):
        self.changes = self.writes = 0
        self._clock = clock
        self._erase_ms = erase_ms
        self._chance = chance
        self._cut_every = self._left = 0

    def cut_every(self, changes):
        """From now on power fails in the middle of every so manieth change; 0: of none."""
        self._cut_every = self._left = changes

    def open(self, name, mode):
        """The built-in open(), for names of the device's. OSError as the host has it."""
        if mode[0] == "r":
            return open(name, mode, encoding=None if "b" in mode else "utf-8")
        is_new = not os.path.exists(name)
        with open(name, "ab"):
            pass
        return _Written(self, name, mode, is_new)

    def change(self, make, make_a_part=None):
        """Makes a change: make(). Where power fails, all or nothing of it, or make_a_part()."""
        self.changes += 1
        try:
            self._clock.busy("flash", self._erase_ms)
            self._count_down()
        except EndOfRun:
            self._chance.choice((make, make_a_part or make, lambda: None))()
            raise
        make()

    def part_of(self, data):
        """The first bytes of data, by chance how many."""
        return data[: self._chance.randrange(len(data) + 1)]

    def _count_down(self):
        if self._cut_every:
            self._left -= 1
            if not self._left:
                self._left = self._cut_every
                raise EndOfRun("power")


class _Written:
    # A file that is open for writing. What is written changes nothing before close().
    def __init__(self, flash, name, mode, is_new):
        if mode[0] not in "wa" or "+" in mode:
            raise WorldError(f"open({name!r}, {mode!r}): no such mode is simulated")
        self._flash = flash
        self._name = name
        self._appends = mode[0] == "a"
        self._may_tear = self._appends or is_new
        self._data = b""

    def write(self, data):
        self._data += data.encode() if isinstance(data, str) else bytes(data)
        return len(data)

    def close(self):
        self._flash.writes += 1
        data = self._data
        tear = (lambda: self._store(self._flash.part_of(data))) if self._may_tear else None
        self._flash.change(lambda: self._store(data), tear)

    def _store(self, data):
        with open(self._name, "ab" if self._appends else "wb") as file:
            file.write(data)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None or issubclass(kind, Exception):  # else there is no power to write with
            self.close()
