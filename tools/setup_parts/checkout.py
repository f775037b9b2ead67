"""Where set-up puts things in a checkout, and what it remembers there.

What is remembered is two small JSON files: `stamps.json`, what each step was made of, and `missing.json`,
what this machine cannot have and why. Both are replaced whole: a set-up that is killed leaves them readable.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple


class Checkout(NamedTuple):
    root: Path

    @property
    def venv(self):
        return self.root / ".venv"

    @property
    def python(self):
        return self.venv / "bin" / "python"

    @property
    def lock(self):
        return self.root / "tools" / "requirements.lock"

    @property
    def deps(self):
        return self.root / ".deps"

    @property
    def bin(self):
        return self.deps / "bin"

    @property
    def programs(self):
        return self.deps / "programs"

    @property
    def lib(self):
        return self.deps / "lib"

    @property
    def part(self):
        """What is being made; emptied before and after each step."""
        return self.deps / "part"

    def stamps(self):
        return _read(self.deps / "stamps.json")

    def stamp(self, name, value):
        _change(self.deps / "stamps.json", name, value)

    def missing(self):
        return _read(self.deps / "missing.json")

    def record_missing(self, name, reason):
        """Remembers why a program is not here; an empty reason forgets it."""
        _change(self.deps / "missing.json", name, reason)


def digest(*parts):
    """A short name for what something is made of."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _read(path):
    return json.loads(path.read_text()) if path.is_file() else {}


def _change(path, name, value):
    kept = {key: old for key, old in _read(path).items() if key != name}
    new = path.with_suffix(".new")
    new.write_text(json.dumps({**kept, name: value} if value else kept, indent=1) + "\n")
    os.replace(new, path)
