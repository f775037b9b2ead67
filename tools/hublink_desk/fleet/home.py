"""The folder of a fleet: where its parts are, and the changes that are made to it as a whole."""

import json
import shutil
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import click

from .. import device_code, pki
from ..errors import DeskError
from ..files import PRIVATE, PUBLIC, locked, new_folder, write
from . import inventory
from .identity import CERT, CONSOLE, is_issued_by, read_certificates

CONFIG = "config.json"
_ASIDE = "ca-until-"  # an authority that was replaced, and when

option = click.option(
    "--fleet",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default="fleet",
    envvar="HUBLINK_FLEET",
    show_default=True,
    show_envvar=True,
    help="Folder of authority, devices and inventory.",
)


def days_option(default):
    """The option --days of a command that makes a certificate."""
    return click.option(
        "--days",
        type=click.IntRange(1, 36500),
        default=default,
        show_default=True,
        help="How long it is valid.",
    )


hub_ca_option = click.option(
    "--hub-ca",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Authority of the hub, PEM or DER; up to 4.",
)


def end_after(days, authority=None):
    """The moment that many days from now; of what an Authority signs, not later than its own end."""
    end = datetime.now(timezone.utc) + timedelta(days=days)
    return min(end, authority.cert.not_valid_after_utc) if authority else end


def tell(about, is_json):
    """Print a dict of texts, a line each, or as JSON."""
    if is_json:
        click.echo(json.dumps(about, indent=2))
        return
    for what, value in about.items():
        click.echo(f"{what}: {value}")


class Fleet:
    """A fleet in a folder, which may not be there yet.

    Args:
        folder: Path.

    Attributes:
        folder: Path.
        inventory: Path of the inventory.
        authority_folder: Path of the authority's folder.
    """

    def __init__(self, folder):
        self.folder = folder
        self.inventory = folder / "inventory.toml"
        self.authority_folder = folder / "ca"

    def create_authority(self, name, days, replace):
        """Make the authority.

        Args:
            name: its common name.
            days: how long it is valid.
            replace: move an authority that is there aside, into a folder named for the moment.

        Returns:
            (Authority, Path of the folder of the old one or None).

        Raises:
            DeskError: there is one already, and `replace` is False; or it cannot be written.
        """
        place, aside = self.authority_folder, None
        if place.exists() and not replace:
            raise DeskError(
                f"There is an authority in {place} already; all certificates so far are its own.",
                "--replace moves it aside and makes another",
            )
        with locked(self.folder):
            if place.exists():
                aside = place.with_name(f"{_ASIDE}{datetime.now(timezone.utc):%Y%m%dT%H%M%S}")
            with new_folder(place, aside) as fresh:
                pki.Authority.create(fresh, name, not_after=end_after(days))
        return pki.Authority.load(place), aside

    def authority(self):
        """The Authority. Raises DeskError if there is none yet, or it has ended."""
        if not self.authority_folder.is_dir():
            hint = f"make one: hublink ca init --fleet {self.folder}"
            raise DeskError(f"There is no authority in {self.authority_folder}.", hint)
        authority = pki.Authority.load(self.authority_folder)
        end = authority.cert.not_valid_after_utc
        if end < datetime.now(timezone.utc):
            hint = "make another: hublink ca init --replace"
            raise DeskError(f"The authority in {self.authority_folder} has ended on {end:%Y-%m-%d}.", hint)
        return authority

    def own_authorities(self):
        """dict of Path -> x509.Certificate: our authority, if there is one, then those it has replaced."""
        folders = [self.authority_folder, *sorted(self.folder.glob(f"{_ASIDE}*"))]
        files = [folder / "ca.cert.pem" for folder in folders]
        return {path: read_certificates(path)[0] for path in files if path.exists()}

    def has_replaced(self, cert):
        """True if a certificate is that of an authority of ours that was replaced, or is by one."""
        own = self.own_authorities().items()
        return any(is_issued_by(cert, old) for path, old in own if path.parent != self.authority_folder)

    def entries(self):
        """The inventory as a list of Entry."""
        return inventory.read(self.inventory)

    def entry(self, name):
        """The Entry of a device. Raises DeskError if there is none."""
        entries = self.entries()
        for entry in entries:
            if entry.name == name:
                return entry
        known = ", ".join(entry.name for entry in entries) or "no device yet"
        raise DeskError(f"Device {name!r} is not in {self.inventory}; it has {known}.")

    def device_folder(self, name):
        """Path of a device's folder, by its name: of one in the inventory, or of one to come."""
        for entry in self.entries():
            if entry.name == name:
                return self.folder / entry.folder
        return self.folder / "devices" / name

    def hub_folder(self, name):
        """Path of the folder of a broker of our own."""
        return self.folder / "hubs" / name

    def add(self, name, board, config, authorities, identity):
        """Add a device: its folder, then its entry; neither stays if something goes wrong.

        Args:
            name: of the device.
            board: upstream name of its board.
            config: dict, its configuration.
            authorities: dict of file name -> DER of the authorities that it trusts.
            identity: Identity.

        Returns:
            Path of its folder.

        Raises:
            DeskError: there is such a device already, the device would not take the files, or something
                cannot be written.
        """
        with locked(self.folder):
            folder = self.device_folder(name)
            if folder.exists() or any(entry.name == name for entry in self.entries()):
                hint = "`hublink device renew` makes new certificates; choose another name for another device"
                raise DeskError(f"Device {name} is there already, in {folder}.", hint)
            with new_folder(folder) as fresh:
                write(fresh / CONFIG, device_code.dump(config), PRIVATE)
                for file_name, data in authorities.items():
                    write(fresh / file_name, data, PUBLIC)
                write_identity(fresh, identity)
                self._refuse_twin(settings_of(fresh))
            relative = folder.relative_to(self.folder).as_posix()
            entry = inventory.Entry(name, config["hub"]["type"], board, relative, str(date.today()))
            try:
                inventory.append(self.inventory, entry)
            except DeskError:
                shutil.rmtree(folder)
                raise
        return folder

    def _refuse_twin(self, settings):
        """Raise DeskError if a device of the fleet is the same one to the same hub."""
        host, client_id = wanted = device_code.connection(settings)
        for entry in self.entries():
            if _connection(self.folder / entry.folder) == wanted:
                hint = "give this one its own with --set: client_id for a broker, device_id for other hubs"
                raise DeskError(
                    f"Device {entry.name} is {client_id} at {host} already, and would be thrown out.", hint
                )


def write_identity(folder, identity):
    """Write the files of an identity into a device's folder, in place of those that are there."""
    (folder / CONSOLE).mkdir(exist_ok=True)
    for name, data in identity.board_files().items():
        write(folder / name, data, PUBLIC if name == CERT else PRIVATE)
    for name, data in identity.console_files().items():
        write(folder / CONSOLE / name, data, PUBLIC)


def settings_of(folder):
    """The checked configuration in a device's folder. Raises DeskError if the device would not take it.

    That goes for the files it names, too.
    """
    path = folder / CONFIG
    try:
        settings = device_code.parse(path.read_bytes())
    except OSError as error:
        raise DeskError(f"{path} cannot be read ({error.strerror}).") from error
    device_code.read_credentials(settings, folder)
    return settings


def _connection(folder):
    """That of a device of the fleet; None where its files are damaged, which `device list` tells."""
    try:
        return device_code.connection(settings_of(folder))
    except DeskError:
        return None
