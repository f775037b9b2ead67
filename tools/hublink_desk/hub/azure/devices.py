"""A device of an Azure IoT Hub. In the devices file:

    [[device]]
    id = "sensor-1"                     # its certificate is of the CA, with this as its common name

    [[device]]
    id = "sensor-2"
    auth = "thumbprint"
    primary = "sensor-2.cert.pem"       # certificate file, relative to this file; or SHA-1 or SHA-256 in hex
    secondary = ""                      # default

    [[device]]
    id = "sensor-3"
    auth = "sas"
    primary = "c2VjcmV0IG9mIHNlbnNvci0z"  # key in base64; by default a random one
    enabled = true                        # default

Plain checked values: this file knows no token and no connection.
"""

import base64
import binascii
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from ...errors import DeskError
from .. import tables
from ..tls import fingerprint, read_certificates

AUTHS = {"ca": "certificateAuthority", "thumbprint": "selfSigned", "sas": "sas"}  # as a twin calls them
_KEY_LEN = 32
_ID = re.compile(r"[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}")
_THUMBPRINT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})")  # SHA-1 or SHA-256
_KINDS = {
    "id": (str, "a text"),
    "auth": (str, f"one of {', '.join(AUTHS)}"),
    "primary": (str, "a key, a thumbprint or the name of a certificate file"),
    "secondary": (str, "a key, a thumbprint or the name of a certificate file"),
    "enabled": (bool, "true or false"),
}


@dataclass(frozen=True)
class Device:
    """A device as the hub has it.

    Args:
        id: up to 128 letters, digits and `-:.+%_#*?!(),=@;$'`; upper and lower case differ.
        auth: "ca": certificate of the hub's CA with the ID as its common name; "thumbprint": a certificate
            of one of two thumbprints; "sas": tokens signed with one of two keys.
        primary, secondary: thumbprint: file (Path or str) of a certificate, or SHA-1 or SHA-256 in
            hexadecimal of one that the CA has signed; sas: key in base64, by default a random one.
        enabled: False if it may not connect.

    Raises:
        DeskError: an argument is wrong.
    """

    id: str
    auth: str = "ca"
    primary: str | Path = ""
    secondary: str | Path = ""
    enabled: bool = True

    def __post_init__(self):
        if not isinstance(self.id, str) or not _ID.fullmatch(self.id):
            expected = "1 to 128 of letters, digits and -:.+%_#*?!(),=@;$'"
            raise DeskError(f"id is {self.id!r}; expected {expected}.")
        if self.auth not in AUTHS:
            raise DeskError(f"auth is {self.auth!r}; expected one of {', '.join(AUTHS)}.")
        if self.auth == "ca" and (self.primary or self.secondary):
            raise DeskError("primary or secondary is given; expected none, because auth is 'ca'.")
        if self.auth == "thumbprint" and not self.primary:
            raise DeskError("primary is missing; expected a certificate file or a thumbprint.")


@dataclass(frozen=True)
class Proof:
    """One of the two things that prove a device: `value` is a key in base64 or a thumbprint in hexadecimal.

    `certificate` is the one to be trusted by itself, or None.
    """

    value: str
    certificate: object = None


def proof(auth, given, folder=Path()):
    """The Proof that `given` stands for: a key, a thumbprint or a file; "" is a random key, or none at all.

    Raises:
        DeskError: it is neither, or the file holds no certificate.
    """
    if auth == "sas":
        return Proof(_checked_key(given) if given else new_key())
    text = str(given).replace(":", "").lower()
    if not given or _THUMBPRINT.fullmatch(text):
        return Proof(text)
    certificate = read_certificates(folder / given)[0]
    return Proof(fingerprint(certificate), certificate)


def new_key():
    """A random key in base64."""
    return base64.b64encode(secrets.token_bytes(_KEY_LEN)).decode()


def _checked_key(given):
    try:
        if base64.b64decode(given, validate=True):
            return given
    except (binascii.Error, TypeError, ValueError):
        pass
    raise DeskError(f"key is {given!r}; expected base64.")


def from_table(table, folder):
    """The Device of a table of the devices file; file names in it start from `folder`, a Path.

    Raises:
        DeskError: a key is unknown or missing, or a value is wrong.
    """
    tables.check(table, _KINDS, required=("id",))
    values = dict(table)
    if values.get("auth") == "thumbprint":
        for key in ("primary", "secondary"):
            values[key] = _path(values.get(key, ""), folder)
    return Device(**values)


def _path(given, folder):
    is_thumbprint = _THUMBPRINT.fullmatch(given.replace(":", "").lower())
    return given if not given or is_thumbprint else folder / given
