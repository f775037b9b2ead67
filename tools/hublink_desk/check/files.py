"""Looks at a configuration and the files it names, as far as that can be done without the hub."""

from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from .. import device_code
from ..fleet.consoles import name_for_certificate
from ..fleet.identity import common_name, is_issued_by, key_problem
from .finding import ERROR, OK, WARNING, Finding

_SOON = timedelta(days=30)
_DATES = ("expired", "not_yet_valid")  # what a hub says of these is worth hearing
_RENEW = "renew it: hublink device renew"


def look_at(path, board=None):
    """Look at a configuration.

    Args:
        path: Path of the file.
        board: Board it is for, if that is known.

    Returns:
        (list of Finding, settings, credentials): the latter two None unless one can connect with them.

    Raises:
        DeskError: there is no such file.
    """
    try:
        settings, credentials = device_code.read(path)
    except device_code.Refused as refused:
        return [complaint(text) for text in refused.complaints], None, None
    findings = [
        Finding(OK, "config", f"the device takes it: {settings['device']} at {settings['hub']['host']}")
    ]
    if board and board.needs_wifi and not settings["wifi"]["networks"]:
        findings.append(complaint(f"wifi.networks: empty, expected a network for {board.name}"))
    findings += _credentials(settings, credentials)
    if any(finding.level == ERROR and finding.code not in _DATES for finding in findings):
        return findings, None, None
    return findings, settings, credentials


def complaint(text):
    """The Finding of a sentence of the device's own checker."""
    setting, colon, rest = text.partition(": ")
    return Finding(ERROR, setting if colon else "config", rest or text, code="refused")


def _credentials(settings, credentials):
    authorities, findings = [], []
    for name, data in zip(settings["tls"]["ca"], credentials["ca"], strict=True):
        cert = parsed(f"tls.ca {name}", data, x509.load_der_x509_certificate, findings)
        if cert:
            authorities.append(cert)
            findings.append(dates(f"tls.ca {name}", cert, "replace it by the hub's new authority"))
    key = cert = None
    if credentials["key"]:
        key = parsed("tls.key", credentials["key"], _private_key, findings)
    if credentials["cert"]:
        cert = parsed("tls.cert", credentials["cert"], x509.load_der_x509_certificate, findings)
    if key:
        findings += _key(settings, key, cert, credentials)
    if credentials["secret"]:
        findings.append(Finding(OK, "tls.secret", "base64, signs tokens"))
    if cert:
        findings.append(dates("tls.cert", cert, _RENEW))
        findings += _names(settings, cert, authorities)
    return findings


def _private_key(data):
    return serialization.load_der_private_key(data, None)


def parsed(what, data, parse, findings):
    """parse(data); if it raises, None, and a Finding about `what` more."""
    try:
        return parse(data)
    except (ValueError, TypeError) as error:  # TypeError: encrypted
        findings.append(Finding(ERROR, what, f"cannot be read: {error}", code="unreadable"))
        return None


def dates(what, cert, hint):
    """The Finding about when a certificate ends. hint: what to do about it in time."""
    now = datetime.now(timezone.utc)
    first, last = cert.not_valid_before_utc, cert.not_valid_after_utc
    name = common_name(cert) or cert.subject.rfc4514_string()
    if now < first:
        text = f"{name} is valid from {first:%Y-%m-%d %H:%M} UTC only"
        return Finding(ERROR, what, text, "is this desk's clock right?", "not_yet_valid")
    if now > last:
        return Finding(ERROR, what, f"{name} has expired on {last:%Y-%m-%d}", hint, "expired")
    if last - now < _SOON:
        text = f"{name} expires on {last:%Y-%m-%d}, in {(last - now).days} days"
        return Finding(WARNING, what, text, hint, "expires_soon")
    return Finding(OK, what, f"{name}, valid until {last:%Y-%m-%d}")


def _key(settings, key, cert, credentials):
    if cert and key.public_key() != cert.public_key():
        hint = "take certificate and key of the same device"
        yield Finding(ERROR, "tls.key", "is not the key of tls.cert", hint, "wrong_key")
        return
    if not cert:
        try:
            device_code.connect_packet(settings, credentials)
        except device_code.Refused as refused:
            yield complaint(refused.complaints[0])
            return
    problem = key_problem(key)
    if problem:
        yield Finding(WARNING, "tls.key", problem, code="slow_key")
    else:
        yield Finding(OK, "tls.key", "EC P-256" + (", the key of tls.cert" if cert else ", signs tokens"))


def _names(settings, cert, authorities):
    """By whom the certificate is, and whether its common name is what the hub looks for."""
    if is_issued_by(cert, cert):
        text = "self-signed: the hub has to know its fingerprint"
        return [Finding(OK, "tls.cert", text)]
    found = []
    signers = [authority for authority in authorities if authority.subject == cert.issuer]
    if any(is_issued_by(cert, authority) for authority in signers):
        found.append(Finding(OK, "tls.cert", f"signed by {common_name(signers[0])}, which is in tls.ca"))
    elif signers:
        text = f"says it is by {common_name(signers[0])}, but that one in tls.ca has not signed it"
        hint = "was the authority replaced? Renew the certificate, or name the old authority"
        found.append(Finding(WARNING, "tls.cert", text, hint, "other_authority"))
    else:
        by = cert.issuer.rfc4514_string()
        found.append(Finding(OK, "tls.cert", f"signed by {by}; whether the hub knows it, --connect tells"))
    wanted = name_for_certificate(settings["hub"], settings["device"])
    if common_name(cert) != wanted:
        text = f"common name {common_name(cert)!r}, and the hub looks for {wanted!r}"
        hint = "that does not matter where the hub knows the certificate by its fingerprint"
        found.append(Finding(WARNING, "tls.cert", text, hint, "common_name"))
    return found
