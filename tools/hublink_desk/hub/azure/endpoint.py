"""The device endpoint of an Azure IoT Hub: who gets in, and what passes (hub-dialects 5.1 and 5.2)."""

import time
from dataclasses import dataclass, field

from ..dialect import Admission, Dialect, Grant, Identity, Verdict
from ..packets import SUBSCRIPTION_FAILED, Message
from ..rates import Rates
from . import proofs, topics, twin
from .calls import Calls
from .lifecycle import Lifecycle
from .proofs import Refused
from .registry import Registry, Session

_QOS_MAX = 1
_WILL_TYPE = "Will"
_PROOFS = {
    "ca": "certificate, by common name",
    "thumbprint": "certificate, by thumbprint",
    "sas": "token",
}
_OK, _NO_CONTENT, _BAD_REQUEST, _TOO_MANY = 200, 204, 400, 429  # as in HTTP


@dataclass(frozen=True)
class Telemetry(Message):
    """What a device sent: `properties` is what was in its bag, and what the hub has added."""

    properties: dict = field(default_factory=dict)


class Endpoint(Dialect):
    """What the session loop asks.

    Attributes:
        settings: Settings.
        registry, lifecycle, calls: Registry, Lifecycle, Calls.

    Raises:
        DeskError: a key or a certificate cannot be read, or two devices share an ID.
    """

    is_certificate_required = False  # a token may be the proof

    def __init__(self, devices, settings):
        self.settings = settings
        self.idle_s = settings.keepalive_ceiling_s
        self.payload_max_len = settings.telemetry_max_len
        self.lifecycle, self.calls, self.registry = Lifecycle(settings), Calls(), Registry()
        self.pinned = certificates(self.registry.add(devices))
        self._twin_rates = Rates(settings.twin_per_s, time.monotonic)
        self._takers = {
            "telemetry": self._take_telemetry,
            "get": self._take_get,
            "reported": self._take_report,
            "answer": self._take_answer,
        }

    # --- who gets in ---

    def admit(self, connect, certificate, peer):
        try:
            host, device_id = proofs.parse_username(connect.username, self.settings.is_api_version_required)
            if connect.client_id != device_id:
                reason = f"client ID is {connect.client_id!r}; expected {device_id!r}, as in the user name"
                return Admission(code=self.settings.identifier_code, reason=reason)
            entry = self._checked_entry(host, device_id, connect)
            credential, ends_at = self._prove(entry, host, connect, certificate)
        except Refused as error:
            return Admission(code=self.settings.refusal_code, reason=str(error))
        raised = self._gone(entry.session)
        entry.session = session = Session(entry, credential)
        is_resumed = self._keep_session(session, connect.is_clean)
        return Admission(
            Identity(device_id, _PROOFS[entry.device.auth], session, ends_at),
            events=raised if self.settings.is_use_required else raised + self._used(session),
            filters=tuple(session.filters.items()),
            messages=entry.due(),
            is_resumed=is_resumed,
        )

    def _checked_entry(self, host, device_id, connect):
        entry, settings = self.registry.find(device_id), self.settings
        if settings.host and host != settings.host:
            raise Refused(f"user name is for hub {host!r}; expected {settings.host!r}")
        if entry is None:
            raise Refused(f"device {device_id!r} is not in the registry")
        if not entry.device.enabled:
            raise Refused(f"device {device_id!r} is disabled")
        if connect.will and settings.bad_will == "refuse":
            self._check_will(device_id, connect.will)
        return entry

    def _check_will(self, device_id, will):
        place = topics.published(device_id, will.topic)
        if place is None or place.kind != "telemetry" or will.qos > _QOS_MAX:
            what = f"the last will is for {will.topic!r}, QoS {will.qos}"
            raise Refused(f"{what}; expected telemetry, QoS 0 or 1")

    def _prove(self, entry, host, connect, certificate):
        """(the credential that let it in, Unix seconds at which it runs out or None). Raises Refused."""
        device = entry.device
        if device.auth == "ca":
            proofs.check_authority(certificate, device.id)
            return "", None
        if device.auth == "thumbprint":
            return proofs.check_thumbprint(certificate, entry.credentials), None
        skew_s = self.settings.skew_s
        return proofs.check_token(connect.password, host, device.id, entry.credentials, time.time(), skew_s)

    def _keep_session(self, session, is_clean):
        """Take up or drop what was kept; what the CONNACK says of it."""
        entry = session.entry
        is_resumed = not is_clean and entry.kept is not None
        entry.kept = None if is_clean else dict(entry.kept or {})
        session.filters = dict(entry.kept or {})
        if is_clean and not self.settings.delivers_earlier:
            session.offered = set(entry.pending)
        return is_resumed and self.settings.tells_session

    def _used(self, session):
        """The Messages that say that a device is connected, the first time."""
        if session.is_reported:
            return ()
        session.is_reported = True
        return (self.lifecycle.connected(session.entry.device.id),)

    def ended(self, identity):
        session = identity.policy
        if session.entry.session is session:
            session.entry.session = None
        return self._gone(session)

    def _gone(self, session):
        """The Messages that say that a device is disconnected, if it was said to be connected; once.

        They are numbered, so that of an evicted connection is made before the newer one's.
        """
        if session is None or not session.is_reported:
            return ()
        session.is_reported = False
        return (self.lifecycle.disconnected(session.entry.device.id),)

    # --- what passes ---

    def publish(self, identity, packet):
        message, session = packet.message, identity.policy
        if message.qos > _QOS_MAX:
            return _closing(f"QoS {message.qos} is not supported")
        place = topics.published(identity.key, message.topic)
        is_will = packet.digest is None
        if place is None or (is_will and place.kind != "telemetry"):
            is_closing = self.settings.bad_topic == "close"
            reason = f"the topic {message.topic!r} is not one of the fixed topics"
            return Verdict(None, True, is_closing, reason)
        length, max_len = packet.payload_len, self.payload_max_len
        if length > max_len:
            reason = f"payload of {length} bytes is too large; expected at most {max_len}"
            return Verdict(None, False, self.settings.closes_on_large_payload, reason)
        return self._takers[place.kind](session, place, packet)

    def _take_telemetry(self, session, place, packet):
        message, properties, is_will = packet.message, dict(place.bag), packet.digest is None
        if message.retain:
            properties["mqtt-retain"] = self.settings.retain_value
        if is_will:
            properties["iothub-MessageType"] = _WILL_TYPE
        session.entry.telemetry_count += 1
        taken = Telemetry(message.topic, message.payload, message.qos, properties=properties)
        raised = () if is_will else self._used(session)
        if self.settings.has_telemetry_events:
            raised += (self.lifecycle.telemetry(session.entry.device.id, taken),)
        return Verdict(taken, events=raised)

    def _take_get(self, session, place, packet):
        document = twin.encoded(session.entry.twin.document())
        return self._twin_answered(session, place, packet, lambda: (_OK, document, None))

    def _take_report(self, session, place, packet):
        def merge():
            patch = twin.parse_patch(packet.message.payload)
            session.entry.twin.reported.merge(patch, self.settings.twin_max_len)
            return _NO_CONTENT, b"", session.entry.twin.reported.version

        return self._twin_answered(session, place, packet, merge)

    def _twin_answered(self, session, place, packet, operation):
        """The Verdict of a request to the twin; `operation` returns (status, payload, version or None)."""
        device_id = session.entry.device.id
        status, payload, version = self.settings.twin_status, b"", None
        if not self._twin_rates.takes(device_id):
            status = _TOO_MANY
        if not status:
            try:
                status, payload, version = operation()
            except twin.BadPatch as error:
                status, payload = _BAD_REQUEST, twin.encoded({"message": str(error)})
        topic = topics.twin_answer(status, place.rid, version)
        answers = (Message(topic, payload, to=device_id),)
        return Verdict(packet.message, events=self._used(session), answers=answers)

    def _take_answer(self, session, place, packet):
        message, device_id = packet.message, session.entry.device.id
        if packet.payload_len > self.settings.method_max_len:
            return Verdict(None, reason=f"the answer of {packet.payload_len} bytes is too large")
        if not self.calls.answer(device_id, place.rid, place.status, message.payload):
            return Verdict(None, reason=f"nobody waits for an answer to request {place.rid!r}")
        return Verdict(message, events=self._used(session))

    def subscribe(self, identity, wanted, qos, packet):
        session, settings = identity.policy, self.settings
        if not topics.is_subscribable(identity.key, wanted, settings.allows_narrow_filters):
            reason = f"the filter {wanted!r} is not one of the fixed topics"
            return Grant(SUBSCRIPTION_FAILED, reason, is_closing=settings.bad_filter == "close")
        if wanted not in session.filters and len(session.filters) >= settings.subscriptions_max:
            reason = f"it has {settings.subscriptions_max} subscriptions, as many as it may"
            return Grant(SUBSCRIPTION_FAILED, reason, is_closing=True)
        session.filters[wanted] = granted = min(qos, _QOS_MAX)
        if session.entry.kept is not None and (settings.keeps_all_filters or topics.is_devicebound(wanted)):
            session.entry.kept[wanted] = granted
        return Grant(granted, events=self._used(session), messages=session.entry.due())

    def unsubscribed(self, identity, unwanted):
        session = identity.policy
        for filters in (session.filters, session.entry.kept or {}):
            filters.pop(unwanted, None)

    def acknowledged(self, identity, ack, message):
        if message:
            identity.policy.entry.pending.pop(message.topic, None)
        return ()


def certificates(entries):
    """tuple of those that are to be trusted by themselves."""
    found = (each.certificate for entry in entries for each in entry.proofs)
    return tuple(certificate for certificate in found if certificate)


def _closing(reason):
    return Verdict(None, False, True, reason)
