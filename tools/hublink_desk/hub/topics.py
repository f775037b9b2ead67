"""MQTT topics and filters (MQTT 3.1.1, section 4.7): what is well formed, what matches what.

Pure functions of strings. This file knows no device, no policy and no connection.
"""

from ..errors import DeskError

_TEXT_MAX_LEN = 65_535  # bytes of UTF-8, MQTT 3.1.1, 4.7.3


def is_topic(text):
    """True if a message may be published under `text`."""
    return _is_text(text) and not any(character in text for character in "+#")


def check_part(name, value):
    """Raise DeskError unless a message may be published under topics that have the value in them."""
    if not isinstance(value, str) or not is_topic(value):
        raise DeskError(f"{name} is {value!r}; expected a part of an MQTT topic, without wildcards.")


def is_filter(text):
    """True if `text` may be subscribed to: `+` alone in its level, `#` alone in the last one."""
    levels = text.split("/")
    well_placed = all(level == "+" or not any(c in level for c in "+#") for level in levels[:-1])
    last = levels[-1]
    return _is_text(text) and well_placed and (last in ("+", "#") or not any(c in last for c in "+#"))


def covers(wide, narrow):
    """True if the filter `wide` matches the topic `narrow`, or every topic that the filter `narrow` matches.

    It errs to False in one useless case: that `+/#` covers `#`.
    """
    return _same_world(wide, narrow) and _covers(wide.split("/"), narrow.split("/"))


def overlaps(one, other):
    """True if some topic is matched by both filters."""
    same_world = _same_world(one, other) and _same_world(other, one)
    return same_world and _overlaps(one.split("/"), other.split("/"))


def _is_text(text):
    return bool(text) and "\0" not in text and len(text.encode()) <= _TEXT_MAX_LEN


def _same_world(pattern, topic):
    """A leading wildcard does not reach into topics that start with `$` (MQTT 3.1.1, 4.7.2)."""
    return not (topic.startswith("$") and pattern.startswith(("+", "#")))


def _covers(wide, narrow):
    for wide_level, narrow_level in zip(wide, narrow, strict=False):
        if wide_level == "#":
            return True
        if narrow_level == "#" or wide_level not in ("+", narrow_level):
            return False
    # `#` also covers its parent level: `a/#` matches `a`.
    return len(wide) == len(narrow) or wide[len(narrow) :] == ["#"]


def _overlaps(one, other):
    for level, other_level in zip(one, other, strict=False):
        if "#" in (level, other_level):
            return True
        if level != other_level and "+" not in (level, other_level):
            return False
    rest = one[len(other) :] or other[len(one) :]
    return rest in ([], ["#"])
