"""Certificates: an authority, identities it signs, and self-signed devices.

Everything is EC P-256, because boards cannot afford RSA, and is written both as PEM (for brokers and
CPython) and as DER (for boards, which read nothing else). A file is written whole or not at all, is
never replaced, and is readable by its owner alone, from its first moment, where it holds a key.
This file knows files and certificates; it opens no connection.
"""

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .errors import DeskError
from .files import write_new

DESK_HOSTS = ("127.0.0.1", "localhost", "hub.example.test")

_BACKDATED = timedelta(days=1)  # a board's clock may be a little behind the desk's
_IDENTITY_LIFE = timedelta(days=365)
_AUTHORITY_LIFE = timedelta(days=3650)

_PURPOSES = {"device": ExtendedKeyUsageOID.CLIENT_AUTH, "hub": ExtendedKeyUsageOID.SERVER_AUTH}

_COMMON_NAME_MAX_LEN = 64  # RFC 5280, ub-common-name
# An identity's name is also the start of its file names, hence no slash, no space, no leading dot.
_IDENTITY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~%+=@,:-]{0,63}\Z")
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\Z")


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, in files.

    Attributes:
        name: the certificate's common name.
        cert_pem, key_pem, cert_der, key_der: absolute Path of each file; keys are unencrypted PKCS#8.
        fingerprint: SHA-256 of the DER certificate, 64 lower-case hex digits.
    """

    name: str
    cert_pem: Path
    key_pem: Path
    cert_der: Path
    key_der: Path
    fingerprint: str


class Authority:
    """A certificate authority in a folder: `ca.cert.pem`, `ca.cert.der`, `ca.key.pem`.

    Attributes:
        folder: absolute Path of the folder.
        cert_pem, cert_der: absolute Path of the authority's certificate.
        cert: that certificate, x509.Certificate.
    """

    def __init__(self, folder, cert, key):
        self.folder = folder
        self.cert_pem = folder / "ca.cert.pem"
        self.cert_der = folder / "ca.cert.der"
        self.cert = cert
        self._key = key

    @classmethod
    def create(cls, folder, name="desk authority", not_before=None, not_after=None):
        """Make a new authority.

        Args:
            folder: where its files go; made if absent.
            name: its common name, 1 to 64 printable characters.
            not_before, not_after: aware datetimes; default from a day back, for ten years from now.

        Returns:
            Authority.

        Raises:
            DeskError: an argument is wrong, or a file exists already or cannot be written.
        """
        if not (1 <= len(name) <= _COMMON_NAME_MAX_LEN and name.isprintable()):
            raise DeskError(f"Authority name {name!r}: 1 to 64 printable characters are expected.")
        key = new_key()
        usage = _key_usage(key_cert_sign=True, crl_sign=True)
        extensions = [(x509.BasicConstraints(ca=True, path_length=0), True), (usage, True)]
        dates = _validity(not_before, not_after, _AUTHORITY_LIFE)
        cert = _sign(name, key.public_key(), (_subject(name), key), dates, extensions)
        authority = cls(Path(folder).absolute(), cert, key)
        write_new(
            authority.folder,
            {"ca.key.pem": key_pem(key), "ca.cert.pem": cert_pem(cert), "ca.cert.der": cert_der(cert)},
        )
        return authority

    @classmethod
    def load(cls, folder):
        """Take up an authority that `create` made.

        Raises:
            DeskError: a file is missing, unreadable, encrypted, or the key is not the certificate's.
        """
        folder = Path(folder).absolute()
        key = _read(folder / "ca.key.pem", lambda data: serialization.load_pem_private_key(data, None))
        cert = _read(folder / "ca.cert.pem", x509.load_pem_x509_certificate)
        if cert.public_key() != key.public_key():
            raise DeskError(
                f"{folder / 'ca.key.pem'} is not the key of ca.cert.pem beside it.",
                "make a new authority in another folder",
            )
        return cls(folder, cert, key)

    def issue(self, name, kind="device", hosts=DESK_HOSTS, not_before=None, not_after=None, folder=None):
        """Make a key and a certificate for it, signed by this authority.

        Args:
            name: common name and start of the file names: letters, digits and `._~%+=@,:-`, at most 64.
            kind: "device" (may be a TLS client) or "hub" (may be a TLS server).
            hosts: of a hub, the host names and IP addresses it answers for; a device has none.
            not_before, not_after: aware datetimes; default from a day back, for 365 days from now.
            folder: where the four files go; default is the authority's folder.

        Returns:
            Identity.

        Raises:
            DeskError: an argument is wrong, or a file exists already or cannot be written.
        """
        key = new_key()
        cert = self.certify(name, key.public_key(), kind, hosts, not_before, not_after)
        return _write_identity(folder or self.folder, name, key, cert)

    def certify(self, name, public_key, kind="device", hosts=DESK_HOSTS, not_before=None, not_after=None):
        """Make a certificate for a key that exists. Otherwise as `issue`; returns x509.Certificate."""
        if kind not in _PURPOSES:
            raise DeskError(f"Identity kind {kind!r}: one of {', '.join(_PURPOSES)} is expected.")
        check_name(name)
        extensions = _leaf_extensions(kind)
        if kind == "hub":
            extensions.append((_host_names(hosts), False))
        dates = _validity(not_before, not_after, _IDENTITY_LIFE)
        return _sign(name, public_key, (self.cert.subject, self._key), dates, extensions)


def self_signed(folder, name, not_before=None, not_after=None):
    """Make a device identity that no authority signed, for hubs that know devices by fingerprint.

    Args and errors as for `Authority.issue`. Returns Identity.
    """
    key = new_key()
    return _write_identity(folder, name, key, self_certify(name, key, not_before, not_after))


def self_certify(name, key, not_before=None, not_after=None):
    """Make a device's certificate that its own key signs. Errors as for `issue`; returns x509.Certificate."""
    check_name(name)
    dates = _validity(not_before, not_after, _IDENTITY_LIFE)
    return _sign(name, key.public_key(), (_subject(name), key), dates, _leaf_extensions("device"))


