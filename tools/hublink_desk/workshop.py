"""A whole desk in one folder: an authority, a hub's identity, devices with their configurations.

Used wherever a node is run against something on this machine: the demo, the sizes, the system tests.
It makes files and starts nothing.
"""

import copy
import shutil
import uuid
from pathlib import Path

from . import device_code
from .pki import Authority

HUB_NAME = "hub.example.test"


class Workshop:
    """Files of one desk.

    Args:
        folder: where everything goes; made if it is not there, expected empty.

    Attributes:
        ca: Authority that signs the hub and the devices.
        hub: Identity of the hub, for HUB_NAME, localhost and 127.0.0.1.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.ca = Authority.create(self.folder / "authority")
        self.hub = self.ca.issue("hub", kind="hub", hosts=[HUB_NAME, "localhost", "127.0.0.1"])
        self._foreign = None
        self._identities = {}

    def identity(self, name):
        """Identity of that name, made when it is first asked for."""
        if name not in self._identities:
            self._identities[name] = self.ca.issue(name)
        return self._identities[name]

    @property
    def foreign(self):
        """Authority that nobody here trusts, made when it is first asked for."""
        if self._foreign is None:
            self._foreign = Authority.create(self.folder / "foreign", "foreign authority")
        return self._foreign

    def device(self, name, hub, identity=None, folder=None, **sections):
        """Make a device's folder: configuration, certificate, key, authority.

        Args:
            name: the device's name, and its certificate's common name.
            hub: settings of the section "hub".
            identity: Identity it presents; by default that of its name.
            folder: name of its folder; by default the device's name.
            sections: further sections of the configuration, such as clock={"servers": []}.

        Returns:
            Path of its configuration file.
        """
        home = self.folder / (folder or name)
        home.mkdir()
        identity = identity or self.identity(name)
        shutil.copy(self.ca.cert_der, home / "ca.der")
        shutil.copy(identity.cert_der, home / "device.der")
        shutil.copy(identity.key_der, home / "device.key.der")
        config = {
            "device": name,
            "clock": {"servers": []},
            "hub": dict(hub),
            "tls": {"ca": ["ca.der"], "cert": "device.der", "key": "device.key.der"},
        }
        config.update(copy.deepcopy(sections))
        path = home / "config.json"
        path.write_bytes(device_code.dump(config))
        return path


def device_id(name):
    """The UUID that stands for a device of that name on this desk; the same every time."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.device.{HUB_NAME}"))
