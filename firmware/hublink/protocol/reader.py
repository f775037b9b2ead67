# Cuts a byte stream into MQTT packets, reading never past the end of one (pure).
# The owner reads at most `want` bytes into `into` and calls received(n); any split of the stream
# gives the same packets. One buffer for life: nothing allocates, whatever arrives.
import struct

from micropython import const

from .. import limits

_HEAD = const(0)  # first byte and first length byte
_LENGTH = const(1)  # one more length byte
_BODY = const(2)  # the rest in one piece
_MORE = const(3)  # what that piece lacked
_SKIP = const(4)  # what does not fit into the buffer

_CHUNK = "%ds" % limits.CHUNK_LEN


class Reader:
    """One packet at a time: first (its first byte), length (bytes after the head), body, cut."""

    def __init__(self, body_len):
        self.body = bytearray(body_len + limits.CHUNK_LEN)
        self._body_len = body_len
        self._head = bytearray(2)
        self._one = bytearray(1)
        self._chunk = bytearray(limits.CHUNK_LEN)
        self.first = 0
        self.reset()

    # A new stream begins.
    def reset(self):
        self.error = None
        self._next_packet()

    def _next_packet(self):
        self._have = 0
        self._phase = _HEAD
        self.into = self._head
        self.want = 2

    def _expect(self, phase, into, want):
        self._phase = phase
        self.into = into
        self.want = want

    # n > 0 bytes were read into `into`. True when they complete a packet: first, length and
    # body[:length] hold until the next call; cut says that body has only its first bytes.
    # False with error set: this is no MQTT stream.
    def received(self, n):
        phase = self._phase
        if phase <= _LENGTH:
            return self._start(n)
        if phase == _MORE:
            # The whole chunk, whatever part of it is filled; the body has room for that.
            struct.pack_into(_CHUNK, self.body, self._have, self._chunk)
        self._have += n
        left = self.length - self._have
        if not left:
            self._next_packet()
            return True
        if self.cut and self._have >= self._body_len:
            self._expect(_SKIP, self._chunk, min(limits.CHUNK_LEN, left))
        else:
            left = min(self.length, self._body_len) - self._have
            self._expect(_MORE, self._chunk, min(limits.CHUNK_LEN, left))
        return False

    # First byte and length. Most packets have both in one piece, and one byte of length.
    def _start(self, n):
        head = self._head
        if self._phase == _LENGTH:
            b = self._one[0]
        else:
            if self._have:  # the second byte came alone
                head[1] = self._one[0]
            elif n == 1:
                self._have = 1
                self._expect(_HEAD, self._one, 1)
                return False
            self.first = head[0]
            self.length = self._shift = 0
            b = head[1]
        length = self.length = self.length | (b & 127) << self._shift
        if b > 127:
            self._shift += 7
            if self._shift > 21:  # a fifth byte would follow (2.2.3)
                self.error = "bad_length"
            self._expect(_LENGTH, self._one, 1)
            return False
        if not length:
            self.cut = False
            self._next_packet()
            return True
        self.cut = length > self._body_len
        self._have = 0
        self._phase = _BODY
        self.into = self.body
        self.want = self._body_len if self.cut else length
        return False
