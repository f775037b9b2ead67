"""The devices file of `hublink hub`: TOML to `Device` values, or one sentence about what is wrong.

    [[device]]
    id = "6f1c3b52-8f0e-4a43-9d0c-1f6f0f1d2a77"
    name = "sensor-1"
    allow_insecure = false           # default
    enabled = true                   # default
    certificate = "sensor-1.pem"     # default: none; relative to this file
    [device.publish]                 # default: everything passes
    policy = "accept"
    topics = ["sensors/{{ device.name }}/#"]
    [device.subscribe]
    policy = "reject"
    topics = ["secret/#"]
"""

from pathlib import Path

from ..errors import DeskError
from .devices import Device, Filter, check_unique

try:
    import tomllib
except ImportError:  # CPython 3.10
    import tomli as tomllib

_KINDS = {
    "id": (str, "a text"),
    "name": (str, "a text"),
    "allow_insecure": (bool, "true or false"),
    "enabled": (bool, "true or false"),
    "certificate": (str, "the name of a certificate file"),
    "publish": (dict, "a table with policy and topics"),
    "subscribe": (dict, "a table with policy and topics"),
}
_FILTER_KINDS = {"policy": (str, '"accept" or "reject"'), "topics": (list, "a list of MQTT topic filters")}


def read(path):
    """The devices in a devices file.

    Args:
        path: Path of the TOML file.

    Returns:
        list of Device, in the file's order.

    Raises:
        DeskError: names the file, the table, the key, the value and what was expected.
    """
    tables = _tables(path)
    devices = [_device(path, f"device {number}", table) for number, table in enumerate(tables, 1)]
    _within(path, "all devices", lambda: check_unique(devices))
    return devices


def _tables(path):
    try:
        document = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise DeskError(f"{path}: cannot be read ({error.strerror}); expected a devices file.") from error
    except ValueError as error:
        raise DeskError(f"{path}: is not TOML: {error}.") from error
    _check_keys(path, "the file", document, {"device": (list, "[[device]] tables")})
    tables = document.get("device", [])
    if not all(isinstance(table, dict) for table in tables):
        raise DeskError(f"{path}: the file: device is {tables!r}; expected [[device]] tables.")
    return tables


def _device(path, where, table):
    if isinstance(table.get("name"), str):
        where = f'{where} ("{table["name"]}")'
    _check_keys(path, where, table, _KINDS)
    values = dict(table)
    for key in ("id", "name"):
        if key not in values:
            raise DeskError(f"{path}: {where}: {key} is missing; expected a text.")
    for key in ("publish", "subscribe"):
        if key in values:
            values[key] = _filter(path, f"{where}, {key}", values[key])
    if "certificate" in values:
        values["certificate"] = Path(path).parent / values["certificate"]
    return _within(path, where, lambda: Device(**values))


def _filter(path, where, table):
    _check_keys(path, where, table, _FILTER_KINDS)
    return _within(path, where, lambda: Filter(**table))


def _check_keys(path, where, table, kinds):
    for key, value in table.items():
        if key not in kinds:
            raise DeskError(f"{path}: {where}: {key} = {value!r} is unknown; expected {', '.join(kinds)}.")
        kind, expected = kinds[key]
        if not isinstance(value, kind):
            raise DeskError(f"{path}: {where}: {key} is {value!r}; expected {expected}.")


def _within(path, where, make):
    """What `make` returns; its complaint, if any, with the place in the file put before it."""
    try:
        return make()
    except DeskError as error:
        raise DeskError(f"{path}: {where}: {error.message}") from error
