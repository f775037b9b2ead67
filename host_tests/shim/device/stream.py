"""The device's stream calls over two primitives, for plain sockets and TLS alike.

A subclass supplies `_read_some(n)` -> 1..n bytes, b"" at the end, None when nothing is there yet; and
`_write_some(view)` -> how many bytes were taken, None when none can be. Both raise OSError. A read that
fails part-way loses what it had, as on the device (py/stream.c): a timeout throws bytes away.
"""

_PIECE_LEN = 256


class Stream:
    def read(self, n=-1, /):
        got = bytearray()
        while n < 0 or len(got) < n:
            piece = self._read_some(_PIECE_LEN if n < 0 else n - len(got))
            if piece is None:
                return bytes(got) or None
            if not piece:
                break
            got += piece
        return bytes(got)

    def readinto(self, buf, n=-1, /):
        view = memoryview(buf).cast("B")
        got = self.read(len(view) if n < 0 else min(n, len(view)))
        if got is None:
            return None
        view[: len(got)] = got
        return len(got)

    # Byte by byte: what follows the line stays in the stream.
    def readline(self):
        line = bytearray()
        while not line.endswith(b"\n"):
            byte = self._read_some(1)
            if byte is None:
                return bytes(line) or None
            if not byte:
                break
            line += byte
        return bytes(line)

    # write(buf), write(buf, n) or write(buf, offset, n); n beyond the end is cut.
    def write(self, buf, /, *span):
        view = memoryview(buf.encode() if isinstance(buf, str) else buf).cast("B")
        if span:
            view = _cut(view, *span)
        done = 0
        while done < len(view):
            taken = self._write_some(view[done:])
            if taken is None:
                return done or None
            done += taken
        return done


# (n) or (offset, n)
def _cut(view, first, n=None):
    return view[:first] if n is None else view[first : first + n]
