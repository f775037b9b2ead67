"""`hublink ca`: the authority that signs the fleet's certificates."""

import click

from .home import Fleet, days_option, end_after, option, tell
from .identity import fingerprint


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
    about["note"] = "Keep a copy of the folder: without its key no certificate can be renewed."
    tell(about, is_json)


@command.command()
@click.argument("name")
@option
@click.option("--host", "hosts", multiple=True, required=True, help="Host name or address; may be repeated.")
@days_option(365)
@click.option("--json", "is_json", is_flag=True, help="As JSON.")
def server(name, folder, hosts, days, is_json):
    """Make key and certificate of a broker of your own, or of `hublink hub`, in hubs/NAME of the fleet.

    \b
    Example: hublink ca server broker --host broker.example.test --host 192.168.1.10
    """
    fleet = Fleet(folder)
    made = fleet.authority().issue(
        name, "hub", hosts, not_after=end_after(days), folder=fleet.hub_folder(name)
    )
    about = {
        "certificate": str(made.cert_pem),
        "key": str(made.key_pem),
        "authority of the devices": str(fleet.authority_folder / "ca.cert.pem"),
        "sha256": made.fingerprint,
    }
    tell(about, is_json)
