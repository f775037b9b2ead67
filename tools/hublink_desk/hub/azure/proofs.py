"""How a device says who it is and proves it (hub-dialects 5.1): user name, certificate, SAS token.

Each function returns what it found or raises Refused, whose text says why.
"""

import base64
import hmac
import re

from . import bags

_USERNAME = re.compile(r"(?P<host>[^/]+)/(?P<device>[^/]+)(?:/\??(?P<bag>[^/]*))?")
_API_VERSION = re.compile(r"\d{4}-\d\d-\d\d(?:-preview)?")
_TOKEN = re.compile(r"SharedAccessSignature ([^ ]*)")
_UNIX_S = re.compile(r"[0-9]{1,12}")
_FORM = "HOST/DEVICE/?api-version=YYYY-MM-DD"


class Refused(Exception):
    """A device is not let in; the text says why."""


def parse_username(text, is_api_version_required):
    """(host, device ID) of a user name; None is one that was not sent."""
    match = _USERNAME.fullmatch(text or "")
    _demand(match, f"user name is {text!r}; expected {_FORM}")
    bag = _bag(match["bag"] or "", "user name")
    version = bag.get("api-version")
    if version is None:
        _demand(not is_api_version_required, f"user name is {text!r}; expected {_FORM}")
    else:
        _demand(_API_VERSION.fullmatch(version), f"api-version is {version!r}; expected a date")
    return match["host"], match["device"]


def check_authority(certificate, device_id):
    """A certificate (tls.PeerCertificate or None) must be of the hub's CA and name the device."""
    _demand(certificate, "a client certificate is required")
    _demand(certificate.is_from_hub_ca, "the certificate is not signed by the hub's CA")
    name = certificate.common_name
    _demand(name == device_id, f"the certificate names {name!r}; expected {device_id!r}")


def check_thumbprint(certificate, thumbprints):
    """Which of the thumbprints a certificate has."""
    _demand(certificate, "a client certificate is required")
    for thumbprint in (certificate.fingerprint, certificate.fingerprint_sha1):
        if thumbprint in thumbprints:
            return thumbprint
    raise Refused("the certificate has neither the primary nor the secondary thumbprint")


def check_token(token, host, device_id, keys, now_s, skew_s):
    """Check a SAS token.

    Args:
        token: text, or None.
        host, device_id: that it must be for.
        keys: in base64, any of which may have signed it.
        now_s: Unix seconds.
        skew_s: how far the clocks may be apart.

    Returns:
        (the key, Unix seconds at which the token has expired, the skew included).
    """
    _demand(token, "there is no token")
    match = _TOKEN.fullmatch(token)
    _demand(match, "the token does not start with 'SharedAccessSignature ' or has another space")
    raw = _fields(match[1])
    resource, expires = f"{host}/devices/{device_id}", raw["se"]
    _demand("/" not in raw["sr"], f"sr is {raw['sr']!r}; expected it url-encoded")
    is_for = _decoded(raw["sr"], "sr")
    _demand(is_for == resource, f"sr is for {is_for!r}; expected {resource!r}")
    _demand(_UNIX_S.fullmatch(expires), f"se is {expires!r}; expected Unix seconds")
    key = _signer(_decoded(raw["sig"], "sig"), f"{raw['sr']}\n{expires}".encode(), keys)
    ends_at = int(expires) + skew_s
    _demand(now_s < ends_at, f"the token expired {now_s - int(expires):.0f} s ago")
    return key, ends_at


def _fields(text):
    """dict of the fields of a token, still encoded, because the signature is over what was sent."""
    raw = dict(part.partition("=")[::2] for part in text.split("&"))
    _demand(not raw.get("skn"), "skn names a policy of the hub; expected a token of the device")
    for name in ("sr", "sig", "se"):
        _demand(raw.get(name), f"{name} is missing")
    return raw


def _signer(signature, signed, keys):
    for key in keys:
        digest = hmac.digest(base64.b64decode(key), signed, "sha256")
        if hmac.compare_digest(base64.b64encode(digest), signature.encode()):
            return key
    raise Refused("the signature is by none of the device's keys")


def _decoded(text, name):
    try:
        return bags.decoded(text)
    except bags.BadBag as error:
        raise Refused(f"{name} is not url-encoded: {error}") from error


def _bag(text, name):
    try:
        return bags.parse(text)
    except bags.BadBag as error:
        raise Refused(f"{name} cannot be read: {error}") from error


def _demand(is_so, reason):
    if not is_so:
        raise Refused(reason)
