"""JSON Web Tokens as devices prove themselves with (hub-dialects 3.2): good until when, or why not.

The signature is PyJWT's business; the rules of the hub are stricter than those of the RFC and are here.
"""

import json
import re
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

_FORM = re.compile(r"[-\w]+\.[-\w]+\.[-\w]*", re.ASCII)
_ALGORITHMS = ("ES256", "RS256")
_TIME_MAX_S = 1 << 53
_VERIFIER = jwt.PyJWS(_ALGORITHMS)


class Refused(Exception):
    """A device is not let in; the text says why."""


@dataclass(frozen=True)
class Rules:
    """
    Args:
        audience: what `aud` must be.
        skew_s: how far the clocks of hub and device may be apart.
        life_max_s: from `iat` to `exp`; the skew comes on top.
    """

    audience: str
    skew_s: float
    life_max_s: float


def check(token, keys, rules, now_s):
    """Check a token.

    Args:
        token: text, or None if there is none.
        keys: public keys, any of which may have signed it.
        rules: Rules.
        now_s: Unix seconds.

    Returns:
        Unix seconds at which it has expired, the skew included.

    Raises:
        Refused: a rule is broken, or it was signed with none of the keys.
    """
    _demand(token, "there is no token")
    _demand("=" not in token, "the token is padded with `=`")
    _demand(_FORM.fullmatch(token), "the token is not three parts in base64url")
    try:
        header = _VERIFIER.get_unverified_header(token)
    except (jwt.InvalidTokenError, RecursionError) as error:
        raise Refused(f"the token cannot be decoded: {error}") from error
    algorithm = _check_header(header)
    claims = _signed_claims(token, keys, algorithm)
    _check_claims(claims, rules, now_s)
    return claims["exp"] + rules.skew_s


def _check_header(header):
    _demand(set(header) == {"alg", "typ"}, f"the header has {_names(header)}; expected exactly alg and typ")
    _demand(header["typ"] == "JWT", f"typ is {header['typ']!r}; expected 'JWT'")
    expected = " or ".join(_ALGORITHMS)
    _demand(header["alg"] in _ALGORITHMS, f"alg is {header['alg']!r}; expected {expected}")
    return header["alg"]


def _signed_claims(token, keys, algorithm):
    _demand(keys, "the device has no key")
    fitting = [key for key in keys if isinstance(key, ec.EllipticCurvePublicKey) == (algorithm == "ES256")]
    _demand(fitting, f"the device has no key for {algorithm}")
    for key in fitting:
        try:
            return _claims(_VERIFIER.decode(token, key, [algorithm]))
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidTokenError as error:
            raise Refused(f"the token cannot be decoded: {error}") from error
    raise Refused("the signature is by none of the device's keys")


def _claims(payload):
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Refused("the claims are not JSON") from error
    _demand(isinstance(claims, dict), "the claims are no JSON object")
    return claims


def _check_claims(claims, rules, now_s):
    for name in ("iat", "exp", "aud"):
        _demand(name in claims, f"{name} is missing")
    issued, expires, audience = claims["iat"], claims["exp"], claims["aud"]
    for name, value in (("iat", issued), ("exp", expires)):
        is_time = type(value) is int and 0 <= value < _TIME_MAX_S
        _demand(is_time, f"{name} is {value!r}; expected Unix seconds, a whole number")
    _demand(audience == rules.audience, f"aud is {audience!r}; expected {rules.audience!r}")
    _demand(issued <= now_s + rules.skew_s, f"the token was issued {issued - now_s:.0f} s in the future")
    _demand(now_s < expires + rules.skew_s, f"the token expired {now_s - expires:.0f} s ago")
    life_s, life_max_s = expires - issued, rules.life_max_s + rules.skew_s
    _demand(life_s <= life_max_s, f"the token lives for {life_s} s; expected at most {life_max_s:g} s")


def _names(header):
    return ", ".join(sorted(map(str, header))) or "nothing"


def _demand(is_so, reason):
    if not is_so:
        raise Refused(reason)
