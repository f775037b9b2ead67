"""Property bags, as topics end with them: `key=value&key=&key`, url-encoded (hub-dialects 5.2). Pure."""

import re
from urllib.parse import quote, unquote_to_bytes

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class BadBag(ValueError):
    """A text is no property bag."""


def parse(text):
    """dict of the properties in a bag: `key=value` -> "value", `key=` -> "", `key` -> None.

    Raises:
        BadBag: a key is empty, an escape is not finished, or something is not UTF-8.
    """
    return dict(_pair(part) for part in text.split("&")) if text else {}


def form(properties):
    """The bag of a dict of properties."""
    return "&".join(
        encoded(key) if value is None else f"{encoded(key)}={encoded(value)}"
        for key, value in properties.items()
    )


def encoded(text):
    """`text` with everything escaped that is neither letter, digit nor one of `_.-~`."""
    return quote(text, safe="")


def _pair(part):
    key, equals, value = part.partition("=")
    if not key:
        raise BadBag(f"property {part!r} has no key")
    return decoded(key), decoded(value) if equals else None


def decoded(text):
    """`text` without its escapes. Raises BadBag."""
    if _BAD_ESCAPE.search(text):
        raise BadBag(f"{text!r} has an escape that is no two hexadecimal digits")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError as error:
        raise BadBag(f"{text!r} is not UTF-8") from error
