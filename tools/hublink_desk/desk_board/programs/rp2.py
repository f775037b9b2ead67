# `rp2` of the board on the desk: the flash, in the file that HUBLINK_FLASH names. A block device for
# vfs.VfsLfs2 that refuses what no chip can do.
import os

BLOCK_LEN = 4096
PAGE_LEN = 256

_ERASED = b"\xff" * BLOCK_LEN

_file = open(os.getenv("HUBLINK_FLASH"), "r+b")
_blocks = _file.seek(0, 2) // BLOCK_LEN


class Flash:
    def readblocks(self, n, buf, at):
        _file.seek(n * BLOCK_LEN + at)
        _file.readinto(buf)

    def writeblocks(self, n, buf, at):
        before = bytearray(len(buf))
        self.readblocks(n, before, at)
        if at % PAGE_LEN or len(buf) % PAGE_LEN or before != _ERASED[: len(buf)]:
            raise ValueError("block %d, byte %d: programmed without an erase" % (n, at))
        self._write(n, buf, at)

    def ioctl(self, request, n):
        if request == 4:
            return _blocks
        if request == 5:
            return BLOCK_LEN
        if request == 6:
            self._write(n, _ERASED, 0)
        return 0

    def _write(self, n, buf, at):
        _file.seek(n * BLOCK_LEN + at)
        _file.write(buf)
