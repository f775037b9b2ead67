"""A TLS connection with the device's manners over CPython's record layer (`ssl.SSLObject`).

Rules of platform-facts 1.4 and 1.5 that it keeps or enforces:
- Non-blocking calls answer None until the handshake is done and while nothing moves.
- The bytes of a refused or short write must be offered again; anything else is a `BrokenRule`.
- The first failure is latched: every later call raises it, and poll says NVAL.
- A failed handshake lets go of the raw socket, which stays open until its owner closes it.
- close() sends no close_notify. setblocking() and cipher() crash a board when there is no connection.
"""

import ssl

from ..numbers import os_error
from . import tls_errors
from .select import Select
from .stream import Stream

_RECORD_LEN = 4096  # most plain text in one record that the device sends
_HEADER_LEN = 5


class TlsSocket(Stream):
    def __init__(self, world, context, sock, server_side, hostname):
        self._world = world
        self._context = context
        self._sock = sock  # None once closed or let go
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        name = _text(hostname) or None
        self._tls = context._host.wrap_bio(self._incoming, self._outgoing, server_side, name)
        self._header = b""
        self._body_left = 0
        self._unsent = b""
        self._open = False  # the handshake is done
        self._blocked_on = 0  # POLLIN or POLLOUT: what the last call that answered None needs
        self._poll_mask = 0  # the same where it is not the caller's own direction
        self._offered = None  # plain text of a write that answered None or short
        self._sealed = False  # ... and it is encrypted already
        self._latched = None

    def setblocking(self, flag, /):
        if self._sock is None:
            self._world.breaks("setblocking() on a TLS socket that is closed crashes a board (facts 1.5)")
        self._sock.setblocking(flag)

    def cipher(self):
        if self._sock is None or not self._open:
            self._world.breaks("cipher() on a TLS socket without a connection crashes a board (facts 1.5)")
        return self._context._suite(self._tls.cipher()[0]), self._tls.version()

    def close(self):
        if self._sock is not None:
            self._sock.close()
            self._sock = None
            self._open = False

    # On a blocking socket: returns when done, raises when it fails.
    def _shake_hands(self):
        self._guarded(self._advance)

    def _read_some(self, n):
        self._poll_mask = 0
        got = self._guarded(self._decrypt, n)
        if got is None and self._blocked_on == Select.POLLOUT:
            self._poll_mask = Select.POLLOUT
        return got

    def _write_some(self, view):
        self._poll_mask = 0
        taken = self._guarded(self._encrypt, bytes(view[:_RECORD_LEN]))
        if taken is None and self._blocked_on == Select.POLLIN:
            self._poll_mask = Select.POLLIN
        return taken

    # -- failures ------------------------------------------------------------------------------

    # One step of the connection; whatever fails in it is latched and raised as the device raises it.
    def _guarded(self, step, *args):
        if self._latched is not None:
            raise os_error(self._latched)
        if self._sock is None:
            self._fail(*tls_errors.BAD_INPUT)
        try:
            return step(*args)
        except ssl.SSLCertVerificationError as exc:
            self._refuse(tls_errors.verify_reason(exc))
        except ssl.SSLError as exc:
            self._fail(*tls_errors.code_of(exc))
        except OSError as exc:
            self._fail(-exc.args[0])

    # Socket errors are negative after the handshake (until 1.28) and positive in it.
    def _fail(self, number, text=None):
        self._latched = number
        if self._open:
            raise os_error(number)
        self._let_go()
        raise os_error(number, text) if text else os_error(-number)

    def _refuse(self, reason):
        self._flush_alert()
        if reason == tls_errors.NOT_TRUSTED and not self._context._authorities:
            self._fail(*tls_errors.NO_AUTHORITY)
        self._latched = tls_errors.VERIFY_FAILED
        self._let_go()
        raise tls_errors.untrusted(reason)

    def _flush_alert(self):
        try:
            self._flush()
        except OSError:
            pass  # the peer is gone; what failed is told anyway

    def _let_go(self):
        self._sock = None

    # -- records -------------------------------------------------------------------------------

    # Drives the handshake as far as it goes. False: the peer or the socket must move first.
    def _advance(self):
        while not self._open:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                if not self._flush() or (piece := self._fill()) is None:
                    return False
                if not piece:
                    raise ssl.SSLEOFError from None
            else:
                if not self._flush():
                    return False
                self._check_dates()
                self._open = True
        return True

    # The host's verification knows the host's clock; the device's own clock decides too.
    def _check_dates(self):
        leaf = self._tls.getpeercert()
        if not leaf or self._context._server:
            return
        now_s = self._world.unix_ns() // 1_000_000_000
        if now_s < ssl.cert_time_to_seconds(leaf["notBefore"]):
            self._refuse(tls_errors.NOT_YET_VALID)
        if now_s > ssl.cert_time_to_seconds(leaf["notAfter"]):
            self._refuse(tls_errors.EXPIRED)

    def _decrypt(self, n):
        if not self._advance():
            return None
        while True:
            try:
                return self._tls.read(n)
            except ssl.SSLWantReadError:
                if not (piece := self._fill()):
                    return piece

    def _encrypt(self, piece):
        self._check_same(piece)
        self._offered = piece
        if not self._advance():
            return None
        if not self._sealed:
            self._tls.write(piece)
            self._sealed = True
        if not self._flush():
            return None
        self._offered, self._sealed = None, False
        return len(piece)

    def _check_same(self, piece):
        if self._offered is not None and piece != self._offered:
            self._world.breaks(
                "after a TLS write that answered None or short, the same bytes must be offered again: "
                "the device drops the new ones and reports them as written (facts 1.4)"
            )

    # All that is encrypted goes out. False: the socket takes no more now.
    def _flush(self):
        self._unsent += self._outgoing.read()
        while self._unsent:
            sent = self._sock._write_some(memoryview(self._unsent))
            if sent is None:
                self._blocked_on = Select.POLLOUT
                return False
            self._unsent = self._unsent[sent:]
        return True

    # One record, or a part of one, and never more: what the socket still holds, poll can see.
    # Answers what was read: None while nothing is there, b"" at the end.
    def _fill(self):
        piece = self._sock._read_some(self._body_left or _HEADER_LEN - len(self._header))
        if piece is None:
            self._blocked_on = Select.POLLIN
        elif piece:
            self._incoming.write(piece)
            self._count(piece)
        return piece

    def _count(self, piece):
        if self._body_left:
            self._body_left -= len(piece)
            return
        self._header += piece
        if len(self._header) == _HEADER_LEN:
            self._body_left = int.from_bytes(self._header[3:], "big")
            self._header = b""

    def _polled(self, mask):
        raw = None if self._sock is None or self._latched is not None else self._sock._polled(mask)
        if raw is None:
            return None
        asked = mask & (Select.POLLIN | Select.POLLOUT)
        faked = asked if self._poll_mask else 0
        if faked:
            mask = mask & ~asked | self._poll_mask
        known = Select.POLLIN if mask & Select.POLLIN and self._tls.pending() else 0
        return raw[0], mask, known, faked


def _text(hostname):
    return bytes(hostname).decode() if isinstance(hostname, (bytes, bytearray)) else hostname
