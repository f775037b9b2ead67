"""The `scaleway` dialect: who gets in, and what passes, as on Scaleway IoT Hub (hub-dialects 2.1 to 2.6).

What no source settles is a field of `Settings`, with the likelier answer as default.
"""

from dataclasses import dataclass, replace

from ..errors import DeskError
from . import scaleway_events as events
from . import topics
from .devices import check_unique
from .dialect import Admission, Dialect, Grant, Identity, Verdict
from .packets import NOT_AUTHORIZED, REFUSALS, SUBSCRIPTION_FAILED
from .scaleway_events import UNKNOWN, EventFeed
from .tls import fingerprint, read_certificates

PLANS = ("shared", "dedicated")
_RETAINED_WILLS = ("drop", "strip")
_QOS_2 = 2


@dataclass(frozen=True)
class Settings:
    """How this hub is set up, and, from `refusal_code` on, the points on which the documentation is silent.

    Args:
        plan: "shared" or "dedicated".
        events_prefix, event_layout: of the event topics; see EventFeed.
        refusal_code: CONNACK return code of every refused CONNECT.
        is_device_id_required: True if a client with a certificate must also send its device ID.
        is_dropped_acknowledged: True if a dropped QoS 1 or 2 message is acknowledged all the same.
        closes_on_plan_violation: True if a publish that the plan forbids also ends the connection.
        closes_on_empty_topic: True if a publish without a topic also ends the connection.
        retained_will: what becomes of a retained will on a shared hub: "drop" (with the event) or "strip"
            (published without the flag).
        reports_lost_connections: True if a connection that ends without DISCONNECT is an event.
        other_severity: severity word of events for which none is documented.
        hub_id, hub_name: what the templates in filters stand for.
    """

    plan: str = "shared"
    events_prefix: str = "$SCW/events"
    event_layout: str = "severity-first"
    refusal_code: int = NOT_AUTHORIZED
    is_device_id_required: bool = False
    is_dropped_acknowledged: bool = True
    closes_on_plan_violation: bool = False
    closes_on_empty_topic: bool = True
    retained_will: str = "drop"
    reports_lost_connections: bool = True
    other_severity: str = "error"
    hub_id: str = "00000000-0000-4000-8000-000000000000"
    hub_name: str = "desk-hub"

    def __post_init__(self):
        if self.plan not in PLANS:
            raise DeskError(f"plan is {self.plan!r}; expected \"shared\" or \"dedicated\".")
        if self.refusal_code not in REFUSALS:
            raise DeskError(f"refusal_code is {self.refusal_code!r}; expected a CONNACK code, 1 to 255.")
        prefix = self.events_prefix
        if not topics.is_topic(prefix) or prefix.endswith("/"):
            raise DeskError(f"events_prefix is {prefix!r}; expected an MQTT topic that ends in no slash.")
        if self.retained_will not in _RETAINED_WILLS:
            raise DeskError(f"retained_will is {self.retained_will!r}; expected \"drop\" or \"strip\".")


