# der: private keys laid out by hand from RFC 5915 and RFC 5208; all others are refused with a sentence.
from binascii import unhexlify

from hublink.protocol import der, es256

_KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
_ONE = b"\x02\x01\x01"
_ZERO = b"\x02\x01\x00"
_EC = unhexlify(b"06072a8648ce3d0201")
_P256 = unhexlify(b"06082a8648ce3d030107")
_P384 = unhexlify(b"06052b81040022")
_RSA = unhexlify(b"06092a864886f70d010101")
_ED25519 = unhexlify(b"06032b6570")


def _element(tag, *parts):
    value = b"".join(parts)
    length = len(value)
    if length < 128:
        head = bytes([tag, length])
    elif length < 256:
        head = bytes([tag, 0x81, length])
    else:
        head = bytes([tag, 0x82, length >> 8, length & 255])
    return head + value


def _sequence(*parts):
    return _element(0x30, *parts)


def _octets(*parts):
    return _element(0x04, *parts)


_CURVE = _element(0xA0, _P256)
_PUBLIC = _element(0xA1, _element(0x03, b"\0\4", bytes(64)))


def _number(key):
    return _octets(key.to_bytes(32, "big"))


def _sec1(key=_KEY, version=_ONE, curve=_CURVE, public=_PUBLIC):
    return _sequence(version, _number(key), curve, public)


def _pkcs8(inner=None, version=_ZERO, kind=_EC, curve=_P256, more=b""):
    if inner is None:
        inner = _sec1(curve=b"")
    return _sequence(version, _sequence(kind, curve), _octets(inner), more)


def _refusal(data):
    try:
        der.private_key(data)
    except ValueError as e:
        return str(e)
    raise AssertionError(data)


def _is_refused(data):
    return _refusal(data) == (
        "private key: expected one of EC P-256 (prime256v1), the only curve of ES256, "
        "as DER (SEC1 or PKCS#8), not encrypted"
    )


def case_keys_are_read():
    for data in (
        _sec1(),
        _sec1(public=b""),
        _pkcs8(),
        _pkcs8(_sec1()),  # the curve named again
        _pkcs8(_sec1(curve=b"", public=b"")),
    ):
        assert der.private_key(data) == _KEY


def case_the_least_and_the_greatest_key_are_read():
    for key in (1, es256.N - 1):
        assert der.private_key(_sec1(key)) == key
        assert der.private_key(_pkcs8(_sec1(key))) == key


def case_numbers_out_of_range_are_refused():
    for key in (0, es256.N, es256.N + 1, (1 << 256) - 1):
        for data in (_sec1(key), _pkcs8(_sec1(key))):
            assert _is_refused(data), key


def case_numbers_of_another_length_are_refused():
    for octets in (b"", b"\1", bytes(30) + b"\1", bytes(32) + b"\1"):
        assert _is_refused(_sequence(_ONE, _octets(octets), _CURVE)), octets
    # Fewer bytes than its own length says, and all that is around it agrees.
    short = b"\x30\x24\x02\x01\x01\x04\x20" + b"\1" * 31
    assert _is_refused(_pkcs8(short))


def case_a_number_may_look_like_the_bytes_before_it():
    for at in (0, 13, 27):
        key = b"\1" * at + b"\x02\x01\x01\x04\x20" + b"\1" * (27 - at)
        number = int.from_bytes(key, "big")
        assert der.private_key(_sec1(number)) == der.private_key(_pkcs8(_sec1(number))) == number


def case_a_public_key_has_its_form():
    compressed = _element(0xA1, _element(0x03, b"\0\2", bytes(32)))
    assert der.private_key(_sec1(public=compressed)) == _KEY
    for at in range(5):
        for public in (_PUBLIC, compressed):
            damaged = bytearray(public)
            damaged[at] ^= 1
            assert _is_refused(_sec1(public=bytes(damaged))), at


def case_rsa_keys_are_refused_with_the_reason_and_what_to_do():
    modulus = _element(0x02, b"\0\xc5", bytes(255))
    pkcs1 = _sequence(_ZERO, modulus, b"\x02\x03\x01\x00\x01")
    pkcs8 = _sequence(_ZERO, _sequence(_RSA, b"\x05\x00"), _octets(pkcs1))
    for data in (pkcs1, pkcs8):
        text = _refusal(data)
        assert "RS256" in text
        assert "3.6 s on a Pico W" in text
        assert "make an EC P-256 key and register it" in text


def case_other_curves_are_refused():
    p384 = _element(0xA0, _P384)
    for data in (
        _sec1(curve=p384),
        _pkcs8(curve=_P384),
        _pkcs8(curve=b""),
        _pkcs8(curve=_P256 + b"\x05\x00"),
        _pkcs8(_sec1(curve=p384)),
    ):
        assert _is_refused(data), data


def case_what_is_no_key_for_this_is_refused():
    for data in (
        b"",
        b"\x30",
        b"\x30\x00",
        b"-----BEGIN EC PRIVATE KEY-----\n",
        _pkcs8(kind=_ED25519, curve=b""),
        _sequence(_sequence(_EC, _P256), _octets(bytes(64))),  # encrypted PKCS#8 begins so
        _sec1(curve=b""),  # of no curve
        _sec1(version=b"\x02\x01\x02"),
        _sec1(version=b"\x02\x00"),
        _sec1(version=b"\x02\x02\x00\x01"),
        _pkcs8(version=b"\x02\x01\x02"),
        _pkcs8(_sec1(version=_ZERO)),
        _pkcs8(_pkcs8()),
        _pkcs8(more=_element(0xA0, b"")),
        _sec1(public=_element(0xA1, b"")),
        _sec1(public=_element(0xA1, _octets(bytes(66)))),
        _sec1(public=_PUBLIC + _PUBLIC),
        _sec1(public=_CURVE),
    ):
        assert _is_refused(data), data


def case_what_follows_is_refused():
    for data in (_sec1(), _pkcs8()):
        for more in (b"\0", b"\n", data):
            assert _is_refused(data + more)


def case_truncated_at_each_length():
    for data in (_sec1(), _pkcs8(), _pkcs8(_sec1())):
        for length in range(len(data)):
            assert _is_refused(data[:length]), length


def case_lengths_are_the_shortest_possible():
    inner = _sec1()
    assert inner[:2] == b"\x30\x77"
    for head in (
        b"\x30\x80",  # of unknown length (BER)
        b"\x30\x81\x77",
        b"\x30\x82\x00\x77",
        b"\x30\x83\x00\x00\x77",
        b"\x30\x84\x00\x00\x00\x77",
        b"\x30\xff",
    ):
        assert _is_refused(head + inner[2:]), head
    outer = _pkcs8()
    assert outer[:3] == b"\x30\x81\x87"
    assert _is_refused(b"\x30\x82\x00\x87" + outer[3:])


def case_any_byte_may_be_wrong():
    for data in (_sec1(), _pkcs8(_sec1())):
        for at in range(len(data)):
            for value in (0x00, 0x01, 0x7F, 0x80, 0xFF):
                damaged = bytearray(data)
                damaged[at] = value
                try:
                    assert 0 < der.private_key(bytes(damaged)) < es256.N
                except ValueError as e:
                    assert str(e).startswith("private key: "), at
