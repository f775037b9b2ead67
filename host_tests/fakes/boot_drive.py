"""The drive of a Pico's boot ROM: a folder with a pipe in it, behind which the ROM takes blocks of UF2."""

import os
import struct
import threading
from types import SimpleNamespace

_HEAD = struct.Struct("<8I")
_BLOCK_LEN, _PAGE_LEN = 512, 256
_BEGIN, _END = (0x0A324655, 0x9E5D5157), 0x0AB16F30
_BOARDS = {"RPI-RP2": ("RP2", (0xE48BFF56,)), "RP2350": ("RP2350", (0xE48BFF59, 0xE48BFF5A))}


class BootDrive:
    """A board in its bootloader; a context manager.

    Args:
        folder: Path of an empty folder, its drive.
        board_id: "RPI-RP2" or "RP2350".
        file_name: under which the image will be copied.
        leaves_after: how many blocks it takes at most before it is pulled out; None for all.
        stays: it does not restart although it has all blocks.

    Attributes:
        flash: dict of address -> the 256 bytes written there.
        partition: what psutil tells of the drive.
    """

    def __init__(self, folder, board_id, file_name="firmware.uf2", leaves_after=None, stays=False):
        self.flash = {}
        self.partition = SimpleNamespace(device="", mountpoint=str(folder))
        self._families = _BOARDS[board_id][1]
        self._info = folder / "INFO_UF2.TXT"
        self._file = folder / file_name
        self._leaves_after, self._stays = leaves_after, stays
        self._count = None  # of blocks, once it is known
        self._is_open = threading.Event()
        model = f"UF2 Bootloader v1.0\r\nModel: Raspberry Pi {_BOARDS[board_id][0]}\r\n"
        self._info.write_text(model + f"Board-ID: {board_id}\r\n", newline="")
        os.mkfifo(self._file)

    def __enter__(self):
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_):
        # A drive that nobody writes to waits for somebody to open the pipe, and then for the end.
        pipe = os.open(self._file, os.O_RDWR)
        self._is_open.wait()
        os.close(pipe)
        self._thread.join()

    def _serve(self):
        with open(self._file, "rb") as pipe:
            self._is_open.set()
            taken = 0
            while taken != self._leaves_after and not self._is_complete():
                block = pipe.read(_BLOCK_LEN)
                if len(block) < _BLOCK_LEN:
                    return
                self._take(block)
                taken += 1
            if self._stays:
                pipe.read()
            else:
                self._info.unlink()

    def _is_complete(self):
        return self._count is not None and len(self.flash) == self._count

    def _take(self, block):
        *begin, _, address, length, _, count, family = _HEAD.unpack_from(block)
        is_block = tuple(begin) == _BEGIN and struct.unpack_from("<I", block, _BLOCK_LEN - 4)[0] == _END
        if is_block and family in self._families and length == _PAGE_LEN:
            self.flash[address] = block[_HEAD.size : _HEAD.size + length]
            self._count = count