class Scaleway(Dialect):
    """
    Args:
        devices: iterable of Device.
        settings: Settings.

    Raises:
        DeskError: an argument is wrong, a pinned certificate cannot be read, or two devices share something.
    """

    name = "scaleway"
    is_certificate_required = False

    def __init__(self, devices, settings):
        check_unique(devices)
        self._settings = settings
        self._is_shared = settings.plan == "shared"
        self._feed = EventFeed(settings.events_prefix, settings.event_layout, settings.other_severity)
        self._by_id = {device.id: device for device in devices}
        self._by_name = {device.name: device for device in devices}
        self._by_fingerprint = {}
        for device in devices:
            self._pin(device)
        self._filters = {device.id: self._filled_in_filters(device) for device in devices}

    # --- who gets in ---

    def admit(self, connect, certificate):
        claimed = self._claimed(connect)
        device, proof, problem = self._identify(claimed, certificate)
        if not problem:
            problem = self._rule_broken(device, connect, claimed)
        if problem:
            object_id = device.id if device else UNKNOWN
            event = self._feed.device_event(object_id, problem, connect.digest)
            return Admission(code=self._settings.refusal_code, reason=problem, events=(event,))
        return Admission(Identity(device.id, proof, device))

    def _claimed(self, connect):
        """The device whose ID the client sent: as client ID, or if that is none, as user name."""
        return self._by_id.get(connect.client_id) or self._by_id.get(connect.username)

    def _identify(self, claimed, certificate):
        """(device or None, how it was proved, what is wrong or None)."""
        if certificate:
            return self._identify_by_certificate(claimed, certificate)
        if claimed is None:
            return None, "", events.UNKNOWN_DEVICE
        if not claimed.allow_insecure:
            return claimed, "", events.MTLS_REQUIRED
        return claimed, "device ID", None

    def _identify_by_certificate(self, claimed, certificate):
        device, proof = self._by_fingerprint.get(certificate.fingerprint), "certificate, by fingerprint"
        if device is None and certificate.is_from_hub_ca:
            device, proof = self._by_name.get(certificate.common_name), "certificate, by common name"
        if claimed and device is not claimed:
            return claimed, "", events.BAD_CERTIFICATE
        if device:
            return device, proof, None
        if not certificate.is_from_hub_ca:
            return None, "", events.BAD_CERTIFICATE
        return None, "", events.UNKNOWN_DEVICE if certificate.common_name else events.EMPTY_COMMON_NAME

    def _rule_broken(self, device, connect, claimed):
        if self._settings.is_device_id_required and claimed is None:
            return events.UNKNOWN_DEVICE
        if not device.enabled:
            return events.DISABLED
        if self._is_shared and not connect.is_clean:
            return events.CLEAN_SESSION
        return None

    # --- what passes ---

    def publish(self, identity, message, payload_len, digest):
        if digest is None and self._is_shared and self._settings.retained_will == "strip":
            message = replace(message, retain=False)
        problem, is_plan = self._publish_problem(identity.key, message, payload_len)
        if not problem:
            return Verdict(message)
        closes = is_plan and self._settings.closes_on_plan_violation
        if problem == events.EMPTY_TOPIC:
            closes = self._settings.closes_on_empty_topic
        event = self._feed.device_event(identity.key, problem, digest)
        return Verdict(None, self._settings.is_dropped_acknowledged, closes, problem, (event,))

    def _publish_problem(self, device_id, message, payload_len):
        """(text or None, True if it is a rule of the plan)."""
        if not message.topic:
            return events.EMPTY_TOPIC, False
        if payload_len > self.payload_max_len:
            return events.TOO_LARGE, True
        if self._is_shared and message.qos == _QOS_2:
            return events.QOS_2, True
        if self._is_shared and message.retain:
            return events.RETAIN, True
        if self._feed.owns(message.topic) or not self._filters[device_id][0].lets_publish(message.topic):
            return events.TOPIC_DENIED.format(message.topic), False
        return None, False

    def subscribe(self, identity, wanted, qos, digest):
        problem = self._subscribe_problem(identity.key, wanted, qos)
        if not problem:
            return Grant(qos)
        return Grant(SUBSCRIPTION_FAILED, problem, (self._feed.device_event(identity.key, problem, digest),))

    def _subscribe_problem(self, device_id, wanted, qos):
        if not wanted:
            return events.EMPTY_TOPIC
        if self._is_shared and qos:
            return events.SUBSCRIBE_QOS
        if not self._filters[device_id][1].lets_subscribe(wanted):
            return events.TOPIC_DENIED.format(wanted)
        return None

    # --- what is reported ---

    def handshake_refused(self, refusal):
        if not refusal.is_about_certificate:
            return ()
        return (self._feed.device_event(UNKNOWN, events.BAD_CERTIFICATE),)

    def faulted(self, identity, fault):
        text = events.FAULTS.get(fault.kind)
        is_muted = fault.kind == "read_header" and not self._settings.reports_lost_connections
        if text is None or is_muted:
            return ()
        object_id = identity.key if identity else UNKNOWN
        return (self._feed.device_event(object_id, text.format(fault.value), fault.digest),)

    # --- set-up ---

    def _pin(self, device):
        if device.certificate is None:
            return
        certificate = read_certificates(device.certificate)[0]
        other = self._by_fingerprint.setdefault(fingerprint(certificate), device)
        if other is not device:
            both = f"{other.name!r} and {device.name!r}"
            raise DeskError(f"{device.certificate}: is the certificate of two devices, {both}; expected one.")
        self.pinned = (*self.pinned, certificate)

    def _filled_in_filters(self, device):
        names = {
            "hub.name": self._settings.hub_name,
            "hub.id": self._settings.hub_id,
            "device.name": device.name,
            "device.id": device.id,
        }
        return device.publish.filled_in(names), device.subscribe.filled_in(names)
