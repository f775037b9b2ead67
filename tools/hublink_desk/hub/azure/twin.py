"""A device twin (hub-dialects 5.2): what is desired of a device and what it reports, in JSON. Pure."""

import json

_KEY_FORBIDDEN = set(".$ #")


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

    def merge(self, patch):
        """Take in a patch that `parse_patch` returned. A null deletes."""
        self.values = _merged(self.values, patch)
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


def parse_patch(payload, max_len, depth_max):
    """The dict in a patch, bytes. Raises BadPatch."""
    if len(payload) > max_len:
        raise BadPatch(f"the patch has {len(payload)} bytes; expected at most {max_len}")
    try:
        patch = json.loads(payload, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadPatch(f"the patch is not JSON: {error}") from error
    if not isinstance(patch, dict):
        raise BadPatch("the patch is no JSON object")
    _check(patch, depth_max)
    return patch


def encoded(document):
    """JSON, as short as it goes, bytes."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


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
    if not isinstance(value, dict):
        return
    if not depth_left:
        raise BadPatch("the patch is nested too deep")
    for key, inner in value.items():
        if not key or _KEY_FORBIDDEN & set(key):
            raise BadPatch(f"the patch has the key {key!r}; expected one without dot, space, $ and #")
        _check(inner, depth_left - 1)


def _refuse_constant(name):
    raise ValueError(f"{name} is no JSON")
