"""`hublink device add`: a device's identity, its configuration, its place in the inventory."""

import getpass
import warnings
from pathlib import Path

import click

from .. import boards, device_code, pki
from ..errors import DeskError
from . import configuration, consoles
from .home import Fleet, days_option, end_after, hub_ca_option, option, tell
from .identity import Identity, authority_files, imported, key_problem, read_certificates

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("name")
@option
@click.option(
    "--hub", "hub_type", required=True, type=click.Choice(device_code.hub_names()), help="Type of its hub."
)
@click.option("--board", "board_name", required=True, type=click.Choice(boards.names()), help="Its board.")
@click.option("--host", help="Host name of the hub.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the hub, if it is not 8883.")
@click.option(
    "--set", "given", multiple=True, metavar="NAME=VALUE", help="A setting of the hub; may be repeated."
)
@hub_ca_option
@click.option(
    "--wifi",
    multiple=True,
    metavar="SSID",
    help="A network, whose password is asked for on the terminal. May be repeated.",
)
@click.option(
    "--wifi-passwords",
    "passwords",
    type=click.File("r", "utf-8", "surrogateescape"),
    help="A file to take the passwords from, a line for each --wifi; - is standard input.",
)
@click.option("--template", type=_FILE, help="A configuration to start from.")
@click.option("--cert", type=_FILE, help="A certificate that the hub's console made, PEM or DER, with --key.")
@click.option("--key", type=_FILE, help="The key that the hub's console made, PEM or DER.")
@click.option("--secret", type=_FILE, help="A file with the key that the hub's console shows, base64.")
@click.option(
    "--self-signed", is_flag=True, help="For hubs that know a device by its certificate's fingerprint."
)
@days_option(365)
@click.option("--json", "is_json", is_flag=True, help="As JSON.")
def add(
    name,
    folder,
    hub_type,
    board_name,
    host,
    port,
    given,
    hub_ca,
    wifi,
    passwords,
    template,
    cert,
    key,
    secret,
    self_signed,
    days,
    is_json,
):
    """Add a device: make its key and certificate, or take those of the hub's console, and its configuration.

    What goes onto the board is in the folder devices/NAME of the fleet, DER; what the hub's console wants in
    `console` below it, PEM. Which settings a hub has is in the README, section "The configuration".

    \b
    Example: hublink device add sensor-1 --hub scaleway --board RPI_PICO_W --wifi home \\
        --host iot.fr-par.scw.cloud --hub-ca iot-hub-ca-ecdsa.pem \\
        --set device_id=1b2c3d4e-0000-4000-8000-000000000001
    """
    pki.check_name(name)
    fleet, board = Fleet(folder), boards.find(board_name)
    config = configuration.template(template) if template else {}
    config["device"] = name
    config["hub"] = configuration.hub_section(hub_type, host, port, given, config.get("hub", {}))
    if wifi:
        config["wifi"] = _with_networks(config.get("wifi", {}), wifi, passwords)
    identity = _identity(fleet, config["hub"], name, (cert, key, secret), self_signed, days)
    authorities = _authorities(fleet, hub_type, hub_ca)
    config["tls"] = {"ca": list(authorities), **identity.tls_settings()}
    settings = configuration.check(config, board)
    place = fleet.add(name, board_name, config, authorities, identity)
    own = fleet.own_authorities()
    told = {"folder": str(place), **consoles.report(settings["hub"], name, identity, place, own)}
    problem = key_problem(identity.key) if identity.key else ""
    if problem:
        told["warning"] = problem
    tell(told, is_json)


def _with_networks(section, wifi, passwords):
    networks = section.get("networks", [])
    for ssid in wifi:
        password = _line(ssid, passwords) if passwords else _asked(ssid)
        networks = [*networks, {"ssid": ssid, "password": password}]
    return {**section, "networks": networks}


def _line(ssid, passwords):
    line = passwords.readline()
    if not line:
        hint = "each --wifi has a line, an empty one if it is open"
        raise DeskError(f"--wifi-passwords: there is no line with the password of {ssid}.", hint)
    return line.rstrip("\n")


def _asked(ssid):
    try:
        with warnings.catch_warnings():
            # Without a terminal getpass warns, and takes from standard input what may be somebody else's.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return click.prompt(f"Password of {ssid}", "", hide_input=True, show_default=False, err=True)
    except getpass.GetPassWarning as error:
        hint = "give it with --wifi-passwords FILE, or in a pipe with --wifi-passwords -"
        raise DeskError(f"There is no terminal to ask for the password of {ssid} on.", hint) from error


def _identity(fleet, hub, name, files, self_signed, days):
    """The Identity that this hub needs: taken from the files (certificate, key, secret), or made."""
    needed = device_code.needed_credentials(hub)
    if any(files):
        return imported(needed, *files)
    if "secret" in needed:
        hint = "copy the device's key from the hub's console into a file"
        raise DeskError("--secret: the file with the key that the hub made is expected.", hint)
    if not needed:
        return Identity()
    made = pki.new_key()
    if "cert" not in needed:
        return Identity(made)
    common_name = consoles.name_for_certificate(hub, name)
    if self_signed:
        return Identity(made, pki.self_certify(common_name, made, not_after=end_after(days)))
    authority = fleet.authority()
    end = end_after(days, authority)
    return Identity(made, authority.certify(common_name, made.public_key(), not_after=end))


def _authorities(fleet, hub_type, files):
    """dict of file name -> DER of the authorities that the device trusts; our own for a broker of our own."""
    certificates = [certificate for path in files for certificate in read_certificates(path)]
    if not certificates:
        wanted = consoles.CONSOLES[hub_type].authority
        if wanted:
            raise DeskError(f"--hub-ca: the authority of the {hub_type} hub is expected.", f"it is {wanted}")
        certificates = [fleet.authority().cert]
    return authority_files(certificates)
