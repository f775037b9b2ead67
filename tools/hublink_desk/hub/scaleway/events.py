"""Hub Events as Scaleway IoT Hub writes them (hub-dialects 2.6): text, topic and payload, nothing else."""

import json
from dataclasses import dataclass
from datetime import datetime, timezone

from ..packets import Message

LAYOUTS = ("severity-first", "severity-last")
UNKNOWN = "unknown"  # the object-id where no device could be identified

BAD_CERTIFICATE = "invalid device certificate"
MTLS_REQUIRED = "mutual TLS authentication is required"
EMPTY_COMMON_NAME = "certificate common name cannot be empty"
UNKNOWN_DEVICE = "could not identify device"
DISABLED = "device is not enabled"
EMPTY_TOPIC = "empty topics are not authorized"
TOPIC_DENIED = "unauthorized topic [{}]"
CLEAN_SESSION = 'service level: "clean session" flag is mandatory to connect to a shared hub'
RETAIN = "service level: publishing retained messages is forbidden on a shared hub"
QOS_2 = "service level: publishing QoS 2 messages is forbidden on a shared hub"
SUBSCRIBE_QOS = "service level: subscribing with QoS 1-2 is forbidden on a shared hub"
TOO_LARGE = "service level: message payload is too large"
PROVISIONED = "device was auto-provisioned"
HUB_STATES = {"not ready": "hub is not ready", "locked": "hub is locked", "deleted": "hub is deleted"}

# packets.Fault.kind -> text. A kind that is not here has no documented event.
FAULTS = {
    "read_header": "cannot read MQTT header",
    "write_packet": "cannot write MQTT packet",
    "decode_header": "cannot decode MQTT header",
    "unpack_body": "failed to unpack message body",
    "bad_type": "unknown MQTT message type: {}",
    "bad_qos": "invalid MQTT QoS value: {}",
}

# Only these three have a documented severity; that of the others is a switch.
_SEVERITIES = {MTLS_REQUIRED: "error", TOPIC_DENIED.split("[", maxsplit=1)[0]: "error", PROVISIONED: "info"}


def utc_now():
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class EventFeed:
    """Makes the messages of the event feed.

    Args:
        prefix: of the topics, without a slash at its end.
        layout: "severity-first", `<prefix>/error/device/<id>`, or "severity-last",
            `<prefix>/device/<id>/error`.
        other_severity: severity of the events for which none is documented.
        is_on: False if there are no events at all.
        now: returns an aware UTC datetime.
    """

    prefix: str = "$SCW/events"
    layout: str = "severity-first"
    other_severity: str = "error"
    is_on: bool = True
    now: object = utc_now

    def owns(self, topic):
        """True if `topic` lies under the prefix, where only the hub publishes."""
        return topic == self.prefix or topic.startswith(self.prefix + "/")

    def event(self, object_id, text, digest=None, *, severity=None, object_type="device", extra=()):
        """The Messages (QoS 0) of an event: one, or none if events are off.

        Args:
            object_id: of the device, route or hub.
            text: what happened.
            digest: of the packet that caused it.
            severity: word; by default that of the text.
            extra: dict of further keys.
        """
        if not self.is_on:
            return ()
        severity = severity or self.severity(text)
        record = {
            "time": self.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "severity": severity,
            "object-type": object_type,
            "object-id": object_id,
            "msg": text,
        }
        if digest:
            record["packet"] = digest
        record.update(extra)
        return (Message(self._topic(severity, object_type, object_id), _json(record)),)

    def severity(self, text):
        """Word for an event of that text."""
        known = (severity for start, severity in _SEVERITIES.items() if text.startswith(start))
        return next(known, self.other_severity)

    def _topic(self, severity, object_type, object_id):
        levels = [object_type, object_id]
        levels.insert(0 if self.layout == "severity-first" else len(levels), severity)
        return "/".join([self.prefix, *levels])


def _json(record):
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()
