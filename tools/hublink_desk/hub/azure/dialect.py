"""The `azure` dialect: the device endpoint, and what an operator does at the service's side."""

import json
import uuid
from dataclasses import replace

from ...errors import DeskError
from ..dialect import Effect, check_len
from ..packets import Message
from ..topics import is_topic
from . import topics, twin
from .devices import AUTHS, from_table, proof
from .endpoint import Endpoint, certificates
from .settings import Settings

_QOS = 1


class Azure(Endpoint):
    """What the operator orders."""

    name = "azure"
    Settings = Settings

    # --- devices ---

    device_from = staticmethod(from_table)

    def add(self, devices):
        entries = self.registry.add(devices)
        return Effect(tuple(map(self.lifecycle.created, entries)), trusted=certificates(entries))

    def remove(self, device):
        entry = self.registry.remove(device)
        return Effect((self.lifecycle.deleted(entry),), ended=_cut(entry, "the device was removed"))

    def enable(self, device, is_enabled):
        entry = self.registry.entry(device)
        entry.device = replace(entry.device, enabled=bool(is_enabled))
        return Effect(ended=() if is_enabled else _cut(entry, "the device was disabled"))

    def rotate(self, device, new, folder):
        entry = self.registry.entry(device)
        auth = entry.device.auth
        if auth == "ca":
            raise DeskError(f"device {device!r} has no key to rotate: its auth is 'ca'.")
        if auth == "thumbprint" and not new:
            raise DeskError(f"device {device!r} has no key to make up: its auth is {auth!r}.")
        entry.proofs = (proof(auth, new, folder), entry.proofs[0])
        session, ended = entry.session, ()
        if self.settings.rotation_cuts and session and session.credential not in entry.credentials:
            ended = _cut(entry, "its key was rotated away")
        return Effect(ended=ended, trusted=certificates([entry]))

    def describe(self, identities):
        return {entry.device.id: _about(entry) for entry in self.registry.entries()}

    # --- messages ---

    def configure(self, device, payload):
        desired = self.registry.entry(device).twin.desired
        try:
            patch = twin.parse_patch(payload)
            desired.merge(patch, self.settings.twin_max_len)
        except twin.BadPatch as error:
            raise DeskError(f"desired properties: {error}.") from error
        body = twin.encoded({**patch, "$version": desired.version})
        return Message(topics.desired(desired.version), body, _QOS, to=device)

    def send(self, device, payload, properties):
        entry, pending_max = self.registry.entry(device), self.settings.pending_max
        check_len(payload, self.settings.message_max_len)
        _check_properties(properties)
        if len(entry.pending) >= pending_max:
            raise DeskError(f"{pending_max} messages wait for {device!r}, as many as may.")
        system = {"$.mid": str(uuid.uuid4()), "$.to": f"/devices/{device}/messages/deviceBound"}
        topic = _checked(topics.devicebound(device, system | properties))
        if topic in entry.pending:
            raise DeskError(f"a message of that ID and those properties waits for {device!r} already.")
        entry.pending[topic] = Message(topic, payload, _QOS, to=device)
        return entry.due()

    def call(self, device, method, payload):
        self.registry.entry(device)
        check_len(payload, self.settings.method_max_len)
        if not isinstance(method, str) or not method:
            raise DeskError(f"method is {method!r}; expected a name.")
        if payload:
            _check_json(payload)
        rid, answer = self.calls.open(device)
        return Message(_checked(topics.method(method, rid)), payload, to=device), answer

    def raise_event(self, what, about, identities, /, **details):
        return Effect((self.lifecycle.event(what, about, details),))


def _about(entry):
    about = {
        "connected": entry.session is not None,
        "enabled": entry.device.enabled,
        "auth": AUTHS[entry.device.auth],
        "telemetry": entry.telemetry_count,
        "pending": len(entry.pending),
        "twin": entry.twin.document(),
    }
    if entry.proofs:
        about["primary"], about["secondary"] = (each.value for each in entry.proofs)
    return about


def _cut(entry, reason):
    return ((entry.device.id, reason),) if entry.session else ()


def _check_properties(properties):
    is_bag = isinstance(properties, dict) and all(
        isinstance(key, str) and key and isinstance(value, str | None) for key, value in properties.items()
    )
    if not is_bag:
        raise DeskError(f"properties is {properties!r}; expected texts, or null for a value.")


def _check_json(payload):
    try:
        twin.encoded(json.loads(payload))
    except (ValueError, RecursionError) as error:
        raise DeskError(f"payload is {payload[:80]!r}; expected JSON.") from error


def _checked(topic):
    if not is_topic(topic):
        reason = "it has more than 65535 bytes, or the device's ID holds + or #"
        raise DeskError(f"{topic[:80]!r} is no MQTT topic: {reason}.")
    return topic
