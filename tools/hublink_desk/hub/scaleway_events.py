"""Hub Events as Scaleway IoT Hub writes them (hub-dialects 2.6): text, topic and payload, nothing else."""

import json
from dataclasses import dataclass
from datetime import datetime, timezone

from ..errors import DeskError
from .packets import Message

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

# packets.Fault.kind -> text. A kind that is not here has no documented event.
FAULTS = {
    "read_header": "cannot read MQTT header",
    "write_packet": "cannot write MQTT packet",
    "decode_header": "cannot decode MQTT header",
    "unpack_body": "failed to unpack message body",
    "bad_type": "unknown MQTT message type: {}",
    "bad_qos": "invalid MQTT QoS value: {}",
}

# Only these two have a documented severity, `error`; that of the others is a switch.
_KNOWN_ERRORS = (MTLS_REQUIRED, TOPIC_DENIED.split("[", maxsplit=1)[0])


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
        now: returns an aware UTC datetime.

    Raises:
        DeskError: the layout is neither word.
    """

    prefix: str = "$SCW/events"
    layout: str = "severity-first"
    other_severity: str = "error"
    now: object = utc_now

    def __post_init__(self):
        if self.layout not in LAYOUTS:
            raise DeskError(f"event_layout is {self.layout!r}; expected one of {', '.join(LAYOUTS)}.")

    def owns(self, topic):
        """True if `topic` lies under the prefix, where only the hub publishes."""
        return topic == self.prefix or topic.startswith(self.prefix + "/")

    def device_event(self, device_id, text, digest=None):
        """The Message (QoS 0) of an event about a device; `digest` is that of the packet that caused it."""
        severity = "error" if text.startswith(_KNOWN_ERRORS) else self.other_severity
        record = {
            "time": self.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "severity": severity,
            "object-type": "device",
            "object-id": device_id,
            "msg": text,
        }
        if digest:
            record["packet"] = digest
        return Message(self._topic(severity, device_id), _json(record))

    def _topic(self, severity, device_id):
        if self.layout == "severity-first":
            return f"{self.prefix}/{severity}/device/{device_id}"
        return f"{self.prefix}/device/{device_id}/{severity}"


def _json(record):
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()
