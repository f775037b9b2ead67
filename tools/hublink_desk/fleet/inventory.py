"""The inventory: a TOML file with a table [[device]] for each device, which people may read and add to.

It names what no other file says. What a certificate says, its end above all, is read from the certificate,
so that the inventory cannot be wrong about it. Devices are added at the end; what is there stays as it is,
comments and keys of other people's included.
"""

import json
from dataclasses import asdict, dataclass

from ..errors import DeskError
from ..files import write

try:
    import tomllib
except ImportError:  # CPython 3.10
    import tomli as tomllib

_HEAD = """\
# The devices of this fleet. `hublink device add` adds tables at the end; to forget a device, take out its
# table and delete its folder. Further keys and comments are yours. Expiry: `hublink device list`.
"""


@dataclass(frozen=True)
class Entry:
    """A device of the inventory.

    Attributes:
        name: of the device.
        hub: type of its hub.
        board: upstream name of its board.
        folder: where its files are, seen from the inventory.
        added: date, as in "2026-11-21".
    """

    name: str
    hub: str
    board: str
    folder: str
    added: str


def read(path):
    """The entries of the inventory in file order; none if there is no file. Raises DeskError."""
    try:
        tables = tomllib.loads(path.read_text("utf-8")).get("device", [])
        return [_entry(path, number, table) for number, table in enumerate(tables, 1)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DeskError(f"{path} cannot be read ({error.strerror}).") from error
    except (ValueError, AttributeError, TypeError) as error:  # not TOML, not UTF-8, no tables
        raise DeskError(f"{path} is no inventory: {error}; expected TOML with [[device]] tables.") from error


def _entry(path, number, table):
    keys = list(Entry.__dataclass_fields__)
    for key in keys:
        if not isinstance(table.get(key), str):
            shown = "is missing" if key not in table else f"is {table[key]!r}"
            raise DeskError(f"{path}: {key} of device {number} {shown}; expected a text.")
    return Entry(*(table[key] for key in keys))


def append(path, entry):
    """Add an entry to the inventory. Raises DeskError if it cannot be written; then nothing has changed."""
    before = path.read_bytes() if path.exists() else _HEAD.encode()
    lines = [f"{key} = {_basic_string(value)}\n" for key, value in asdict(entry).items()]
    write(path, before.rstrip() + ("\n\n[[device]]\n" + "".join(lines)).encode())


def _basic_string(text):
    """A text in TOML. JSON writes it in the same way, but for one character that it need not escape."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
