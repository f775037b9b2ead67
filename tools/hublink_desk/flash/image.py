"""A firmware file, and the board it is meant for."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import DeskError
from . import esp_image, uf2
from .targets import TARGETS, Esp, Pico

_MAX_LEN = 32 << 20  # the largest flash of these boards, twice: a UF2 is twice as long as what it holds


@dataclass(frozen=True)
class Image:
    """A file, read.

    Attributes:
        name: of the file, for people.
        data: bytes.
        board: name of the board it is for.
        target: Esp or Pico of that board.
    """

    name: str
    data: bytes
    board: str
    target: Esp | Pico

    def unfit(self, text):
        """DeskError for a file that is not to be put onto the board. text: what follows its name."""
        suffix = ".bin" if isinstance(self.target, Esp) else ".uf2"
        hint = f"take the newest {suffix} from micropython.org/download/{self.board}"
        return DeskError(f"{self.name} {text}.", hint)

    def check(self):
        """Raise DeskError unless the file is whole and fits the board."""
        (esp_image if isinstance(self.target, Esp) else uf2).check(self)


def read(path, board):
    """The checked Image of a file.

    Args:
        path: Path of the file.
        board: name of one of TARGETS.

    Raises:
        DeskError: it cannot be read, or is not for this board.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_LEN)
    except OSError as error:
        raise DeskError(f"{path} cannot be read ({error.strerror}); expected MicroPython's image.") from error
    image = Image(path.name, data, board, TARGETS[board])
    image.check()
    return image
