"""The hub's end of TLS: answers the handshake, and hands on what each record holds."""

from . import records


class TlsFarEnd:
    """A receiver of TCP bytes (see `tcp`).

    Args:
        connection: tcp.Connection.
        hub: its `certificate`, `tls_mode`, `trusts(certificate)`, `trusted`, `side`, `deaf`,
            `complain(text)`.
        accept: f(far_end) -> who gets `record(plain)` and `gone(reason)`; called when the handshake is done.
    """

    def __init__(self, connection, hub, accept):
        self.connection = connection
        self._hub = hub
        self._accept = accept
        self._program = None
        self._shown = None  # the certificate
        self._bytes = bytearray()

    def send(self, plain):
        """Sends plain as one record."""
        self.connection.to_device.send(records.data(plain))

    def send_unencrypted(self, data):
        self.connection.to_device.send(data)

    # -- receiver ----------------------------------------------------------------------------------

    # A hub that reads nothing leaves its receive window shut.
    def room(self):
        return 0 if self._hub.deaf else 65_536

    def received(self, data):
        self._bytes += data
        while len(self._bytes) >= records.HEADER_LEN:
            end = records.HEADER_LEN + records.body_len(self._bytes)
            if end < records.HEADER_LEN:
                self._hub.complain(f"bytes without TLS: {bytes(self._bytes[:40])!r}")
                self.connection.reset()
                self.broken("no TLS")
                return
            if len(self._bytes) < end:
                return
            kind, body = self._bytes[0], bytes(self._bytes[records.HEADER_LEN : end])
            del self._bytes[:end]
            self._record(kind, body)

    def ended(self):
        self.connection.close()
        self.broken("closed")

    def broken(self, reason):
        program, self._program = self._program, None
        if program:
            program.gone(reason)

    # -- handshake -----------------------------------------------------------------------------------

    def _record(self, kind, body):
        if kind == records.DATA and self._program:
            self._program.record(records.plain(body))
        elif kind == records.DATA:
            self._hub.complain("application data before the handshake was done")
        elif kind == records.HANDSHAKE and self._hub.tls_mode != "silent":
            self._flight(*records.read_flight(body))
        elif kind == records.ALERT:
            self.connection.close()

    def _flight(self, name, number):
        hub = self._hub
        if hub.tls_mode == "plain":
            self.send_unencrypted(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        elif name == b"HELLO":
            self._shown = hub.certificate
            self.send_unencrypted(records.flight(b"SERVER", hub.side.number(self._shown)))
        elif hub.tls_mode == "reset":
            self.connection.reset()
        elif hub.tls_mode == "eof":
            self.connection.close()
        elif hub.tls_mode == "alert" or not hub.trusts(hub.side.certificates[number]):
            self.send_unencrypted(records.alert())
            self.connection.close()
        else:
            hub.trusted.add(self._shown)
            self.send_unencrypted(records.flight(b"FINISHED"))
            self._program = self._accept(self)
