"""The device's `tls`: contexts that verify, and what handshakes need of the world."""

from types import SimpleNamespace

from host_tests.shim.numbers import os_error

from . import certificates
from .clock import WorldError
from .tls_socket import TlsSocket

REQUIRED = 2


class Context:
    """`tls.SSLContext`. side: what the world lends it (see `tls_module`)."""

    def __init__(self, side, protocol):
        self._side = side
        self.verify_mode = REQUIRED
        self._authorities = []
        self._certificate = None

    def load_verify_locations(self, der):
        self._authorities.append(certificates.key_id(der))

    def load_cert_chain(self, cert, key):
        certificates.check_key(key)
        self._certificate = certificates.device_certificate(cert)

    def wrap_socket(self, sock, server_side=False, do_handshake_on_connect=True, server_hostname=None):
        if self.verify_mode != REQUIRED or do_handshake_on_connect or server_side:
            raise WorldError("wrap_socket(): expected a client that verifies, its handshake deferred")
        if server_hostname is None:
            raise ValueError("CERT_REQUIRED requires server_hostname")
        if self._side.fails("records"):
            raise os_error(12)
        return TlsSocket(self._side, sock, server_hostname, self._authorities, self._certificate)


class Side:
    """What the device's TLS asks of the world.

    Attributes:
        faults: how the next handshakes run out of memory, one word each: "records" (in
            wrap_socket), "handshake" (MemoryError), "verify" (reported as a bad signature), "sign".
        certificates: all there are; handshakes name them by number.
    """

    def __init__(self, clock, limits, device_s):
        self.clock = clock
        self.limits = limits
        self.device_s = device_s
        self.faults = []
        self.certificates = []

    def fails(self, fault):
        if self.faults[:1] != [fault]:
            return False
        self.faults.pop(0)
        return True

    def number(self, certificate):
        if certificate not in self.certificates:
            self.certificates.append(certificate)
        return self.certificates.index(certificate)


def tls_module(side):
    """The module `tls`."""
    return SimpleNamespace(
        PROTOCOL_TLS_CLIENT=0,
        CERT_NONE=0,
        CERT_OPTIONAL=1,
        CERT_REQUIRED=REQUIRED,
        SSLContext=lambda protocol: Context(side, protocol),
    )
