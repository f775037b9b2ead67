"""What the board folders say, read without running them: they are written for the device."""

import ast
from dataclasses import dataclass
from pathlib import Path

from . import paths
from .errors import DeskError


@dataclass(frozen=True)
class Board:
    """A board, from its folder below `boards/`.

    Attributes:
        name: its upstream name, as in "RPI_PICO_W".
        needs_wifi: True unless it is the desk.
        has_umqtt: its stock image has umqtt.simple frozen.
        modules: dict of module name -> Path of its source: `board`, and that of its chip.
    """

    name: str
    needs_wifi: bool
    has_umqtt: bool
    modules: dict

    @property
    def platform(self):
        """What its MicroPython has as sys.platform."""
        chips = [name.removeprefix("chip_") for name in self.modules if name.startswith("chip_")]
        return chips[0] if chips else "linux"


def names():
    """Names of all boards, sorted."""
    return sorted(path.parent.name for path in paths.BOARDS.glob("*/board.py"))


def find(name):
    """The Board of that name.

    Raises:
        DeskError: there is none.
    """
    folder = paths.BOARDS / name
    if name not in names():
        raise DeskError(f"Board {name!r}: one of {', '.join(names())} is expected.")
    source = folder / "board.py"
    chips = [paths.BOARDS / f"{chip}.py" for chip in _chips(source)]
    constants = {}
    for path in [*chips, source]:
        constants |= _constants(path)
    return Board(
        name,
        needs_wifi=constants["NEEDS_WIFI"],
        has_umqtt=not _adds_umqtt(folder / "manifest.py"),
        modules={path.stem: path for path in [source, *chips]},
    )


def _tree(path):
    return ast.parse(Path(path).read_text("utf-8"), str(path))


def _chips(source):
    """The modules of chips that a board starts from: it takes all of theirs."""
    imports = [node for node in _tree(source).body if isinstance(node, ast.ImportFrom)]
    return [node.module for node in imports if node.names[0].name == "*"]


def _constants(source):
    found = {}
    for node in _tree(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found[node.targets[0].id] = node.value.value
    return found


def _adds_umqtt(manifest):
    """A manifest names umqtt.simple where upstream's own set, which it includes, lacks it."""
    texts = [node.value for node in ast.walk(_tree(manifest)) if isinstance(node, ast.Constant)]
    return any("umqtt" in text for text in texts if isinstance(text, str))
