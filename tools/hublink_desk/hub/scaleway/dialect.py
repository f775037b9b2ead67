"""The `scaleway` dialect: who gets in, and what passes, as on Scaleway IoT Hub (hub-dialects 2.1 to 2.6)."""

import secrets
from dataclasses import replace

from ...errors import DeskError
from ..dialect import Admission, Dialect, Effect, Grant, Identity, Verdict
from ..packets import SUBSCRIPTION_FAILED
from ..topics import check_part
from . import events
from .devices import from_table
from .directory import Directory
from .events import UNKNOWN, EventFeed
from .settings import Settings

_QOS_2 = 2


class Scaleway(Dialect):
    """
    Raises:
        DeskError: a pinned certificate cannot be read, or two devices share something.
    """

    name = "scaleway"
    Settings = Settings
    is_certificate_required = False

    def __init__(self, devices, settings):
        self._settings = settings
        self._feed = EventFeed(
            settings.events_prefix, settings.event_layout, settings.other_severity, settings.has_events
        )
        self._directory = Directory(settings)
        self.pinned = self._directory.add(devices)

    # --- who gets in ---

    def admit(self, connect, certificate, peer):
        if self._settings.hub_state != "ready":
            return self._refusal(UNKNOWN, events.HUB_STATES[self._settings.hub_state], connect)
        found = self._directory.identify(connect, certificate)
        raised = self._provisioned(found.device, peer) if found.is_new else ()
        problem = found.problem or self._rule_broken(found.device, connect)
        if problem:
            return self._refusal(found.device.id if found.device else UNKNOWN, problem, connect, raised)
        identity = Identity(self._key(found.device, connect), found.proof, found.device)
        return Admission(identity, events=raised)

    def _provisioned(self, device, peer):
        extra = {"object-name": device.name, "source-address": peer}
        return self._feed.event(device.id, events.PROVISIONED, extra=extra)

    def _refusal(self, object_id, problem, connect, raised=()):
        raised += self._feed.event(object_id, problem, connect.digest)
        return Admission(code=self._settings.refusal_code, reason=problem, events=raised)

    def _rule_broken(self, device, connect):
        if not device.enabled:
            return events.DISABLED
        if self._settings.is_shared and not connect.is_clean:
            return events.CLEAN_SESSION
        return None

    def _key(self, device, connect):
        if self._settings.is_shared or not device.allow_multiple_connections:
            return device.id
        return f"{device.id}/{connect.client_id or 'generated-' + secrets.token_hex(8)}"

    # --- what passes ---

    def publish(self, identity, packet):
        message = packet.message
        if packet.digest is None and self._settings.is_shared and self._settings.retained_will == "strip":
            message = replace(message, retain=False)
        problem, is_plan = self._publish_problem(identity.policy, message, packet.payload_len)
        if not problem:
            return Verdict(message)
        closes = is_plan and self._settings.closes_on_plan_violation
        if problem == events.EMPTY_TOPIC:
            closes = self._settings.closes_on_empty_topic
        raised = self._feed.event(identity.policy.id, problem, packet.digest)
        return Verdict(None, self._settings.is_dropped_acknowledged, closes, problem, raised)

    def _publish_problem(self, device, message, payload_len):
        """(text or None, True if it is a rule of the plan)."""
        is_shared = self._settings.is_shared
        if not message.topic:
            return events.EMPTY_TOPIC, False
        if payload_len > self.payload_max_len:
            return events.TOO_LARGE, True
        if is_shared and message.qos == _QOS_2:
            return events.QOS_2, True
        if is_shared and message.retain:
            return events.RETAIN, True
        if self._feed.owns(message.topic) or not self._directory.lets_publish(device, message.topic):
            return events.TOPIC_DENIED.format(message.topic), False
        return None, False

    def subscribe(self, identity, wanted, qos, packet):
        problem = self._subscribe_problem(identity.policy, wanted, qos)
        if not problem:
            return Grant(qos)
        raised = self._feed.event(identity.policy.id, problem, packet.digest)
        return Grant(SUBSCRIPTION_FAILED, problem, raised)

    def _subscribe_problem(self, device, wanted, qos):
        if not wanted:
            return events.EMPTY_TOPIC
        if self._settings.is_shared and qos:
            return events.SUBSCRIBE_QOS
        if not self._directory.lets_subscribe(device, wanted):
            return events.TOPIC_DENIED.format(wanted)
        return None

    # --- what is reported ---

    def handshake_refused(self, refusal):
        if not refusal.is_about_certificate:
            return ()
        return self._feed.event(UNKNOWN, events.BAD_CERTIFICATE)

    def faulted(self, identity, fault):
        text = events.FAULTS.get(fault.kind)
        is_muted = fault.kind == "read_header" and not self._settings.reports_lost_connections
        if text is None or is_muted:
            return ()
        object_id = identity.policy.id if identity else UNKNOWN
        return self._feed.event(object_id, text.format(fault.value), fault.digest)

    # --- what the operator orders ---

    device_from = staticmethod(from_table)

    def add(self, devices):
        return Effect(trusted=self._directory.add(devices))

    def describe(self, identities):
        connected = [identity.policy for identity in identities.values()]
        return {
            device.id: {
                "connected": device in connected,
                "name": device.name,
                "enabled": device.enabled,
                "allow_insecure": device.allow_insecure,
            }
            for device in self._directory.devices()
        }

    def raise_event(
        self, what, about, identities, /, *, severity=None, object_type="device", packet=None, **extra
    ):
        if not self._settings.has_events:
            raise DeskError("has_events is false: this hub has no events.")
        severity = severity or self._feed.severity(what)
        for name, part in (("about", about), ("object_type", object_type), ("severity", severity)):
            check_part(name, part)
        more = {"severity": severity, "object_type": object_type, "extra": extra}
        return Effect(self._feed.event(about, what, packet, **more))
