"""SerialBoard: the process, its flash, and its serial port."""

from pathlib import Path

from ..run import DeskBoard
from .port import Port

FLASH_LEN = 868_352  # a Pico W's: 212 blocks
_SCRATCH_LEN = 32  # watchdog scratch registers: eight words
_PROGRAMS = Path(__file__).parent / "programs"


class SerialBoard(DeskBoard):
    """A DeskBoard with a flash and a serial port; it is switched on and off, and heard, as one.

    The port is there while the board is, and goes and comes at each reset, as a Pico's USB does.

    Args:
        folder: Path of the folder for its flash and its port; made if it is not there. A flash that is there
            already is used as it is.
        interpreter: `micropython` or `micropython32`.
        heap: of MicroPython, in bytes. The 64-bit one needs about twice as much as a board.

    Attributes:
        port: path of the serial port, str.
        flash: Path of the file with the contents of the flash.
    """

    def __init__(self, folder, interpreter="micropython", heap="1m"):
        folder = Path(folder).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        self.flash = folder / "flash.bin"
        if not self.flash.exists():
            self.flash.write_bytes(b"\xff" * FLASH_LEN)
        self._scratch = folder / "scratch.bin"
        self.port = str(folder / "port")
        env = {
            "MICROPYPATH": f"{_PROGRAMS}:.frozen",
            "HUBLINK_FLASH": str(self.flash),
            "HUBLINK_SCRATCH": str(self._scratch),
        }
        super().__init__(self.flash, interpreter, heap, env=env, script=_PROGRAMS / "rom.py")

    def start(self, cause="power_on"):
        if cause == "power_on":
            self._scratch.write_bytes(bytes(_SCRATCH_LEN))
        super().start(cause)

    def _life(self, cause, path, fifo):
        with Port(self.port) as self._serial:
            return super()._life(cause, path, fifo)

    def _spawn(self, cause, watchdog_path):
        process = super()._spawn(cause, watchdog_path)
        self._serial.serve(process)
        return process

    def _stdin(self):
        return self._serial.stdin

    def _printed(self, data):
        self._serial.write(data)
