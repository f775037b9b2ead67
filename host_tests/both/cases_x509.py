# x509: the day a certificate expires, in certificates laid out by hand from RFC 5280, 4.1.
from hublink.protocol import x509

_VERSION = b"\xa0\x03\x02\x01\x02"
_BEFORE = b"\x17\x0d260101000000Z"


def _element(tag, *parts):
    value = b"".join(parts)
    n = len(value)
    if n < 128:
        head = bytes([tag, n])
    elif n < 256:
        head = bytes([tag, 0x81, n])
    else:
        head = bytes([tag, 0x82, n >> 8, n & 255])
    return head + value


# not_after: the element. name_len: bytes of the issuer's name, so that lengths take one, two or three bytes.
def _certificate(not_after, version=_VERSION, name_len=20):
    body = _element(
        0x30,
        version,
        b"\x02\x01\x07",
        b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02",
        _element(0x30, b"n" * name_len),
        _element(0x30, _BEFORE, not_after),
        _element(0x30, b"subject"),
    )
    return _element(0x30, body, b"\x30\x00\x03\x01\x00")


def _utc(text):
    return _element(0x17, text)


def _generalized(text):
    return _element(0x18, text)


# Days since 1970-01-01, from `date -u -d <day> +%s` divided by 86,400.
_DAYS = (
    (_utc(b"270101000000Z"), 20819),
    (_utc(b"280228235959Z"), 21242),
    (_utc(b"280229000000Z"), 21243),
    (_utc(b"280301000000Z"), 21244),
    (_utc(b"491231235959Z"), 29219),
    (_utc(b"500101000000Z"), -7305),  # 1950
    (_utc(b"700101000000Z"), 0),
    (_generalized(b"20500101000000Z"), 29220),
    (_generalized(b"21000228000000Z"), 47540),
    (_generalized(b"21000301000000Z"), 47541),
    (_generalized(b"99991231235959Z"), 2932896),
)


def case_both_forms_of_time_are_read():
    for not_after, day in _DAYS:
        assert x509.expiry_day(_certificate(not_after)) == day, not_after


def case_certificates_of_version_1_have_no_version():
    assert x509.expiry_day(_certificate(_DAYS[0][0], version=b"")) == _DAYS[0][1]


def case_lengths_may_take_several_bytes():
    for name_len in (0, 60, 127, 128, 200, 300, 5000):
        assert x509.expiry_day(_certificate(_DAYS[0][0], name_len=name_len)) == _DAYS[0][1]


def case_what_is_no_certificate_has_no_day():
    whole = _certificate(_DAYS[0][0])
    end = whole.index(b"270101")
    for length in range(end):
        assert x509.expiry_day(whole[:length]) == 0
    for text in (b"", b"\0" * 40, b"-----BEGIN CERTIFICATE-----\nMIIB", b"\xff" * 40, b"\x30\x80\x30\x80"):
        assert x509.expiry_day(text) == 0
