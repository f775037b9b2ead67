"""`hublink ca`: the authority that signs the fleet's certificates."""

import click

from .. import pki
from ..errors import DeskError
from ..files import changed_folder, locked, write
from .consoles import validity
from .home import Fleet, days_option, end_after, option, tell
from .identity import fingerprint, host_names, read_certificates


@click.group("ca")
def command():
    """Make the authority that signs certificates, and those of brokers of your own."""


@command.command()
@option
@click.option("--name", default="hublink authority", show_default=True, help="Its common name.")
@days_option(3650)
@click.option(
    "--replace",
    is_flag=True,
    help="Move an authority that is there aside, into a folder beside it, and make another. Hubs that trust "
    "the new one alone refuse every device until its certificate is renewed.",
)
@click.option("--json", "is_json", is_flag=True, help="As JSON.")
def init(folder, name, days, replace, is_json):
    """Make an authority, EC P-256, in the folder `ca` of the fleet. Its key stays there, for its owner alone.

    \b
    Example: hublink ca init --name "Greenhouse authority"
    """
    authority, aside = Fleet(folder).create_authority(name, days, replace)
    about = {
        "certificate": str(authority.cert_pem),
        "sha256": fingerprint(authority.cert),
        "valid until": f"{authority.cert.not_valid_after_utc:%Y-%m-%d}",
    }
    if aside:
        about["moved aside"] = str(aside)
        about["next"] = (
            "hublink ca server NAME --renew, and hublink device renew, for all that `device list` names"
        )
    about["note"] = "Keep a copy of the folder: without its key no certificate can be renewed."
    tell(about, is_json)


@command.command()
@click.argument("name")
@option
@click.option("--host", "hosts", multiple=True, help="Host name or address; may be repeated.")
@click.option(
    "--renew",
    is_flag=True,
    help="Make the certificate anew, over its key; hosts stay unless --host is given.",
)
@days_option(365)
@click.option("--json", "is_json", is_flag=True, help="As JSON.")
def server(name, folder, hosts, renew, days, is_json):
    """Make key and certificate of a broker of your own, or of `hublink hub`, in hubs/NAME of the fleet.

    \b
    Example: hublink ca server broker --host broker.example.test --host 192.168.1.10
    """
    fleet = Fleet(folder)
    authority, place = fleet.authority(), fleet.hub_folder(name)
    end = end_after(days, authority)
    if renew:
        with locked(fleet.folder):
            _renew(authority, place, name, hosts, end)
    elif not hosts:
        raise click.UsageError("Missing option '--host'.")
    elif place.exists():
        raise DeskError(f"There is {place} already.", "--renew makes its certificate anew")
    else:
        authority.issue(name, "hub", hosts, not_after=end, folder=place)
    cert = read_certificates(place / f"{name}.cert.pem")[0]
    about = {
        "certificate": str(place / f"{name}.cert.pem"),
        "key": str(place / f"{name}.key.pem"),
        "authority of the devices": str(authority.cert_pem),
        "sha256": fingerprint(cert),
        **validity(cert, [authority.cert]),
    }
    tell(about, is_json)


def _renew(authority, place, name, hosts, end):
    old = read_certificates(place / f"{name}.cert.pem")[0]
    cert = authority.certify(name, old.public_key(), "hub", hosts or host_names(old), not_after=end)
    with changed_folder(place) as changed:
        write(changed / f"{name}.cert.pem", pki.cert_pem(cert))
        write(changed / f"{name}.cert.der", pki.cert_der(cert))
