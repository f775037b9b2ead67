# jwt: a whole token, byte by byte; claims that need care; what base64url is made of. Tokens are verified
# by code of others in test_es256.py.
import json
from binascii import a2b_base64

from hublink.protocol import jwt

_KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
_ISSUED_S = 1798761600


def _token(key=_KEY, audience="project", issued_s=_ISSUED_S, expires_s=_ISSUED_S + 3600):
    *slices, token = jwt.make(key, audience, issued_s, expires_s)
    assert slices == [None] * 9
    return token


def _decoded(part):
    return a2b_base64(part.replace(b"-", b"+").replace(b"_", b"/") + b"=" * (-len(part) % 4))


def case_a_token_is_three_parts():
    assert _token() == (
        b"eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9"
        b".eyJhdWQiOiJwcm9qZWN0IiwiaWF0IjoxNzk4NzYxNjAwLCJleHAiOjE3OTg3NjUyMDB9"
        b".AlFRK-T1RShKbhQHwEy-Kl9JD0meitB3Iy_gcmQhvy2FzMsyRvqpQ175Sa22fJqdZouu1WADfr9WRZPN35EU6w"
    )


def case_the_header_and_the_claims_are_json():
    header, claims, signature = map(_decoded, _token().split(b"."))
    assert header == b'{"alg":"ES256","typ":"JWT"}'
    assert claims == b'{"aud":"project","iat":1798761600,"exp":1798765200}'
    assert len(signature) == 64


def case_any_text_is_an_audience():
    for audience in ("", 'a"b\\c', "line\nand\ttab", "Z\u00fcrich \u65e5\u672c", "a" * 300):
        claims = _decoded(_token(audience=audience).split(b".")[1])
        assert json.loads(claims) == {"aud": audience, "iat": _ISSUED_S, "exp": _ISSUED_S + 3600}


def case_times_beyond_31_bits_are_written_in_full():
    claims = _decoded(_token(issued_s=1 << 30, expires_s=4102444800).split(b".")[1])
    assert claims == b'{"aud":"project","iat":1073741824,"exp":4102444800}'


def case_a_token_holds_nothing_but_the_letters_of_base64url():
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
    for key in range(1, 9):
        token = _token(key=key)
        assert all(each in letters for each in token), token
        assert token.count(b".") == 2


def case_base64url_replaces_and_cuts():
    for data, written in (
        (b"", b""),
        (b"\xfb", b"-w"),
        (b"\xff\xff", b"__8"),
        (b"\xfb\xff\xbe", b"-_--"),
        (b"\x00" * 4, b"AAAAAA"),
    ):
        assert jwt._base64url(data) == written
