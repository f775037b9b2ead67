"""Settings of a dialect, a dataclass of its own: made from what was given, checked, described."""

import inspect
import math
from dataclasses import fields, is_dataclass

from ..errors import DeskError
from .packets import REFUSALS

_WORDS = {"true": True, "false": False}
KINDS = {
    str: "a text",
    bool: "true or false",
    int: "a whole number, 0 or more",
    float: "a number, 0 or more",
}


def make(dialect, given):
    """The settings of a dialect.

    Args:
        dialect: subclass of Dialect.
        given: dict of name -> value, of the type of its default.

    Raises:
        DeskError: a name is unknown, or a value is of another type or not allowed.
    """
    for name, value in given.items():
        check_kind(name, value, _kind(dialect, name))
    return dialect.Settings(**given)


def parsed(dialect, name, text):
    """The value of a setting that was given as text, as in `--set plan=dedicated`. Errors as above."""
    kind = _kind(dialect, name)
    try:
        return _WORDS[text] if kind is bool else kind(text)
    except (KeyError, ValueError) as error:
        raise DeskError(f"{name} is {text!r}; expected {KINDS[kind]}.") from error


def described(dialect):
    """What can be set, as text: a line for each name and its default as `--set` takes it, then meanings."""
    kinds = reversed([kind for kind in dialect.Settings.__mro__ if is_dataclass(kind)])
    defaults = [f"{field.name}={_text(field.default)}" for field in fields(dialect.Settings)]
    return "\n".join([*defaults, *(f"\n{inspect.cleandoc(kind.__doc__)}" for kind in kinds)])


def _text(default):
    return str(default).lower() if isinstance(default, bool) else default


def _kind(dialect, name):
    """The type of a setting. Raises DeskError if there is none of that name."""
    defaults = {field.name: field.default for field in fields(dialect.Settings)}
    if name not in defaults:
        known = f"one of {', '.join(defaults)}" if defaults else "none"
        raise DeskError(f"setting {name!r} is unknown to the {dialect.name} dialect; expected {known}.")
    return type(defaults[name])


def check_kind(name, value, kind):
    """Raise DeskError unless a value is of a kind, one of KINDS."""
    is_kind = type(value) is kind or (kind is float and type(value) is int)
    if not is_kind or (kind in (int, float) and not 0 <= value < math.inf):
        raise DeskError(f"{name} is {value!r}; expected {KINDS[kind]}.")


def check_words(settings, words):
    """Raise DeskError unless each setting is one of its words. `words`: dict of name -> tuple."""
    for name, allowed in words.items():
        value = getattr(settings, name)
        if value not in allowed:
            raise DeskError(f"{name} is {value!r}; expected one of {', '.join(allowed)}.")


def check_codes(settings, *names):
    """Raise DeskError unless each of these settings is a CONNACK code that refuses."""
    for name in names:
        value = getattr(settings, name)
        if value not in REFUSALS:
            raise DeskError(f"{name} is {value!r}; expected a CONNACK code, 1 to 255.")
