# Scaleway IoT Hub: topics are free, its Hub Events arrive under a prefix of their own
# (scaleway/docs-content pages/iot-hub: devices.mdx, hubs.mdx, how-to/understand-event-messages.mdx).
from ..events import Event, fields, text, unparsed
from . import generic

FIELDS = generic.TOPICS + (
    ("device_id", "id", None, 1, 36),
    ("auth", ("mtls", "device_id"), "mtls", 0, 0),
    ("plan", ("shared", "dedicated"), "shared", 0, 0),
    ("events_prefix", "topic", "$SCW/events", 1, 128),
)
_PREFIX = b"$SCW/events"

_DENIED = "sec.topic_denied"
_DENIED_TEXT = "unauthorized topic"
# Beginning of the message -> code; the documentation writes what varies in capitals.
_CODES = (
    ("cannot read MQTT header", "mqtt.read_header"),
    ("cannot write MQTT packet", "mqtt.write_packet"),
    ("cannot decode MQTT header", "mqtt.decode_header"),
    ("failed to unpack message body", "mqtt.unpack_body"),
    ("unknown MQTT message type", "mqtt.bad_type"),
    ("invalid MQTT QoS value", "mqtt.bad_qos"),
    ("empty topics are not authorized", "mqtt.empty_topic"),
    ("invalid device certificate", "sec.bad_certificate"),
    ("mutual TLS authentication is required", "sec.mtls_required"),
    (_DENIED_TEXT, _DENIED),
    ("hub is not ready", "hub.not_ready"),
    ("hub is deleted", "hub.deleted"),
    ("hub is locked", "hub.locked"),
    ("hub product plan has changed", "hub.plan_changed"),
    ("device is deleted", "dev.deleted"),
    ("device is not enabled", "dev.disabled"),
    ("device security has changed", "dev.security_changed"),
    ("device was auto-provisioned", "prov.created"),
    ("certificate common name cannot be empty", "prov.empty_cn"),
    ("could not identify device", "prov.unknown_device"),
    ('service level: "clean session"', "plan.clean_session"),
    ("service level: publishing retained", "plan.retain"),
    ("service level: publishing QoS 2", "plan.qos2"),
    ("service level: subscribing with QoS", "plan.sub_qos"),
    ("service level: message payload", "plan.payload"),
    ("failed to connect to database", "route.db_connect"),
    ("failed to prepare '", "route.db_prepare"),
    ("failed to execute query", "route.db_execute"),
)
_SEVERITIES = {"error": "error", "warn": "warning", "warning": "warning", "info": "info", "debug": "debug"}


# auth "device_id": whoever knows the device id is the device, over TLS that only the hub proves itself by
# ("allow insecure" in the hub's console). Never without TLS.
def credentials(settings):
    return () if settings.get("auth") == "device_id" else ("cert", "key")


# A Hub Event. Severity: the payload's word; else the topic's, which has it first or last of the levels
# behind the prefix.
def parse(topic, payload, prefix=_PREFIX):
    raw = fields(payload)
    if text(raw, "msg") is None or text(raw, "object-id") is None:
        return unparsed("scaleway", payload)
    levels = topic[len(prefix) :].decode().split("/")
    return Event(
        "scaleway", _severity(raw, levels), _code(raw["msg"]), text(raw, "object-type"), raw["object-id"],
        raw["msg"], text(raw, "packet"), text(raw, "time"), raw,
    )  # fmt: skip


class Hub(generic.Hub):
    """settings: config["hub"], checked. device: the device's name."""

    NAME = "scaleway"

    def __init__(self, settings, device):
        self.events_prefix = settings["events_prefix"].replace("{device}", device).encode()
        if settings["plan"] == "shared":  # no QoS 2, subscriptions at QoS 0, no retained messages
            self.SUBSCRIBE_QOS = 0
        super().__init__(settings, device)
        self.device_id = settings["device_id"].replace("{device}", device)
        self.retain = settings["plan"] == "dedicated"

    @staticmethod
    def check(settings, device, wrong):
        prefix = settings["events_prefix"].replace("{device}", device) + "/"
        for key, *_ in generic.TOPICS:
            topic = settings[key].replace("{device}", device)
            if (topic + "/").startswith(prefix):
                wrong.append('hub.%s: "%s", expected a topic outside hub.events_prefix' % (key, topic))

    # The certificate is the identity; the device id goes into both fields that can carry it.
    def credentials(self, _token):
        device_id = self.device_id.encode()
        return device_id, device_id, None

    def _errors_filter(self):
        return self.events_prefix + b"/#"

    def event(self, topic, payload):
        return parse(topic, payload, self.events_prefix)

    # A message that the device's filter blocks may or may not be acknowledged. The hub names its topic, in
    # brackets in one place of the documentation.
    def refused(self, event):
        is_own = event.code == _DENIED and event.object_id == self.device_id
        if not is_own or "PUBLISH" not in (event.packet or ""):
            return 0
        return event.message[len(_DENIED_TEXT) :].strip(" []").encode() or 0


def _code(message):
    for start, code in _CODES:
        if message.startswith(start):
            return code
    return "route.s3" if " s3 bucket write failed." in message else "scw.other"


def _severity(raw, levels):
    for word in [text(raw, "severity")] + levels:
        if word in _SEVERITIES:
            return _SEVERITIES[word]
    return "error"
