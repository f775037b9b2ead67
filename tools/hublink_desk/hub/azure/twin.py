"""A device twin: what is desired of a device and what it reports, in JSON. Pure.

The limits are those of azure-docs, iot-hub-devguide-device-twins.md; sizes are counted as those of the JSON.
"""

import json
import re

_DEPTH_MAX = 10  # objects in objects
_KEY_MAX_LEN, _TEXT_MAX_LEN = 1024, 4096  # bytes of UTF-8
_KEY_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f.$ ]")
_INTEGERS = range(-(1 << 52), 1 << 52)


class BadPatch(ValueError):
    """A text cannot be merged into a twin."""


class Side:
    """One half of a twin.

    Attributes:
        values: dict.
        version: counts its patches, from 1.
    """

    def __init__(self):
        self.values, self.version = {}, 1

    def merge(self, patch, max_len):
        """Take in what `parse_patch` returned; a null deletes. Raises BadPatch if it gets too large."""
        merged = _merged(self.values, patch)
        length = len(encoded(merged))
        if length > max_len:
            raise BadPatch(f"the patch would make it {length} bytes; expected at most {max_len}")
        self.values = merged
        self.version += 1

    def document(self):
        return {**self.values, "$version": self.version}


class Twin:
    """
    Attributes:
        desired, reported: Side.
    """

    def __init__(self):
        self.desired, self.reported = Side(), Side()

    def document(self):
        """What a device gets that asks for it."""
        return {"desired": self.desired.document(), "reported": self.reported.document()}


def parse_patch(payload):
    """The dict in a patch, bytes. Raises BadPatch."""
    try:
        patch = json.loads(payload)
        encoded(patch)  # Python takes half a character and infinity for JSON, but cannot give them back
    except (ValueError, RecursionError) as error:
        raise BadPatch(f"the patch is not JSON: {error}") from error
    if not isinstance(patch, dict):
        raise BadPatch("the patch is no JSON object")
    _check(patch, _DEPTH_MAX)
    return patch


def encoded(document):
    """JSON, as short as it goes, bytes. Raises ValueError for what is none."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _merged(old, patch):
    merged = dict(old)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            before = merged.get(key)
            merged[key] = _merged(before if isinstance(before, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def _check(value, depth_left):
    if isinstance(value, dict):
        _demand(depth_left >= 0, f"is nested deeper than {_DEPTH_MAX} objects")
        for key, inner in value.items():
            is_good = key and len(key.encode()) <= _KEY_MAX_LEN and not _KEY_FORBIDDEN.search(key)
            _demand(is_good, f"has the key {key!r}; expected one without control character, dot, $ and space")
            _check(inner, depth_left - 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth_left)
    elif isinstance(value, str):
        length = len(value.encode())
        _demand(length <= _TEXT_MAX_LEN, f"has a text of {length} bytes; expected at most {_TEXT_MAX_LEN}")
    elif isinstance(value, int):
        _demand(value in _INTEGERS, f"has the number {value}; expected at most 52 bits and a sign")


def _demand(is_so, problem):
    if not is_so:
        raise BadPatch(f"the patch {problem}")
