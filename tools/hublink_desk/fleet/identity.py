"""A device's key and certificate: taken from files of any usual form, and turned into those it needs."""

from dataclasses import dataclass
from datetime import datetime, timezone

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from .. import pki
from ..errors import DeskError

CERT, KEY, SECRET = "device.der", "device.key.der", "device.secret"
_FILES = {"cert": CERT, "key": KEY, "secret": SECRET}  # setting of the section "tls" -> file
CONSOLE = "console"


@dataclass(frozen=True)
class Identity:
    """What proves a device.

    Attributes:
        key: private key; None where something else proves it, or nothing but an ID.
        cert: x509.Certificate; None where the key signs tokens.
        secret: bytes, base64; the key that the hub has, too, where that signs tokens.
    """

    key: object = None
    cert: object = None
    secret: bytes = b""

    def board_files(self):
        """dict of file name -> bytes, for the board: DER, or the secret as it is."""
        files = {SECRET: self.secret} if self.secret else {}
        if self.key:
            files[KEY] = pki.key_der(self.key)
        if self.cert:
            files[CERT] = pki.cert_der(self.cert)
        return files

    def console_files(self):
        """dict of file name -> bytes, PEM, for the hub's console. No secret among them."""
        files = {}
        if self.key:
            files["device.public.pem"] = self.key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        if self.cert:
            files["device.cert.pem"] = pki.cert_pem(self.cert)
        return files

    def tls_settings(self):
        """dict: the settings of the section "tls" that name the files."""
        given = {"cert": self.cert, "key": self.key, "secret": self.secret}
        return {name: file for name, file in _FILES.items() if given[name]}


def authority_files(certs):
    """dict of file name -> DER, for the board, of the authorities that a device trusts."""
    names = ["ca.der"] + [f"ca{number}.der" for number in range(2, len(certs) + 1)]
    return dict(zip(names, map(pki.cert_der, certs), strict=True))


def fingerprint(cert, algorithm=hashes.SHA256):
    """Hash of a certificate in hex digits, lower case. algorithm: hashes.SHA256 or hashes.SHA1."""
    return cert.fingerprint(algorithm()).hex()


def common_name(cert):
    """Common name of a certificate's subject, "" if it has none."""
    names = cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return names[0].value if names else ""


def host_names(cert):
    """list of the host names and addresses that a server's certificate is for, as texts."""
    names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def is_issued_by(cert, authority):
    """True if the key of the certificate `authority` has signed `cert`."""
    try:
        cert.verify_directly_issued_by(authority)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


# --- reading ---


def imported(needed, cert, key, secret):
    """The Identity in files that a hub's console made.

    Args:
        needed: which of "cert", "key" and "secret" prove the device.
        cert, key: Path of PEM or DER files, or None.
        secret: Path of a file in base64, or None.

    Raises:
        DeskError: another set of files is expected, one cannot be used, or they do not belong together.
    """
    given = tuple(name for name, path in (("cert", cert), ("key", key), ("secret", secret)) if path)
    if set(given) != set(needed):
        expected = " and ".join(f"--{name}" for name in needed) or "no file"
        shown = " and ".join(f"--{name}" for name in given)
        raise DeskError(f"{shown} given; a hub with these settings takes {expected}.")
    if secret:
        return Identity(secret=_data(secret, "a key in base64").strip())
    return _read(cert, key)


def _read(cert_path, key_path):
    key = read_key(key_path)
    cert = _read_own(cert_path) if cert_path else None
    if cert and cert.public_key() != key.public_key():
        raise DeskError(
            f"{key_path} is not the key of {cert_path}.", "take both from the same download of the console"
        )
    return Identity(key, cert)


def _read_own(path):
    """The device's certificate in a file, which is alone there, since boards show no chain, and valid now."""
    cert, *others = read_certificates(path)
    if others:
        hint = "cut the others off; the hub has to trust the authority that has signed the device's itself"
        raise DeskError(
            f"{path} has {1 + len(others)} certificates; expected the device's alone: boards show no chain.",
            hint,
        )
    first, last = cert.not_valid_before_utc, cert.not_valid_after_utc
    if not first <= datetime.now(timezone.utc) <= last:
        hint = "take another from the console; or is this desk's clock wrong?"
        raise DeskError(
            f"{path} is valid from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC only.", hint
        )
    return cert


def read_key(path):
    """The private key in a PEM or DER file. Raises DeskError."""
    data = _data(path, "a private key")
    try:
        if b"-----BEGIN" in data:
            return serialization.load_pem_private_key(data, None)
        return serialization.load_der_private_key(data, None)
    except TypeError as error:
        raise pki.encrypted(path) from error
    except ValueError as error:
        raise DeskError(f"{path} holds no private key; expected PEM or DER.") from error


def key_problem(key):
    """What speaks against a private key on a board, "" if nothing (platform-facts, section 1.8)."""
    if isinstance(key, rsa.RSAPrivateKey):
        return "an RSA key takes a Pico W 4 to 7 s at once, its watchdog bites after 8; expected EC P-256"
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1":
        return ""
    return "boards are tested with EC P-256 keys only, and this is another kind"


def read_certificates(path):
    """The certificates in a PEM or DER file, at least one, as a list. Raises DeskError."""
    data = _data(path, "a certificate")
    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificates(data)
        return [x509.load_der_x509_certificate(data)]
    except ValueError as error:
        raise DeskError(f"{path} holds no certificate; expected PEM or DER.") from error


def _data(path, expected):
    try:
        return path.read_bytes()
    except OSError as error:
        raise DeskError(f"{path} cannot be read ({error.strerror}); expected {expected}.") from error
