"""Signatures, keys and tokens against the `cryptography` library: it shares no line with the firmware.

Its deterministic ECDSA is OpenSSL's own RFC 6979, so signatures are compared byte by byte.
"""

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tests.shim import install

with install():
    from hublink.protocol import der, es256, jwt

# The same examples every time: a test that fails now and then tells nothing.
ONCE = settings(max_examples=150, deadline=None, derandomize=True, database=None)
CURVE = ec.SECP256R1()
DETERMINISTIC = ec.ECDSA(Prehashed(hashes.SHA256()), deterministic_signing=True)
REFUSAL = "private key: expected one of EC P-256"
FORMATS = (PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8)

# Any number from 1 to N - 1; more often than by chance at the ends, or a power of two or beside one.
numbers = st.one_of(
    st.integers(1, es256.N - 1),
    st.integers(1, 1000),
    st.integers(1, 1000).map(lambda less: es256.N - less),
    st.builds(lambda bit, more: min((1 << bit) + more, es256.N - 1), st.integers(2, 255), st.integers(-1, 1)),
)
digests = st.one_of(
    st.binary(min_size=32, max_size=32),
    st.integers(es256.N - 5, es256.N + 5).map(lambda number: number.to_bytes(32, "big")),
    st.sampled_from([bytes(32), b"\xff" * 32]),
)


def key_of(number):
    return ec.derive_private_key(number, CURVE)


def signature_of(number, digest):
    *slices, signature = es256.sign(number, digest)
    assert set(slices) == {None}
    return signature


@ONCE
@given(numbers, digests)
def test_a_signature_is_the_one_that_openssl_makes(number, digest):
    signature = signature_of(number, digest)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    assert decode_dss_signature(key_of(number).sign(digest, DETERMINISTIC)) == (r, s)
    verifier = key_of(number).public_key()
    verifier.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(hashes.SHA256())))


@ONCE
@given(numbers)
def test_a_multiple_of_the_base_point_has_the_right_x(k):
    def multiply():
        yield (yield from es256._multiply(k))

    *_, x = multiply()
    assert x == key_of(k).public_key().public_numbers().x


@pytest.mark.parametrize("at", range(8))
def test_the_table_holds_what_its_comment_says(at):
    k = (1 << 192) + sum((1 << 64 * i) * (1 if at >> i & 1 else -1) for i in range(3))
    point = key_of(k).public_key().public_numbers()
    found = es256._TABLE[64 * at : 64 * at + 64]
    assert found == point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")
    assert len(es256._TABLE) == 8 * 64


@pytest.mark.parametrize("form", FORMATS)
@ONCE
@given(number=numbers)
def test_a_key_as_openssl_writes_it_is_read(form, number):
    assert der.private_key(key_of(number).private_bytes(Encoding.DER, form, NoEncryption())) == number


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "curve", [ec.SECP384R1(), ec.SECP256K1(), ec.SECP224R1()], ids=lambda curve: curve.name
)
def test_a_key_of_another_curve_is_refused(form, curve):
    key = ec.generate_private_key(curve).private_bytes(Encoding.DER, form, NoEncryption())
    with pytest.raises(ValueError, match=REFUSAL):
        der.private_key(key)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("size", [1024, 2048])
def test_an_rsa_key_is_refused_with_the_reason(form, size):
    key = rsa.generate_private_key(65537, size).private_bytes(Encoding.DER, form, NoEncryption())
    with pytest.raises(ValueError, match=r"RS256 is not offered .* make an EC P-256 key"):
        der.private_key(key)


@pytest.mark.parametrize(
    "data",
    [
        key_of(5).private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")),
        key_of(5).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    ],
    ids=["encrypted", "pem", "ed25519"],
)
def test_what_is_no_plain_p256_key_is_refused(data):
    with pytest.raises(ValueError, match=REFUSAL):
        der.private_key(data)


@settings(ONCE, max_examples=500)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_key_or_a_refusal(data):
    with pytest.raises(ValueError, match=REFUSAL):
        der.private_key(data)


def decoded(part):
    assert "=" not in part
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars="-_", validate=True)


@settings(ONCE, max_examples=50)
@given(numbers, st.text(st.characters(exclude_categories=("Cs",)), max_size=40), st.integers(0, 1 << 32))
def test_a_token_is_verified(number, audience, issued_s):
    *_, token = jwt.make(number, audience, issued_s, issued_s + 3600)
    signed, _, signature = token.decode("ascii").rpartition(".")
    header, claims = map(json.loads, map(decoded, signed.split(".")))
    assert header == {"alg": "ES256", "typ": "JWT"}
    assert claims == {"aud": audience, "iat": issued_s, "exp": issued_s + 3600}
    r, s = decoded(signature)[:32], decoded(signature)[32:]
    both = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    key_of(number).public_key().verify(both, signed.encode(), ec.ECDSA(hashes.SHA256()))
