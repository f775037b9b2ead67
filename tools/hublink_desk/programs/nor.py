# A NOR flash in memory, as littlefs sees one: it counts what is done to it and refuses what a chip cannot do.
# It runs wherever hublink runs; on MicroPython it is a block device for vfs.VfsLfs2.
BLOCK_LEN = 4096

_ERASED = b"\xff" * BLOCK_LEN


class Nor:
    """blocks blocks of 4,096 bytes, all erased; pages of page_len bytes are programmed at a time."""

    def __init__(self, blocks, page_len):
        self.blocks = [bytearray(_ERASED) for _ in range(blocks)]
        self.page_len = page_len
        self.erases = self.pages = self.reads = self.read_len = 0
        self.on_read = None  # f(), before each read

    def counts(self):
        return self.erases, self.pages * self.page_len, self.reads, self.read_len

    # A page gets the bytes of data, which are as many or fewer if power fails.
    def program(self, n, at, data):
        block = self.blocks[n]
        if block[at : at + len(data)] != _ERASED[: len(data)]:
            raise ValueError("block %d, byte %d: programmed without an erase" % (n, at))
        block[at : at + len(data)] = data
        self.pages += 1

    def erase(self, n):
        self.blocks[n][:] = _ERASED
        self.erases += 1

    # -- what vfs.VfsLfs2 calls --------------------------------------------------------------

    def readblocks(self, n, buf, at):
        if self.on_read:
            self.on_read()
        self.reads += 1
        self.read_len += len(buf)
        buf[:] = memoryview(self.blocks[n])[at : at + len(buf)]

    def writeblocks(self, n, buf, at):
        data = memoryview(buf)
        for i in range(0, len(data), self.page_len):
            self.program(n, at + i, data[i : i + self.page_len])

    def ioctl(self, request, n):
        if request == 4:
            return len(self.blocks)
        if request == 5:
            return BLOCK_LEN
        if request == 6:
            self.erase(n)
        return 0
