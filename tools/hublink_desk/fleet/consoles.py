"""What each hub's console wants to be given, and what its devices' certificates have to say.

Scaleway: the common name is the device's name, or the hub knows the certificate by its fingerprint
(scaleway/docs-content: provide-own-certificate-authority.mdx, devices.mdx). Azure: it is the device ID, or
the hub knows the thumbprint (azure-docs: authenticate-authorize-x509.md). ClearBlade and OmniCore take no
client certificates; the public key checks the device's tokens.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes

from .identity import CONSOLE, common_name, fingerprint, is_issued_by

_PUBLIC_KEY = "Console, device {id}: add the public key {console}/device.public.pem, format ES256."

_REFUSED_TOKEN = (
    "in the console: does the device have this public key as ES256, is it allowed to communicate, "
    "are project or subscription, region and registry right?"
)
_NO_PROOF = "Console: allow insecure connections; whoever knows the device's ID is the device."

_SECRET = "Console: nothing to add; the key is the hub's own."


@dataclass(frozen=True)
class Console:
    """One type of hub.

    Attributes:
        common_name: setting of "hub" that is the certificate's common name; "": the device's name.
        authority: which certificate the device has to trust, and where it is found.
        steps: what a person does in the console.
        if_signed: what else can be done there where an authority has signed the certificate.
        refused: what to look at when the hub does not let the device in.
    """

    common_name: str = ""
    authority: str = ""
    steps: str = ""
    if_signed: str = ""
    refused: str = ""


CONSOLES = {
    "generic": Console(
        steps="Broker: trust {ca}; the device is the certificate's common name, {cn}.",
        refused="look at the broker's log and access rules, at hub.client_id, hub.user and hub.password",
    ),
    "scaleway": Console(
        authority="iot-hub-ca-ecdsa.pem of https://iot.s3.nl-ams.scw.cloud/certificates/fr-par/",
        steps="Console, device {id}: give it the name {cn} and the certificate {console}/device.cert.pem, "
        "which the hub then knows by its fingerprint.",
        refused="in the console: is the device enabled, is this its ID, does it have this certificate?",
    ),
    "clearblade": Console(
        authority="DigiCert TLS ECC P384 Root G5 (hosts with -g5-), or the hub's own page on certificates",
        steps=_PUBLIC_KEY,
        refused=_REFUSED_TOKEN,
    ),
    "omnicore": Console(
        authority="the root certificate that OmniCore's console offers",
        steps=_PUBLIC_KEY,
        refused=_REFUSED_TOKEN,
    ),
    "azure": Console(
        common_name="device_id",
        authority="DigiCert Global Root G2, and Microsoft RSA Root CA 2017 beside it",
        steps="Portal, device {id}: X.509 Self-Signed, the thumbprint below as primary and as secondary.",
        if_signed=" Or X.509 CA Signed, with the authority {ca} registered at the hub.",
        refused="in the portal: is the device enabled, and is this thumbprint, or this authority, known?",
    ),
}


def name_for_certificate(hub, device):
    """The common name that this hub expects. hub: section of the configuration; device: the device's name."""
    setting = CONSOLES[hub["type"]].common_name
    return hub.get(setting, "{device}").replace("{device}", device) if setting else device


def report(hub, device, identity, folder, authorities):
    """What to tell the person who sets the device up in the hub's console, as a dict of texts.

    Args:
        hub: section of the configuration.
        device: the device's name.
        identity: Identity.
        folder: Path of the device's folder.
        authorities: dict of Path -> certificate of our own authorities, PEM.
    """
    told = {"console": _SECRET if identity.secret else _NO_PROOF}
    if identity.key:
        told["console"] = _steps(hub, device, identity.cert, folder / CONSOLE, authorities)
    if identity.cert:
        told["common name"] = common_name(identity.cert)
        told["sha256"] = fingerprint(identity.cert)
        told["sha1"] = fingerprint(identity.cert, hashes.SHA1).upper()  # as Azure shows thumbprints
        told |= validity(identity.cert, authorities.values())
    return told


def _steps(hub, device, cert, folder, authorities):
    console = CONSOLES[hub["type"]]
    is_signed = cert is not None and not is_issued_by(cert, cert)
    return (console.steps + console.if_signed * is_signed).format(
        id=hub.get("device_id", device).replace("{device}", device),
        cn=common_name(cert) if cert else device,
        ca=_signer(cert, authorities) if is_signed else folder / "device.cert.pem",
        console=folder,
    )


def _signer(cert, authorities):
    """Path of the authority of ours that has signed, or the name of somebody else's."""
    ours = (path for path, authority in authorities.items() if is_issued_by(cert, authority))
    return next(ours, cert.issuer.rfc4514_string())


def validity(cert, authorities):
    """What to tell of a certificate's end, as a dict of texts. authorities: certificates of our own."""
    end = cert.not_valid_after_utc
    told = {"valid until": f"{end:%Y-%m-%d}"}
    if any(is_issued_by(cert, each) and end == each.not_valid_after_utc for each in authorities):
        told["note"] = "Not longer, because its authority ends then."
    return told
