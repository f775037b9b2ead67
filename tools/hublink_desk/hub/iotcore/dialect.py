"""The dialects `clearblade` and `omnicore`: the bridge, and what an operator does at the registry's side."""

from ...errors import DeskError
from .. import tables
from ..dialect import Effect, check_len
from ..packets import Message
from . import errors
from .bridge import Bridge
from .devices import from_table
from .settings import ClearBladeSettings, OmniCoreSettings

_QOS = 1
_REGISTRY = "registry"  # the one key of the rate of commands
_DETAILS = {"description": (str, "a text"), "gateway": (str, "the ID of a gateway")}  # of an event


class IotCore(Bridge):
    """What the operator orders."""

    device_from = staticmethod(from_table)

    def add(self, devices):
        self.registry.add(devices)
        return Effect()

    def describe(self, identities):
        return {entry.device.id: self._about(entry, identities) for entry in self.registry.entries()}

    def _about(self, entry, identities):
        identity = identities.get(entry.device.id)
        about = {
            "connected": identity is not None,
            "blocked": entry.device.blocked,
            "config_version": entry.config_version,
            "states": [state.decode(errors="backslashreplace") for state in entry.states],
        }
        if entry.device.gateway:
            attached = sorted(identity.policy.attached) if identity else []
            about |= {"gateway": entry.device.gateway, "bound": sorted(entry.bound), "attached": attached}
        return about

    def bind(self, gateway, device):
        self.registry.bind(gateway, device)

    def unbind(self, gateway, device, identities):
        self.registry.unbind(gateway, device)
        identity = identities.get(gateway)
        if not identity or device not in identity.policy.attached or not identity.policy.device.must_be_bound:
            return Effect()
        return self._released(identity, device, "it was unbound from the gateway")

    def command(self, device, payload, subfolder):
        self.registry.entry(device)
        check_len(payload, self.settings.command_max_len)
        if not self.rates["commands"].takes(_REGISTRY):
            raise DeskError("commands come too fast; commands_per_s says how many may.")
        return Message(self.topics.of(device, "commands", subfolder), payload, _QOS)

    def configure(self, device, payload):
        entry = self.registry.entry(device)
        check_len(payload, self.settings.config_max_len)
        if not self.rates["config"].takes(device):
            raise DeskError(f"configurations of {device!r} come too fast; config_per_s says how many may.")
        entry.config, entry.config_version = payload, entry.config_version + 1
        return Message(self.topics.of(device, "config"), payload, _QOS)

    def raise_event(self, what, about, identities, /, **details):
        tables.check(details, _DETAILS)
        description, gateway = details.get("description", "raised by the operator"), details.get("gateway")
        effects = [
            self._released(identity, about, description)
            if what == errors.DETACHED
            else Effect((self.gateways.error(identity.policy, what, about, description),))
            for identity in self._told(about, gateway, identities)
        ]
        return Effect(
            tuple(event for effect in effects for event in effect.events),
            tuple(revoked for effect in effects for revoked in effect.revoked),
        )

    def _told(self, device, gateway, identities):
        """The Identities of the gateways that hear about a device: the one named, or all that attached it."""
        told = [
            identity
            for key, identity in identities.items()
            if identity.policy.device.gateway and (key == gateway or device in identity.policy.attached)
            if gateway in (None, key)
        ]
        if not told:
            who = f"gateway {gateway!r}" if gateway else f"a gateway that has {device!r} attached"
            raise DeskError(f"nobody can be told: {who} is not connected.")
        return told

    def _released(self, identity, device, reason):
        raised, unwanted = self.gateways.detached(identity.policy, device, reason)
        return Effect((raised,), tuple((identity.key, each) for each in unwanted))


class ClearBlade(IotCore):
    """ClearBlade IoT Core."""

    name = "clearblade"
    Settings = ClearBladeSettings


class OmniCore(IotCore):
    """KORE OmniCore."""

    name = "omnicore"
    Settings = OmniCoreSettings
