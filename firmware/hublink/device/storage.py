# Small files that survive power loss: written beside, then renamed over (atomic on littlefs).
import json
import os

_NOTES_LEN = 2048


# The bytes of a file of at most max_len bytes. OSError if it cannot be read or is longer.
def read(name, max_len):
    if os.stat(name)[6] > max_len:
        raise OSError(27)  # EFBIG
    with open(name, "rb") as f:
        return f.read()


class Notes:
    """A few numbers and texts kept over a restart, in one JSON file."""

    def __init__(self, name):
        self._name = name
        try:
            self.values = json.loads(read(name, _NOTES_LEN))
        except (OSError, ValueError):  # not there yet, or damaged
            self.values = None
        if not isinstance(self.values, dict):
            self.values = {}

    # Stores the values given. False if the file system refused; then the old file is as it was.
    def save(self, **values):
        self.values.update(values)
        beside = self._name + ".tmp"
        try:
            with open(beside, "w") as f:
                json.dump(self.values, f)
            os.rename(beside, self._name)
        except OSError:
            return False
        return True
