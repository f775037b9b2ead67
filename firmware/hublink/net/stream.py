# TCP, and TLS over it, as a non-blocking byte stream. The three answers of a transfer are kept
# apart: NOTHING yet, CLOSED by the peer, FAILED with the exception in `error`.
# Rules of platform-facts section 0 that live here: never a read timeout; the raw socket is kept and
# closed; TLS references are dropped at once; errors are caught in one place each.
import errno
import select
import socket

from micropython import const

NOTHING = const(0)
CLOSED = const(-1)
FAILED = const(-2)

# What a transfer, or starting TLS, may raise.
ERRORS = (OSError, ValueError, MemoryError)


def _gone(_buf, *_):
    raise OSError(errno.ENOTCONN)


class Stream:
    """One connection at a time. context: a tls.SSLContext, or None for a plain one."""

    def __init__(self):
        self._raw = None
        self._io = None  # what is read and written: the TLS socket, or the raw one
        self._poll = self._poll_write = None
        self.io_write = self._io_readinto = _gone  # its methods: looking them up costs time
        self.error = None

    # Starts the TCP connection to an IPv4 address (text). Never blocks.
    def open(self, address, port):
        self.close()
        self.error = None
        sockaddr = socket.getaddrinfo(address, port)[0][-1]  # a literal: nothing is looked up
        raw = socket.socket()
        self._raw = raw
        raw.setblocking(False)
        # One packet is one write, so Nagle's waiting gains nothing. unix names no constants.
        raw.setsockopt(6, getattr(socket, "TCP_NODELAY", 1), 1)
        try:
            raw.connect(sockaddr)
        except OSError as e:
            if e.args[0] != errno.EINPROGRESS:
                self.failed(e)
                return
        self._io = raw
        self._watch()

    # Has TCP connected? NOTHING, FAILED, or 1 once it has.
    def connected(self):
        if self.error:
            return FAILED
        for event in self._poll_write.ipoll(0):
            # No port has getsockopt, so a refusal shows as an error flag here or at the first write.
            if event[1] & (select.POLLERR | select.POLLHUP):
                self.failed(OSError(errno.ECONNREFUSED))
                return FAILED
            if event[1] & select.POLLOUT:
                return 1
        return NOTHING

    # Puts TLS on top; the first write drives its handshake, and takes nothing before it is done.
    def start_tls(self, context, host):
        self.io_write = self._io_readinto = _gone  # if this fails, nothing may go to the raw socket
        try:
            self._io = context.wrap_socket(self._raw, server_hostname=host, do_handshake_on_connect=False)
        except ERRORS as e:
            self.failed(e)
            return
        self._watch()

    # Reads at most n bytes into buf. Returns how many (> 0), NOTHING, CLOSED or FAILED.
    def readinto(self, buf, n):
        try:
            n = self._io_readinto(buf, n)
        except ERRORS as e:
            return self.failed(e)
        if n is None:
            return NOTHING
        return n or CLOSED

    # Writes buf[at : at + n]. Returns how many bytes were taken (> 0), NOTHING or FAILED. After
    # NOTHING the very same bytes must come next.
    def write(self, buf, at, n):
        try:
            n = self.io_write(buf, at, n)
        except ERRORS as e:
            return self.failed(e)
        return n or NOTHING

    # Sleeps until there is something to read (or room to write, when writing) or wait_ms are over.
    def wait(self, wait_ms, writing):
        for _ in (self._poll_write if writing else self._poll).ipoll(wait_ms):
            return

    def close(self):
        io, raw = self._io, self._raw
        self._io = self._raw = self._poll = self._poll_write = None
        self.io_write = self._io_readinto = _gone
        for each in (io, raw):
            if each is not None:
                try:
                    each.close()
                except OSError:
                    pass

    # What is read and written, for a poll of the caller's own; None while closed.
    def socket(self):
        return self._io

    def is_open(self):
        return self._io is not None

    def _watch(self):
        self.io_write = self._io.write
        self._io_readinto = self._io.readinto
        # Two, because modify() takes heap where objects lie at addresses that are no small integers.
        self._poll = self._poller(select.POLLIN)
        self._poll_write = self._poller(select.POLLIN | select.POLLOUT)

    def _poller(self, events):
        poller = select.poll()
        poller.register(self._io, events)
        poller.ipoll(0)  # the first takes heap, too
        return poller

    # The first error is the one that counts: later ones follow from it.
    def failed(self, e):
        if not self.error:
            self.error = e
        return FAILED
