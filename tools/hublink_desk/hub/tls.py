"""The hub's side of TLS: its context, the client's certificate, and a byte stream in the clear.

TLS runs over memory buffers, because asyncio's own server drops the alert of a failed handshake and tells
nobody why it failed; a board needs the alert to know that its credentials were rejected.
This file is the one edge to ssl and sockets: it raises `Fault` when a connection breaks and DeskError when
the hub's own files are wrong. It knows no MQTT and no policy.
"""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ..errors import DeskError
from .packets import Fault

_CHUNK_LEN = 64 * 1024
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True)
class PeerCertificate:
    """What a client proved in the handshake.

    Attributes:
        common_name: of its subject; "" where it has none.
        fingerprint, fingerprint_sha1: SHA-256 and SHA-1 of the certificate (DER), lower-case hex digits.
        is_from_hub_ca: True if a certificate of the hub's CA file issued it, directly.
    """

    common_name: str
    fingerprint: str
    fingerprint_sha1: str
    is_from_hub_ca: bool


class HandshakeRefused(Exception):
    """The handshake failed. The text says why, `is_about_certificate` that the client's was the cause."""

    def __init__(self, reason, is_about_certificate):
        super().__init__(reason)
        self.is_about_certificate = is_about_certificate


def read_certificates(path):
    """The certificates in a PEM or DER file, at least one.

    Raises:
        DeskError: the file cannot be read or holds none.
    """
    try:
        data = Path(path).read_bytes()
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificates(data)
        return [x509.load_der_x509_certificate(data)]
    except OSError as error:
        raise DeskError(f"{path}: cannot be read ({error.strerror}); expected a certificate.") from error
    except ValueError as error:
        raise DeskError(f"{path}: holds no certificate; expected PEM or DER.") from error


