"""The configuration of a device, put together from a template and from what was said on the command line."""

import json

from .. import device_code
from ..errors import DeskError


def template(path):
    """The configuration in a file to start from, a dict. Raises DeskError."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise DeskError(f"{path} cannot be read ({error.strerror}); expected a configuration.") from error
    except (ValueError, RecursionError) as error:
        raise DeskError(f"{path} is not JSON: {error}.") from error
    if not _has_sections(found):
        raise DeskError(f"{path} is no configuration; expected an object of sections, wifi.networks a list.")
    return found


def _has_sections(found):
    """Are the parts that `hublink device add` adds to of their types? All else is the checker's to judge."""
    if not isinstance(found, dict):
        return False
    hub, wifi = found.get("hub", {}), found.get("wifi", {})
    return isinstance(hub, dict) and isinstance(wifi, dict) and isinstance(wifi.get("networks", []), list)


def hub_section(hub_type, host, port, given, start):
    """The section "hub".

    Args:
        hub_type: one of the firmware's.
        host, port: where it is, or None.
        given: list of texts "NAME=VALUE".
        start: section of a template, a dict.

    Raises:
        DeskError: a setting has no value.
    """
    kinds = device_code.hub_fields(hub_type)
    section = {**start, "type": hub_type}
    section |= {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise DeskError(f"--set {text}: expected NAME=VALUE, as in plan=dedicated.")
        section[name] = _value(kinds.get(name, "number"), value)
    return section


def _value(kind, text):
    """Texts are themselves; numbers and flags are JSON, or a text for the checker to complain about."""
    if kind in ("number", "flag"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    return text


def check(config, board):
    """The configuration as the device takes it, with defaults.

    Args:
        config: dict.
        board: Board it is for.

    Raises:
        Refused: the device would not take it.
    """
    settings = device_code.parse(device_code.dump(config))
    if board.needs_wifi and not settings["wifi"]["networks"]:
        raise DeskError(
            f"Board {board.name} needs Wi-Fi, and wifi.networks is empty.",
            "name a network with --wifi, or a template that has one with --template",
        )
    return settings
