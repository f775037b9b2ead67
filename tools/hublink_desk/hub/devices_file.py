"""The devices file of `hublink hub`: TOML with a table [[device]] for each; what is in one is the dialect's.

The module of a dialect's Device shows an example.
"""

from pathlib import Path

from ..errors import DeskError
from . import tables

try:
    import tomllib
except ImportError:  # CPython 3.10
    import tomli as tomllib

_KINDS = {"device": (list, "[[device]] tables")}


def read(path, dialect):
    """The devices in a devices file.

    Args:
        path: Path of the TOML file.
        dialect: Dialect, or the class.

    Returns:
        list of the dialect's Device, in the file's order.

    Raises:
        DeskError: names the file, the table, the key, the value and what was expected.
    """
    return tables.within(path, lambda: devices(read_tables(path), Path(path).parent, dialect))


def read_tables(path):
    """The [[device]] tables in the file, unchecked but for being tables. Raises DeskError."""
    try:
        document = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise DeskError(f"cannot be read ({error.strerror}); expected a devices file.") from error
    except ValueError as error:
        raise DeskError(f"is not TOML: {error}.") from error
    return tables.within("the file", lambda: tables_in(document))


def tables_in(document):
    """The [[device]] tables of a document, a dict that should have nothing else. Raises DeskError."""
    tables.check(document, _KINDS)
    found = document.get("device", [])
    if not all(isinstance(table, dict) for table in found):
        raise DeskError(f"device is {found!r}; expected [[device]] tables.")
    return found


def devices(found, folder, dialect):
    """The devices that a list of tables describes; file names in them start from `folder`, a Path.

    Raises:
        DeskError: names the table, the key, the value and what was expected.
    """
    return [
        tables.within(_place(number, table), lambda table=table: dialect.device_from(table, folder))
        for number, table in enumerate(found, 1)
    ]


def _place(number, table):
    name = table.get("name", table.get("id"))
    return f'device {number} ("{name}")' if isinstance(name, str) else f"device {number}"
