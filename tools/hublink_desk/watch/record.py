"""A file of what was heard: a line of JSON for each message, and one for each time that listening began.

    {"at": 1795248000.25, "watching": {"hub": {"type": "generic", ...}, "names": {}}}
    {"at": 1795248001.5, "topic": "sensor-1/status", "text": "{\\"online\\":true}", "retained": false}
    {"at": 1795248002.0, "topic": "sensor-1/telemetry", "base64": "/w==", "retained": false}

`at` is the time of arrival, Unix seconds. A payload that is no UTF-8 is in base64.
"""

import base64
import contextlib
import json
import os
from typing import NamedTuple

import click

from .. import device_code
from ..errors import DeskError
from ..follow import Message

_SECRETS = ("user", "password")
_BLOCK_LEN = 65_536
_AT_MAX_S = 2**33


class Began(NamedTuple):
    """From now on it is listened. hub: section of the configuration; names: hub's ID of a device -> name."""

    hub: dict
    names: dict


class Recorder(contextlib.AbstractContextManager):
    """Appends to a file for the length of a `with` block; what it has taken is in the file.

    Raises:
        DeskError: the file cannot be written, now or later, or what is there is no record.
    """

    def __init__(self, path):
        self._path, self._has_written = path, False
        try:
            _check_is_record(path)
            self._file = path.open("ab")
        except OSError as error:
            raise self._failed(error) from error

    def write(self, at_s, entry):
        """Append a Message or a Began."""
        try:
            if not self._has_written:
                _cut_torn_line(self._path)
                self._has_written = True
            self._file.write(json.dumps({"at": at_s, **_fields(entry)}).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from error

    def __exit__(self, *_):
        with contextlib.suppress(OSError):  # as of a full disk, which was told
            self._file.close()

    def _failed(self, error):
        return DeskError(f"{self._path} cannot be written ({error.strerror}).")


def read(path):
    """Yield (at_s, Message or Began) of each line of a file. A last line without its end is left out.

    Raises:
        DeskError: the file cannot be read, or is no record.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    _tell_torn(path, f"the last line, {number}", "left out")
                    return
                yield _entry(path, number, line)
    except OSError as error:
        raise DeskError(f"{path} cannot be read ({error.strerror}); expected a record.") from error


def _fields(entry):
    if isinstance(entry, Began):
        hub = {key: value for key, value in entry.hub.items() if key not in _SECRETS}
        return {"watching": {"hub": hub, "names": entry.names}}
    try:
        payload = {"text": entry.payload.decode()}
    except UnicodeDecodeError:
        payload = {"base64": base64.b64encode(entry.payload).decode()}
    return {"topic": entry.topic, **payload, "retained": entry.retained}


def _entry(path, number, line):
    try:
        fields = json.loads(line)
        at_s = fields["at"]
        if not 0 <= at_s < _AT_MAX_S:
            raise ValueError(at_s)
        if "watching" in fields:
            names = fields["watching"]["names"]
            return at_s, Began(_checked(fields["watching"]["hub"]), {**names})
        text = fields.get("text")
        payload = base64.b64decode(fields["base64"], validate=True) if text is None else text.encode()
        fields["topic"].encode()
        return at_s, Message(fields["topic"], payload, bool(fields["retained"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, DeskError) as error:
        raise DeskError(f"{path}: line {number} is no record of `hublink watch`.") from error


def _checked(hub):
    """The section as a device would take it, with all defaults."""
    files = dict.fromkeys(("ca", *device_code.needed_credentials(hub)), "any")
    config = {"device": "any", "hub": hub, "tls": {**files, "ca": ["any"]}}
    return device_code.parse(device_code.dump(config))["hub"]


def _check_is_record(path):
    """Raise DeskError if there is a file that does not begin as one."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(0)
            _entry(path, 1, file.readline())


def _cut_torn_line(path):
    """A last line that was not finished, as when power failed, would spoil the next one."""
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        keep = end
        while keep:
            start = max(0, keep - _BLOCK_LEN)
            file.seek(start)
            found = file.read(keep - start).rfind(b"\n") + 1
            keep = start + found
            if found:
                break
        if keep < end:
            file.truncate(keep)
            _tell_torn(path, f"the last line, {end - keep} bytes", "cut off")


def _tell_torn(path, which, fate):
    click.echo(f"hublink: {path}: {which}, is torn and was {fate}", err=True)
