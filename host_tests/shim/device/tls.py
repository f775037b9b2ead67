"""`tls`: contexts as a Pico W has them. TLS 1.2 only, DER only, its 18 cipher suites, verified by default."""

import os
import ssl
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ..numbers import os_error
from . import tls_errors
from .tls_socket import TlsSocket

# Name on the device -> name in OpenSSL: what mbedtls_config_common.h of MicroPython compiles in.
_KEY_EXCHANGES = {"ECDHE-ECDSA": "ECDHE-ECDSA-", "ECDHE-RSA": "ECDHE-RSA-", "RSA": ""}
_MODES = (
    ("256", "GCM", "SHA384"),
    ("128", "GCM", "SHA256"),
    ("128", "CBC", "SHA256"),
    ("256", "CBC", "SHA"),
    ("128", "CBC", "SHA"),
)


def _suites():
    for exchange, prefix in _KEY_EXCHANGES.items():
        # The one whose hash depends on the key exchange.
        for bits, mode, digest in (*_MODES, ("256", "CBC", "SHA384" if prefix else "SHA256")):
            name = f"TLS-{exchange}-WITH-AES-{bits}-{mode}-{digest}"
            yield name, f"{prefix}AES{bits}-{'GCM-' if mode == 'GCM' else ''}{digest}"


SUITES = dict(_suites())


class Tls:
    PROTOCOL_TLS_CLIENT = 0
    PROTOCOL_TLS_SERVER = 1
    CERT_NONE = 0
    CERT_OPTIONAL = 1
    CERT_REQUIRED = 2
    MBEDTLS_VERSION = "Mbed TLS 3.6.3"

    def __init__(self, world):
        self._world = world

    def SSLContext(self, protocol, /):
        return Context(self._world, protocol == self.PROTOCOL_TLS_SERVER)


class Context:
    # Slots, so that a setting of CPython's (check_hostname) is refused as on the device.
    __slots__ = ("_authorities", "_host", "_server", "_verify_mode", "_world")

    def __init__(self, world, server):
        self._world = world
        self._server = server
        self._host = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        self._host.minimum_version = self._host.maximum_version = ssl.TLSVersion.TLSv1_2
        self._authorities = 0
        self.set_ciphers(self.get_ciphers())
        self.verify_mode = Tls.CERT_NONE if server else Tls.CERT_REQUIRED

    @property
    def verify_mode(self):
        return self._verify_mode

    # CERT_OPTIONAL on a client lets everything through on the device (facts 1.1).
    @verify_mode.setter
    def verify_mode(self, mode):
        if mode not in (Tls.CERT_NONE, Tls.CERT_OPTIONAL, Tls.CERT_REQUIRED):
            raise ValueError("verify_mode: expected CERT_NONE, CERT_OPTIONAL or CERT_REQUIRED")
        self._verify_mode = mode
        strict = self._server or mode == Tls.CERT_REQUIRED
        self._host.check_hostname = False
        self._host.verify_mode = ssl.VerifyMode(mode if strict else Tls.CERT_NONE)
        self._host.check_hostname = not self._server and mode == Tls.CERT_REQUIRED

    def get_ciphers(self):
        return list(SUITES)

    # The device's name for OpenSSL's.
    def _suite(self, theirs):
        return next(name for name in SUITES if SUITES[name] == theirs)

    def set_ciphers(self, names, /):
        if not isinstance(names, (list, tuple)):
            raise TypeError(f"object '{type(names).__name__}' isn't a tuple or list")
        if not names or not set(names) <= set(SUITES):
            raise os_error(*tls_errors.BAD_CONFIG)
        self._host.set_ciphers(":".join(SUITES[name] for name in names))

    # A key that does not belong to the certificate is not noticed here, only by the broker (facts 1.1).
    # OpenSSL does not sign with such a pair, so nothing is presented then and the broker refuses us too.
    def load_cert_chain(self, certificate, key, /):
        key_pem = _key_pem(_data(key))
        pem = _certificate_pem(_data(certificate)) + key_pem
        with tempfile.NamedTemporaryFile(delete=False) as file:  # created with mode 0600
            file.write(pem)
        try:
            self._host.load_cert_chain(file.name)
        except ssl.SSLError as exc:
            if exc.reason != "KEY_VALUES_MISMATCH":
                raise
        finally:
            os.unlink(file.name)

    # Adds one authority.
    def load_verify_locations(self, certificate, /):
        self._host.load_verify_locations(cadata=_certificate_pem(_data(certificate)).decode())
        self._authorities += 1

    def wrap_socket(self, sock, /, *, server_side=False, do_handshake_on_connect=True, server_hostname=None):
        if not hasattr(sock, "_polled"):
            raise os_error("stream operation not supported")
        if server_hostname is None and self._verify_mode == Tls.CERT_REQUIRED and not server_side:
            raise ValueError("CERT_REQUIRED requires server_hostname")
        if do_handshake_on_connect and sock._host.gettimeout() == 0:
            self._world.breaks(
                "wrap_socket() that does its handshake on a non-blocking socket spins for ever "
                "when the peer is silent (facts 1.4)"
            )
        wrapped = TlsSocket(self._world, self, sock, server_side, server_hostname)
        if do_handshake_on_connect:
            wrapped._shake_hands()
        return wrapped


# The data itself, never a path; bytearray and memoryview are refused.
def _data(value):
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, bytes):
        raise TypeError(f"can't convert '{type(value).__name__}' object to str implicitly")
    return value


def _key_pem(der):
    try:
        key = serialization.load_der_private_key(der, None)
    except (ValueError, TypeError):
        raise ValueError("invalid key") from None
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate_pem(der):
    try:
        return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)
    except ValueError:
        raise ValueError("invalid cert") from None
