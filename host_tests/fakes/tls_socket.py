"""A TLS connection of the device, with a deferred handshake, over simulated TCP.

Rules of platform-facts 1.4 to 1.6 it keeps: None until the handshake is done; the same bytes again
after None (anything else breaks the world's rule); the first failure is latched; a failed handshake
lets go of the raw socket without closing it; verification is a matter of the device's own clock.
"""

from host_tests.shim.device import tls_errors
from host_tests.shim.device.stream import Stream
from host_tests.shim.numbers import os_error

from . import records
from .clock import WorldError
from .polling import POLLIN, POLLNVAL, POLLOUT

_PLAIN_MAX_LEN = 4096
_NO_MEMORY_SIGN = (-17168, "RSA - The private key operation failed : BIGNUM - Memory allocation failed")


class TlsSocket(Stream):
    """A connection that begins its handshake with the first read or write."""

    def __init__(self, side, sock, host, authorities, certificate):
        self._side = side
        self._sock = sock  # None once closed or let go
        self._host = host
        self._authorities = authorities
        self._certificate = certificate
        self._waits_for = None  # the flight that must come; None: the handshake has not begun
        self._open = False
        self._header = b""
        self._body = b""
        self._plain = bytearray()
        self._unsent = bytearray()
        self._offered = None  # what the last write, which was refused, offered
        self._sealed = False  # it is encrypted already
        self._blocked_on = 0
        self._poll_mask = 0
        self._latched = None

    def close(self):
        if self._sock is not None:
            self._sock.close()
        self._sock = None
        self._open = False

    def readinto(self, buf, n=-1):
        # Most turns of the loop find nothing at all; say so without the detours.
        if self._open and not self._plain and self._latched is None and not self._sock._inbox:
            if not self._sock._ended and not self._sock._error and not self._unsent:
                self._poll_mask = 0
                return None
        return super().readinto(buf, n)

    def _read_some(self, n):
        self._poll_mask = 0
        got = self._guarded(self._decrypt, n)
        if got is None and self._blocked_on == POLLOUT:
            self._poll_mask = POLLOUT
        return got

    def _write_some(self, view):
        self._poll_mask = 0
        taken = self._guarded(self._encrypt, bytes(view[:_PLAIN_MAX_LEN]))
        if taken is None and self._blocked_on == POLLIN:
            self._poll_mask = POLLIN
        return taken

    # Buffered bytes count as readable; where the library waits for the other direction, so does poll.
    def _flags(self, mask):
        if self._sock is None or self._latched is not None:
            return POLLNVAL
        if not (self._poll_mask or self._plain):
            return self._sock._flags(mask)
        asked = mask & (POLLIN | POLLOUT)
        swapped = mask & ~asked | self._poll_mask if self._poll_mask else mask
        flags = self._sock._flags(swapped)
        if self._poll_mask and flags & self._poll_mask:
            flags |= asked
        return flags | (mask & POLLIN if self._plain else 0)

    # -- failures --------------------------------------------------------------------------------

    def _guarded(self, step, argument):
        if self._latched is not None:
            raise os_error(self._latched)
        if self._sock is None:
            raise os_error(*tls_errors.BAD_INPUT)
        try:
            return step(argument)
        except OSError as error:
            if self._latched is None:
                self._socket_failed(error.args[0])
            raise

    # Socket errors are negative after the handshake (until 1.28) and positive in it.
    def _socket_failed(self, number):
        if self._open:
            self._latch(-number)
            raise os_error(-number)
        self._latch(number)
        raise os_error(number)

    # A failed handshake lets go of the raw socket; its owner must close it.
    def _latch(self, number):
        self._latched = number
        if not self._open:
            self._sock = None

    def _fail(self, number, text):
        self._latch(number)
        raise os_error(number, text)

    # -- handshake -------------------------------------------------------------------------------

    # False: the peer or the socket must move first.
    def _advance(self):
        while not self._open:
            if self._waits_for is None:
                self._unsent += records.flight(b"HELLO")
                self._waits_for = b"SERVER"
            if not self._flush():
                return False
            found = self._record()
            if found is None:
                return False
            self._step(*found)
        return True

    def _step(self, kind, body):
        if kind == records.ALERT:
            self._fail(*tls_errors.ALERT)
        name, number = records.read_flight(body)
        if kind != records.HANDSHAKE or name != self._waits_for:
            self._fail(*tls_errors.INVALID_RECORD)
        if name == b"FINISHED":
            self._open = True
            return
        self._verify(self._side.certificates[number])
        self._unsent += records.flight(b"CLIENT", self._side.number(self._certificate))
        self._waits_for = b"FINISHED"

    # The library does all of this in one call, without a look at anything else.
    def _verify(self, certificate):
        limits, clock = self._side.limits, self._side.clock
        began_ms = clock.now_ms
        if self._side.fails("handshake"):
            self._latch(tls_errors.VERIFY_FAILED)
            raise MemoryError("memory allocation failed, allocating 1520 bytes")
        clock.wait(limits.verify_ms)
        reasons = self._reasons(certificate)
        if reasons:
            clock.note("TLS handshake", clock.now_ms - began_ms)
            self._refuse(reasons)
        for ms in (limits.verify_ms, limits.exchange_ms, limits.sign_ms):
            clock.wait(ms)
        clock.note("TLS handshake", clock.now_ms - began_ms)
        if self._side.fails("sign"):
            self._fail(*_NO_MEMORY_SIGN)

    def _refuse(self, reasons):
        self._unsent += records.alert()
        try:
            self._flush()
        except OSError:
            pass  # the peer is gone; what failed is told anyway
        self._latch(tls_errors.VERIFY_FAILED)
        raise ValueError("".join(f"\n{reason}\n" for reason in reasons))

    # In the order of mbedTLS.
    def _reasons(self, certificate):
        now_s = self._side.device_s()
        trusted = certificate.authority in self._authorities and not self._side.fails("verify")
        wrong = (
            (now_s > certificate.not_after_s, tls_errors.EXPIRED),
            (self._host not in certificate.names, tls_errors.WRONG_NAME),
            (not trusted, tls_errors.NOT_TRUSTED),
            (now_s < certificate.not_before_s, tls_errors.NOT_YET_VALID),
        )
        return [text for is_wrong, text in wrong if is_wrong]

    # -- records ---------------------------------------------------------------------------------

    def _decrypt(self, n):
        if not self._plain and self._advance() and self._flush():
            found = self._record()
            if found == (0, b""):
                return b""
            if found and found[0] == records.ALERT:
                self._fail(*tls_errors.ALERT)
            if found:
                self._plain += records.plain(found[1])
        if not self._plain:
            return None
        data = bytes(self._plain[:n])
        del self._plain[:n]
        return data

    def _encrypt(self, piece):
        if self._offered is not None and piece != self._offered:
            raise WorldError(
                "after a TLS write that answered None, the same bytes must be offered again: a device drops "
                "the new ones and reports them as written (platform-facts 1.4)"
            )
        self._offered = piece
        if not self._advance():
            return None
        if not self._sealed:
            self._unsent += records.data(piece)
            self._sealed = True
        if not self._flush():
            return None
        self._offered, self._sealed = None, False
        return len(piece)

    def _flush(self):
        while self._unsent:
            sent = self._sock._write_some(memoryview(bytes(self._unsent)))
            if sent is None:
                self._blocked_on = POLLOUT
                return False
            del self._unsent[:sent]
        return True

    # The next record as (kind, body); None while it is not all there. At the end of the stream: in
    # the handshake an error, (0, b"") behind it.
    def _record(self):
        while True:
            want_len = records.HEADER_LEN - len(self._header)
            if not want_len:
                want_len = records.body_len(self._header) - len(self._body)
            if want_len < 0:
                self._fail(*tls_errors.INVALID_RECORD)
            piece = self._sock._read_some(want_len)
            if piece is None:
                self._blocked_on = POLLIN
                return None
            if not piece:
                if not self._open:
                    self._fail(*tls_errors.EOF)
                return 0, b""
            if len(self._header) < records.HEADER_LEN:
                self._header += piece
                continue
            self._body += piece
            if len(self._body) == records.body_len(self._header):
                found = self._header[0], self._body
                self._header = self._body = b""
                return found