def fingerprint(certificate):
    """SHA-256 of a certificate, 64 lower-case hex digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


class Credentials:
    """The hub's own certificate, and whose certificates it takes from clients.

    Args:
        server_cert, server_key: PEM files.
        ca: PEM or DER file of the authority (or authorities) of the devices.
        pinned: certificates that are trusted as they are, whoever signed them.
        is_required: True if a client without a certificate fails in the handshake.
        tls_max: highest TLS version, "1.2" or "1.3"; 1.2 is always the lowest.
        is_sni_required: True if a client that names no server fails in the handshake.

    Raises:
        DeskError: a file is missing or wrong, or key and certificate do not fit.
    """

    def __init__(self, server_cert, server_key, ca, *, pinned, is_required, tls_max, is_sni_required):
        if tls_max not in _VERSIONS:
            raise DeskError(f"tls_max is {tls_max!r}; expected one of {', '.join(_VERSIONS)}.")
        self._authorities = read_certificates(ca)
        self.context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = _VERSIONS[tls_max]
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.verify_mode = ssl.CERT_REQUIRED if is_required else ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a pinned leaf is its own anchor
        self.trust([*self._authorities, *pinned])
        _load_own(context, server_cert, server_key)
        if is_sni_required:
            context.sni_callback = _demand_sni

    def trust(self, certificates):
        """Take these certificates, too, from the next handshake on."""
        for certificate in certificates:
            self.context.load_verify_locations(cadata=certificate.public_bytes(Encoding.DER))

    def peer(self, der):
        """The PeerCertificate of a client that showed `der` (bytes), or None for one that showed nothing.

        Raises:
            HandshakeRefused: the certificate cannot be read.
        """
        if der is None:
            return None
        try:
            certificate = x509.load_der_x509_certificate(der)
        except ValueError as error:  # stricter than OpenSSL, which has accepted it
            raise HandshakeRefused(f"certificate cannot be read: {error}", True) from error
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return PeerCertificate(
            common_name=names[0].value if names else "",
            fingerprint=fingerprint(certificate),
            fingerprint_sha1=certificate.fingerprint(hashes.SHA1()).hex(),
            is_from_hub_ca=any(_is_issued_by(certificate, authority) for authority in self._authorities),
        )


def _load_own(context, server_cert, server_key):
    for path in (server_cert, server_key):
        if not Path(path).is_file():
            raise DeskError(f"{path}: no such file; expected the hub's certificate and key, as PEM.")
    try:
        # An encrypted key is an error; without a password here OpenSSL would ask the terminal for one.
        context.load_cert_chain(server_cert, server_key, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or error
        problem = f"{server_cert} and {server_key}: {reason}; expected a PEM certificate and its key."
        raise DeskError(problem) from error


def _demand_sni(_tls, server_name, _context):
    return None if server_name else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


def _is_issued_by(certificate, authority):
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def _refusal(error):
    if isinstance(error, ssl.SSLCertVerificationError):
        return HandshakeRefused(error.verify_message, True)
    reason = (error.reason or str(error)).lower().replace("_", " ")
    return HandshakeRefused(reason, error.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE")


class TlsStream:
    """A client's bytes in the clear, over an asyncio stream pair.

    Args:
        context: server ssl.SSLContext.
        reader, writer: the plain asyncio streams of an accepted connection.
        gate: Gate.
        write_limit_s: how long one write may wait for the client to read.
    """

    def __init__(self, context, reader, writer, gate, write_limit_s):
        self._reader, self._writer, self._gate = reader, writer, gate
        self._write_limit_s = write_limit_s
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._write_lock = asyncio.Lock()  # keeps a packet's records together
        self._is_stalled = False  # a write took too long, and the connection was closed for it

    async def handshake(self):
        """Run the handshake.

        Returns:
            bytes of the client's certificate (DER), verified; None if it showed none.

        Raises:
            HandshakeRefused: by either side; `finish` then sends the alert.
            Fault: the connection broke.
        """
        try:
            while not self._step(self._tls.do_handshake):
                await self._flush()
                await self._fill()
        except ssl.SSLError as error:
            raise _refusal(error) from error
        await self._flush()
        return self._tls.getpeercert(binary_form=True)

    async def read(self, length):
        """Exactly `length` bytes; raises Fault("read_header") if the connection ends before."""
        data = bytearray()
        while len(data) < length:
            data += await self._read_some(length - len(data))
        return bytes(data)

    async def write(self, data):
        """Write all of `data`; raises Fault("write_packet") if the client is gone or does not read."""
        async with self._write_lock:
            try:
                self._tls.write(data)
            except ssl.SSLError as error:
                raise Fault("write_packet", str(error.reason)) from error
            await self._flush()

    async def finish(self, linger_s):
        """End the stream in order, so that the client reads what was written last; then close.

        The socket stays half open for up to `linger_s`, because closing it with unread bytes in it makes
        the kernel send a reset, which overtakes the last words.
        """
        with contextlib.suppress(ssl.SSLError):  # there is nothing to unwrap after a failed handshake
            self._step(self._tls.unwrap)
        with contextlib.suppress(Fault, OSError, asyncio.TimeoutError):  # gone, or it does not go
            await self._flush()
            self._writer.write_eof()
            await asyncio.wait_for(self._read_to_end(), linger_s)
        self.abort()

    def abort(self):
        """Close at once, telling the client nothing."""
        self._writer.transport.abort()

    def _step(self, operation):
        """Run an operation of the TLS object; False if it needs to hear from the client first."""
        try:
            operation()
        except ssl.SSLWantReadError:
            return False
        return True

    async def _read_some(self, length):
        while True:
            try:
                data = self._tls.read(length)
            except ssl.SSLWantReadError:
                await self._fill()
                continue
            except ssl.SSLError as error:  # a broken record, or an end without close_notify
                raise Fault("read_header", f"connection lost ({error.reason})") from error
            if not data:
                raise Fault("read_header", "connection closed without DISCONNECT")
            return data

    async def _fill(self):
        await self._gate.opened()
        try:
            data = await self._reader.read(_CHUNK_LEN)
        except OSError as error:
            raise Fault("read_header", f"connection lost ({error.strerror or error})") from error
        await self._gate.opened()
        self._check_stalled()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self):
        await self._gate.opened()
        transport = self._writer.transport
        transport.write(self._outgoing.read())
        # Not wait_for(): before CPython 3.12 it may swallow the cancellation that ends a connection.
        timer = asyncio.get_running_loop().call_later(self._write_limit_s, self._stall)
        try:
            await self._writer.drain()
        except OSError as error:
            raise Fault("write_packet", f"connection lost ({error.strerror or error})") from error
        finally:
            timer.cancel()
        self._check_stalled()

    def _stall(self):
        self._is_stalled = True
        self.abort()

    def _check_stalled(self):
        if self._is_stalled:
            raise Fault("write_packet", f"the client did not read for {self._write_limit_s:g} s")

    async def _read_to_end(self):
        while await self._reader.read(_CHUNK_LEN):
            pass