def new_key():
    """A new private key, EC P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def check_name(name):
    """Raise DeskError unless `name` can be a common name and the start of a file name."""
    if not _IDENTITY_NAME.match(name):
        raise DeskError(
            f"Identity name {name!r}: 1 to 64 letters, digits and ._~%+=@,:- are expected, "
            "the first a letter or a digit."
        )


# --- what a certificate says ---


def _write_identity(folder, name, key, cert):
    folder = Path(folder).absolute()
    contents = {
        f"{name}.key.pem": key_pem(key),
        f"{name}.key.der": key_der(key),
        f"{name}.cert.pem": cert_pem(cert),
        f"{name}.cert.der": cert_der(cert),
    }
    write_new(folder, contents)
    files = (folder / file_name for file_name in contents)
    key_pem_path, key_der_path, cert_pem_path, cert_der_path = files
    fingerprint = cert.fingerprint(hashes.SHA256()).hex()
    return Identity(name, cert_pem_path, key_pem_path, cert_der_path, key_der_path, fingerprint)


def _subject(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _sign(name, public_key, issuer, dates, extensions):
    """The certificate of `public_key`, by issuer = (name, private key)."""
    issuer_name, issuer_key = issuer
    subject_key_id = x509.SubjectKeyIdentifier.from_public_key(public_key)
    authority_key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(issuer_name)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(dates[0])
        .not_valid_after(dates[1])
    )
    for extension, critical in [*extensions, (subject_key_id, False), (authority_key_id, False)]:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def _leaf_extensions(kind):
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(digital_signature=True), True),
        (x509.ExtendedKeyUsage([_PURPOSES[kind]]), False),
    ]


def _key_usage(**allowed):
    usages = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    ).split()
    return x509.KeyUsage(**(dict.fromkeys(usages, False) | allowed))


def _host_names(hosts):
    if isinstance(hosts, str) or not hosts:
        raise DeskError(f"Hosts {hosts!r}: a list of at least one host name or IP address is expected.")
    return x509.SubjectAlternativeName([_host(host) for host in hosts])


def _host(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not _HOST_NAME.match(host):
        raise DeskError(f"Host {host!r}: a host name in lower case or an IP address is expected.")
    return x509.DNSName(host)


def _validity(not_before, not_after, life):
    now = datetime.now(timezone.utc)
    dates = not_before or now - _BACKDATED, not_after or now + life
    for date in dates:
        if date.tzinfo is None:
            raise DeskError(f"Date {date.isoformat()}: a time zone is expected, as in {now.isoformat()}.")
    if dates[0] > dates[1]:
        first, last = (date.isoformat() for date in dates)
        raise DeskError(f"Validity from {first} to {last}: it ends before it starts.")
    return dates


# --- bytes and files ---


def cert_pem(cert):
    """A certificate as PEM, bytes."""
    return cert.public_bytes(serialization.Encoding.PEM)


def cert_der(cert):
    """A certificate as DER, bytes."""
    return cert.public_bytes(serialization.Encoding.DER)


def key_der(key):
    """A private key as unencrypted PKCS#8 in DER, bytes."""
    return _key_bytes(key, serialization.Encoding.DER)


def key_pem(key):
    """A private key as unencrypted PKCS#8 in PEM, bytes."""
    return _key_bytes(key, serialization.Encoding.PEM)


def encrypted(path):
    """The DeskError about a private key that has a password."""
    hint = f"decrypt it: openssl pkey -in {path} -out plain.key.pem"
    return DeskError(f"{path} is encrypted; expected a key without a password.", hint)


def _key_bytes(key, encoding):
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _read(path, parse):
    try:
        return parse(path.read_bytes())
    except OSError as error:
        hint = "take it from a copy of the folder; `hublink ca init --replace` makes another authority"
        raise DeskError(f"Cannot read {path}: {error.strerror}.", hint) from error
    except TypeError as error:
        raise encrypted(path) from error
    except ValueError as error:
        raise DeskError(f"{path} does not hold what its name says: {error}.") from error
