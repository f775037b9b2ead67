"""TLS as the boards speak it: 1.2 and their ciphers, the hub verified, the device with its certificate."""

import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from . import pki

# What mbedTLS on rp2 offers (platform-facts, section 1.2).
_CIPHERS = "ECDHE+AES:kRSA+AES:!ARIA"


def context(credentials):
    """The ssl.SSLContext of a device. credentials: of `device_code.read_credentials`."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(_CIPHERS)
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # mbedTLS trusts any certificate it is given
    for authority in credentials["ca"]:
        made.load_verify_locations(cadata=authority)
    if credentials["cert"]:
        with tempfile.TemporaryDirectory(prefix="hublink-") as folder:  # ssl takes names of files only
            pem = Path(folder) / "device.pem"
            pem.touch(0o600)
            pem.write_bytes(_as_pem(credentials))
            made.load_cert_chain(pem)
    return made


def _as_pem(credentials):
    key = serialization.load_der_private_key(credentials["key"], None)
    return pki.key_pem(key) + pki.cert_pem(x509.load_der_x509_certificate(credentials["cert"]))
