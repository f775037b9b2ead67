"""A device of an IoT Core registry, which may be a gateway. In the devices file:

    [[device]]
    id = "gateway-1"
    keys = ["gateway-1.cert.pem"]      # at most 3: public keys or certificates; relative to this file
    gateway = "ASSOCIATION_ONLY"       # how it may attach devices; default: it is no gateway
    bound = ["light-1"]                # devices that it may speak for; default: none
    blocked = false                    # default

    [[device]]
    id = "light-1"

Plain checked values: this file knows no token and no connection.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ...errors import DeskError
from .. import tables

# How a gateway's devices are authenticated -> (must it be bound, must it send its own token).
METHODS = {
    "ASSOCIATION_ONLY": (True, False),
    "DEVICE_AUTH_TOKEN_ONLY": (False, True),
    "ASSOCIATION_AND_DEVICE_AUTH_TOKEN": (True, True),
}
_KEYS_MAX = 3
_ID = re.compile(r"(?!goog)[a-zA-Z][-a-zA-Z0-9._+~%]{2,254}")
_KINDS = {
    "id": (str, "a text"),
    "keys": (list, "a list of names of key or certificate files"),
    "gateway": (str, f"one of {', '.join(METHODS)}"),
    "bound": (list, "a list of device IDs"),
    "blocked": (bool, "true or false"),
}


@dataclass(frozen=True)
class Device:
    """A device as the registry has it.

    Args:
        id: 3 to 255 characters, a letter first, not starting with "goog".
        keys: up to three files, each a public key or a certificate, PEM or DER; any of them may sign.
        gateway: of a gateway, one of METHODS; "" for a device that is none.
        bound: IDs of the devices that a gateway speaks for.
        blocked: True if it may neither connect nor be attached.

    Raises:
        DeskError: an argument is wrong.
    """

    id: str
    keys: tuple = ()
    gateway: str = ""
    bound: tuple = ()
    blocked: bool = False

    def __post_init__(self):
        if not isinstance(self.id, str) or not is_id(self.id):
            expected = "3 to 255 of letters, digits and -._+~%, a letter first, and not goog"
            raise DeskError(f"id is {self.id!r}; expected {expected}.")
        if self.gateway and self.gateway not in METHODS:
            raise DeskError(f"gateway is {self.gateway!r}; expected one of {', '.join(METHODS)}.")
        if self.bound and not self.gateway:
            raise DeskError("bound is given; expected none, because only a gateway has bound devices.")
        if len(self.keys) > _KEYS_MAX:
            raise DeskError(f"keys has {len(self.keys)} files; expected at most {_KEYS_MAX}.")

    @property
    def must_be_bound(self):
        return METHODS[self.gateway][0]

    @property
    def must_send_token(self):
        return METHODS[self.gateway][1]


def is_id(text):
    """True if a device may have that ID."""
    return bool(_ID.fullmatch(text))


def from_table(table, folder):
    """The Device of a table of the devices file; file names in it start from `folder`, a Path.

    Raises:
        DeskError: a key is unknown or missing, or a value is wrong.
    """
    tables.check(table, _KINDS, required=("id",))
    for key in ("keys", "bound"):
        if not all(isinstance(item, str) for item in table.get(key, ())):
            raise DeskError(f"{key} is {table[key]!r}; expected {_KINDS[key][1]}.")
    keys = tuple(folder / name for name in table.get("keys", ()))
    return Device(**{**table, "keys": keys, "bound": tuple(table.get("bound", ()))})


def read_key(path):
    """The public key (cryptography's) in a file: EC P-256 for ES256, or RSA of 2048 bits and more for RS256.

    Raises:
        DeskError: the file cannot be read or holds none.
    """
    try:
        key = _parsed(Path(path).read_bytes())
    except OSError as error:
        raise DeskError(f"{path}: cannot be read ({error.strerror}); expected a public key.") from error
    except ValueError as error:
        raise DeskError(f"{path}: holds no public key and no certificate; expected PEM or DER.") from error
    is_ec = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    if not is_ec and not (isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048):
        raise DeskError(f"{path}: is a key of another kind; expected EC P-256, or RSA of at least 2048 bits.")
    return key


def _parsed(data):
    if b"-----BEGIN CERTIFICATE" in data:
        return x509.load_pem_x509_certificate(data).public_key()
    if b"-----BEGIN" in data:
        return serialization.load_pem_public_key(data)
    try:
        return x509.load_der_x509_certificate(data).public_key()
    except ValueError:
        return serialization.load_der_public_key(data)
