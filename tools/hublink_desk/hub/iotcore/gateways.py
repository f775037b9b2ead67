"""What a gateway may do for others: attach, detach, and what it hears when that fails (hub-dialects 3.4)."""

import json
from dataclasses import dataclass, field

from ..dialect import Verdict
from . import errors
from .registry import Entry
from .tokens import Refused


@dataclass
class Attachment:
    """One attached device.

    Attributes:
        ends_at: Unix seconds at which its token runs out; None: it has none.
        filters: what was subscribed to on its behalf.
    """

    ends_at: float | None = None
    filters: set = field(default_factory=set)


@dataclass(eq=False)
class Session:
    """One connection.

    Attributes:
        entry: of the device whose connection it is.
        attached: of a gateway: ID of an attached device -> Attachment.
    """

    entry: Entry
    attached: dict = field(default_factory=dict)

    @property
    def device(self):
        return self.entry.device

    def speaks_for(self, device_id):
        return device_id == self.device.id or device_id in self.attached

    def release(self, device_id):
        """Detach a device. Returns the filters that go with it."""
        attachment = self.attached.pop(device_id, None)
        return tuple(attachment.filters) if attachment else ()

    def has_expired(self, device_id, now_s):
        """True if the token of an attached device has run out."""
        ends_at = self.attached[device_id].ends_at if device_id in self.attached else None
        return ends_at is not None and ends_at <= now_s


class Gateways:
    """
    Args:
        settings: Settings.
        registry: Registry.
        topics: Topics.
        check_token: called with a token and an Entry; raises Refused.
    """

    def __init__(self, settings, registry, topics, check_token):
        self._settings, self._registry, self._topics = settings, registry, topics
        self._check_token = check_token

    def error(self, session, error_type, device_id, description, info=None):
        """The Message that tells a gateway of an error."""
        topic = self._topics.of(session.device.id, "errors")
        is_nested = self._settings.error_layout == "nested"
        return errors.error(topic, error_type, device_id, description, info, is_nested=is_nested)

    def refusal(self, session, error_type, device_id, reason, packet):
        """The Verdict of a `packets.Publish` that failed."""
        info = errors.packet_info("PUBLISH", packet.message.topic, packet.packet_id)
        raised = self.error(session, error_type, device_id, reason, info)
        return Verdict(None, self._settings.is_refused_acknowledged, reason=reason, events=(raised,))

    def detached(self, session, device_id, reason):
        """Detach a device because of an error.

        Returns:
            (the Message that says so, the filters that go with the device).
        """
        description = f"Device detached because of a device error: {reason}."
        return self.error(session, errors.DETACHED, device_id, description), session.release(device_id)

    def expulsion(self, session, device_id, reason):
        """The Verdict of a publish that gets its device detached."""
        raised, revoked = self.detached(session, device_id, reason)
        return Verdict(None, self._settings.is_refused_acknowledged, False, reason, (raised,), revoked)

    def attach(self, session, device_id, packet):
        """The Verdict of a publish to an attach topic. Attached twice is attached once (CB-GW)."""
        if device_id not in session.attached:
            try:
                ends_at = self._admitted_until(session, device_id, packet.message.payload)
            except Refused as error:
                reason = f"The device with ID '{device_id}' cannot be attached: {error}."
                return self.refusal(session, errors.ATTACHMENT, device_id, reason, packet)
            session.attached[device_id] = Attachment(ends_at)
        return Verdict(packet.message)

    def detach(self, session, device_id, packet):
        """The Verdict of a publish to a detach topic. One that is not attached is no error (CB-GW)."""
        return Verdict(packet.message, revoked=session.release(device_id))

    def _admitted_until(self, session, device_id, payload):
        """Unix seconds at which the device's token runs out, or None if it needs none. Raises Refused."""
        gateway, bound, entry = session.device, session.entry.bound, self._registry.find(device_id)
        for is_broken, reason in (
            (entry is None, "it is not in the registry"),
            (entry and entry.device.gateway, "it is a gateway"),
            (entry and entry.device.blocked, "it is blocked"),
            (gateway.must_be_bound and device_id not in bound, "it is not bound to the gateway"),
            (len(session.attached) >= self._settings.attached_max, "too many devices are attached"),
        ):
            if is_broken:
                raise Refused(reason)
        token = _authorization(payload)
        return self._check_token(token, entry) if gateway.must_send_token else None


def _authorization(payload):
    """The token in the payload of an attach; "" if there is none."""
    if not payload:
        return ""
    try:
        token = json.loads(payload).get("authorization", "")
    except (ValueError, AttributeError, RecursionError) as error:
        raise Refused("the payload is no JSON object") from error
    if not isinstance(token, str):
        raise Refused("authorization is no text")
    return token
