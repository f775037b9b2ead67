# JSON Web Tokens signed with ES256 (RFC 7519, RFC 7515). Pure.
import json
from binascii import b2a_base64
from hashlib import sha256

from . import es256


# Base64 of URLs, without padding (RFC 7515, section 2).
def _base64url(data):
    return b2a_base64(data, newline=False).replace(b"+", b"-").replace(b"/", b"_").rstrip(b"=")


# A generator that makes a token for one audience (text), from and until Unix seconds, in slices: it
# yields None after each but the last, then the token (bytes). `for token in make(...): gc.collect()`
# leaves it in `token`. key is that of es256.sign.
def make(key, audience, issued_s, expires_s):
    claims = '{"aud":%s,"iat":%d,"exp":%d}' % (json.dumps(audience), issued_s, expires_s)
    signed = _base64url(b'{"alg":"ES256","typ":"JWT"}') + b"." + _base64url(claims.encode())
    for signature in es256.sign(key, sha256(signed).digest()):
        yield signature and signed + b"." + _base64url(signature)
