# Files that survive power loss.
import json
import os

_NOTES_LEN = 8192  # two tracebacks (limits.ERROR_LEN) fit


# The bytes of a file of at most max_len bytes. OSError if it cannot be read or is longer.
def read(name, max_len):
    if os.stat(name)[6] > max_len:
        raise OSError(27)  # EFBIG
    with open(name, "rb") as f:
        return f.read()


class Notes:
    """A few numbers and texts kept over a restart, in one JSON file.

    It is written beside, then renamed over, which is atomic on littlefs.
    """

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


class Folder:
    """Files of one kind, by name. open() and remove() raise OSError if the file system refuses."""

    def __init__(self, path):
        self._path = path

    # What is there. Nothing, if the folder can be neither made nor read: the first write will tell.
    def names(self):
        self._make()
        try:
            return os.listdir(self._path)
        except OSError:
            return []

    def _make(self):
        try:
            os.mkdir(self._path)
        except OSError:  # it is there, or the file system is not
            pass

    # mode: "rb", "ab" or "wb". What was written is on flash once the file was closed without an error.
    def open(self, name, mode):
        path = self._path + "/" + name
        try:
            return open(path, mode)
        except OSError:
            if mode != "wb":
                raise
            self._make()  # flash may have been full at the start
            return open(path, mode)

    def remove(self, name):
        os.remove(self._path + "/" + name)
