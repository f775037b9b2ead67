"""Tables of a devices file, TOML or JSON: checked key by key, and complaints that say where."""

from ..errors import DeskError


def check(table, kinds, required=()):
    """Raise DeskError unless every key of `table` is in `kinds`, its value of that kind, and none is missing.

    Args:
        table: dict.
        kinds: dict of key -> (type, what is expected, in words).
        required: keys that must be there.
    """
    for key, value in table.items():
        if key not in kinds:
            raise DeskError(f"{key} = {value!r} is unknown; expected {', '.join(kinds)}.")
        kind, expected = kinds[key]
        if not isinstance(value, kind):
            raise DeskError(f"{key} is {value!r}; expected {expected}.")
    for key in required:
        if key not in table:
            raise DeskError(f"{key} is missing; expected {kinds[key][1]}.")


def within(place, make):
    """What `make` returns; its complaint, if any, with the place put before it."""
    try:
        return make()
    except DeskError as error:
        raise DeskError(f"{place}: {error.message}") from error


def check_unique(devices, known, keys):
    """Raise DeskError if two of `devices`, or one and one of `known`, share the value of one of `keys`."""
    for key in keys:
        seen = {getattr(device, key) for device in known}
        for device in devices:
            value = getattr(device, key)
            if value in seen:
                raise DeskError(f"two devices have the {key} {value!r}; expected each to have its own.")
            seen.add(value)
