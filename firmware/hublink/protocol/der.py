# Private keys for ES256, read from DER: SEC1 (RFC 5915) or PKCS#8 (RFC 5208), not encrypted. Pure.
# DER writes each thing in one way only, so a P-256 key is one of a few layouts, which are compared
# whole. A public key beside the private one need only have its form: nothing here uses it.
from .es256 import N

_P256 = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"  # 1.2.840.10045.3.1.7
# PKCS#8 after its first length: version 0, algorithm 1.2.840.10045.2.1 with that curve, octets.
_PKCS8 = b"\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01" + _P256 + b"\x04"
_SEC1 = b"\x02\x01\x01\x04\x20"  # version 1, 32 octets
_RSA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"  # 1.2.840.113549.1.1.1

_EXPECTED = (
    "private key: expected one of EC P-256 (prime256v1), the only curve of ES256, "
    "as DER (SEC1 or PKCS#8), not encrypted"
)
_NO_RSA = (
    "private key: RSA, but RS256 is not offered (a 1024-bit power takes 3.6 s on a Pico W): "
    "make an EC P-256 key and register it with the hub as ES256"
)


# The number that is the key, for es256.sign. ValueError, a sentence, for all but a P-256 key.
def private_key(der):
    head, version, fields = der.partition(_SEC1)
    octets, public = fields[:32], fields[32:]
    has_curve = public[:12] == b"\xa0\x0a" + _P256
    if has_curve:
        public = public[12:]
    key = int.from_bytes(octets, "big")
    if (
        len(octets) < 32
        or not _is_public_key(public)
        or not _is_head(head, len(version) + len(fields), has_curve)
        or not 0 < key < N
    ):
        raise ValueError(_NO_RSA if _is_rsa(der) else _EXPECTED)
    return key


# Nothing, or a bit string with a point, compressed or not.
def _is_public_key(field):
    size = len(field)
    return not size or (size in (38, 70) and field[:5] == bytes((0xA1, size - 2, 0x03, size - 4, 0)))


# Is that what stands before the `size` bytes of a key? Only PKCS#8 names the curve there.
def _is_head(head, size, has_curve):
    sequence = bytes((0x30, size))
    if has_curve and head == sequence:
        return True
    head_pkcs8 = _PKCS8 + bytes((size + 2,)) + sequence
    size += len(head_pkcs8)
    return head == (b"\x30\x81" if size > 127 else b"\x30") + bytes((size,)) + head_pkcs8


# PKCS#8, or PKCS#1, which is version 0 and then the modulus.
def _is_rsa(der):
    return _RSA in der[:24] or der[4:8] == b"\x02\x01\x00\x02"
