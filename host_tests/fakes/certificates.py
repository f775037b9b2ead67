"""Certificates as facts, and the real DER files that a device carries.

The device's own files are real (the firmware checks that they are), made once per process; what they
say is read with `cryptography`. The hub's certificate never reaches the firmware, so it is facts alone.
"""

import shutil
import tempfile
from atexit import register
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hublink_desk.pki import Authority

DEVICE = "bench-1"


@dataclass(frozen=True)
class Certificate:
    """What a peer looks at.

    Attributes:
        names: host names it is good for, or the device's name.
        authority: key id of who signed it, bytes.
        not_before_s, not_after_s: Unix time.
    """

    names: tuple
    authority: bytes
    not_before_s: int = 1_790_000_000  # 2026-09-21
    not_after_s: int = 2_000_000_000  # 2033-05-18

    def but(self, **facts):
        """The same with some facts different."""
        return replace(self, **facts)


@cache
def device_files():
    """Folder with ca.der, device.der and device.key.der, and a foreign authority's foreign.der."""
    making = Path(tempfile.mkdtemp(prefix="hublink-world-"))
    register(shutil.rmtree, making, ignore_errors=True)
    authority = Authority.create(making / "authority")
    device = authority.issue(DEVICE)
    foreign = Authority.create(making / "foreign", "foreign authority")
    folder = making / "device"
    folder.mkdir()
    for source, name in (
        (authority.cert_der, "ca.der"),
        (device.cert_der, "device.der"),
        (device.key_der, "device.key.der"),
        (foreign.cert_der, "foreign.der"),
    ):
        shutil.copy(source, folder / name)
    return folder


def authorities():
    """Key ids of the authority that the device trusts and of the foreign one."""
    return tuple(key_id((device_files() / name).read_bytes()) for name in ("ca.der", "foreign.der"))


@cache
def key_id(der):
    """Key id of the authority whose certificate this is. ValueError("invalid cert") as the device says it."""
    return _extension(der, x509.SubjectKeyIdentifier).digest


@cache
def device_certificate(der):
    """Certificate of a device's DER bytes. ValueError as above."""
    found = _parse(der)
    name = found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    signer = _extension(der, x509.AuthorityKeyIdentifier).key_identifier
    return Certificate((name,), signer)


@cache
def check_key(der):
    """Raises ValueError("invalid key") unless these are the DER bytes of a key."""
    try:
        serialization.load_der_private_key(der, None)
    except (ValueError, TypeError):
        raise ValueError("invalid key") from None


def _parse(der):
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        raise ValueError("invalid cert") from None


def _extension(der, kind):
    return _parse(der).extensions.get_extension_for_class(kind).value
