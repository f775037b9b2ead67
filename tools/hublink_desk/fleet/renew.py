"""`hublink device renew`: a new certificate for a device, over the same key unless told otherwise."""

import json
from pathlib import Path

import click

from .. import device_code, pki
from ..errors import DeskError
from ..files import PRIVATE, changed_folder, locked, write
from . import consoles
from .home import (
    CONFIG,
    Fleet,
    days_option,
    end_after,
    hub_ca_option,
    option,
    settings_of,
    tell,
    write_identity,
)
from .identity import (
    CERT,
    KEY,
    Identity,
    authority_files,
    common_name,
    imported,
    is_issued_by,
    read_certificates,
    read_key,
)

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("name")
@option
@click.option("--new-key", is_flag=True, help="Replace the key, too. The old one is gone for good.")
@click.option("--cert", type=_FILE, help="A certificate that the hub's console made, PEM or DER.")
@click.option("--key", type=_FILE, help="Its key, where the console made another; replaces the old one.")
@click.option("--secret", type=_FILE, help="A file with the new key of the hub's console, base64.")
@hub_ca_option
@days_option(365)
@click.option("--json", "is_json", is_flag=True, help="As JSON.")
def renew(name, folder, new_key, cert, key, secret, hub_ca, days, is_json):
    """Renew a device's certificate. The key stays, unless --new-key or --key says otherwise.

    The board has it after the next deploy; a hub that knows the device by fingerprint has to be told. Where
    the device trusts an authority of ours that was replaced, it trusts the present one from then on.
    --hub-ca alone changes what it trusts, and nothing else.

    \b
    Example: hublink device renew sensor-1 --days 90
    """
    is_imported = bool(cert or key or secret)
    if new_key and is_imported:
        raise click.UsageError("--new-key makes a key; --cert, --key and --secret take one in.")
    fleet = Fleet(folder)
    place = fleet.folder / fleet.entry(name).folder
    settings = settings_of(place)
    needed = device_code.needed_credentials(settings["hub"])
    if is_imported:
        identity = imported(needed, cert, key or (place / KEY if cert else None), secret)
    elif hub_ca and not new_key:
        identity = Identity()
    else:
        identity = _made(fleet, needed, place, new_key, days)
    with locked(fleet.folder), changed_folder(place) as changed:
        write_identity(changed, identity)
        _trust(fleet, changed, settings, hub_ca)
        settings_of(changed)
    told = {"folder": str(place)}
    if identity != Identity():
        told |= consoles.report(settings["hub"], name, identity, place, fleet.own_authorities())
    tell(told, is_json)


def _trust(fleet, place, settings, hub_ca):
    """Have the device trust the authorities in files; without any, ours in place of those it has replaced."""
    names = settings["tls"]["ca"]
    if hub_ca:
        trusted = [cert for path in hub_ca for cert in read_certificates(path)]
    else:
        before = [read_certificates(place / name)[0] for name in names]
        present = [fleet.authority().cert if fleet.has_replaced(cert) else cert for cert in before]
        trusted = list(dict.fromkeys(present))
        if trusted == before:
            return
    for name in names:
        (place / name).unlink(missing_ok=True)
    files = authority_files(trusted)
    for name, data in files.items():
        write(place / name, data)
    config = json.loads((place / CONFIG).read_bytes())
    config["tls"]["ca"] = list(files)
    write(place / CONFIG, device_code.dump(config), PRIVATE)


def _made(fleet, needed, place, new_key, days):
    """The Identity with a new certificate by the authority that made the old one: ours, or its own key."""
    if "key" not in needed:
        hint = "a key of the hub's console is taken in with --secret" if needed else ""
        raise DeskError("This device has neither key nor certificate of its own to renew.", hint)
    if "cert" not in needed:
        if not new_key:
            hint = "--new-key makes another; --hub-ca replaces the authority that it trusts"
            raise DeskError("This device has a key alone, which does not end.", hint)
        return Identity(pki.new_key())
    old = read_certificates(place / CERT)[0]
    key = pki.new_key() if new_key else read_key(place / KEY)
    if is_issued_by(old, old):
        return Identity(key, pki.self_certify(common_name(old), key, not_after=end_after(days)))
    if old.issuer not in [each.subject for each in fleet.own_authorities().values()]:
        raise DeskError(
            f"The certificate is by {old.issuer.rfc4514_string()}, not by an authority of this fleet.",
            "renew it where it was made, and take it in with --cert and --key",
        )
    authority = fleet.authority()
    end = end_after(days, authority)
    return Identity(key, authority.certify(common_name(old), key.public_key(), not_after=end))
