# ClearBlade IoT Core, and bridges that speak the same: fixed topics, a token for a password, gateways.
# No client certificates, no last will, no retained messages, no QoS 2, no sessions that outlive a connection
# (docs.clearblade.com/iotcore: requirements, publishing-over-mqtt, using gateways with the MQTT bridge).
from ..events import Event, fields, text, unparsed
from . import generic

# gateway: the device speaks for others, and hears what goes wrong with them. A token is good for at most a
# day; the hub's clock may be 10 minutes off, so one for less than 20 may be no good at all.
TOKENS = (("token_life_s", "number", 3600, 1200, 86400), ("gateway", "flag", False, 0, 1))
FIELDS = (
    ("project", "id", None, 1, 64),
    ("region", "id", "us-central1", 1, 64),
    ("registry", "id", None, 3, 255),
    ("device_id", "id", "{device}", 3, 255),
) + TOKENS
_LETTERS = "0123456789-._~%abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
# An error_type: the hub no longer hears the device.
DETACHED = "GATEWAY_DETACHMENT_DEVICE_ERROR"


_ID = "3 to 255 of letters, digits and -._~%, a letter first, not goog"


# May a device, a bound one too, or a registry be called that? For the topics that other names make the hub
# may close the connection (requirements); a + cannot be in one.
def _is_id(name):
    is_plain = name[:1].isalpha() and not name.strip(_LETTERS)
    return is_plain and 2 < len(name) < 256 and not name.startswith("goog")


# The key signs the tokens.
def credentials(_settings):
    return ("key",)


# A message on a gateway's errors topic.
def parse(topic, payload, name="clearblade"):
    raw = fields(payload)
    if not text(raw, "error_type"):
        return unparsed(name, payload)
    return Event(
        name, "error", raw["error_type"], "device", text(raw, "device_id"), text(raw, "description"),
        _packet(raw), None, raw,
    )  # fmt: skip


# What is told of the message that caused an error: in an object of its own (captured messages), or flat
# (documentation).
def _info(raw):
    for each in (raw.get("mqtt_message_info"), raw.get("message_info"), raw):
        if isinstance(each, dict) and text(each, "message_type"):
            return each
    return None


def _packet(raw):
    of = _info(raw)
    if not of:
        return None
    return "%s topic: %s id: %s" % (of["message_type"], text(of, "topic") or "", of.get("packet_id", 0))


class Hub(generic.Hub):
    """settings: config["hub"], checked. device: the device's name."""

    NAME = "clearblade"
    FREE_TOPICS = False
    STATE_EVERY_MS = 1500  # the hub keeps one a second; on the way they come closer together
    ATTACHED_MAX = 1000
    CLIENT_ID = "projects/%(project)s/locations/%(region)s/registries/%(registry)s/devices/%(device_id)s"
    PREFIX = "/devices/"
    AUDIENCE = "project"

    def __init__(self, settings, device):
        self._settings = dict(settings)
        self.device_id = self._settings["device_id"] = settings["device_id"].replace("{device}", device)
        self.retain = False
        self.token_life_s = settings["token_life_s"]
        self._audience = settings[self.AUDIENCE]
        self._prefix = self.PREFIX.replace("{registry}", settings["registry"]).encode()
        self.telemetry_topic = self.bound_topic(self.device_id, b"events")
        # There is no will; the hub's own view says who is connected, and the state who said so last.
        self.state_topic = self.status_topic = self.bound_topic(self.device_id, b"state")
        own = self.bound_filters(self.device_id)
        self.routes = [own[0] + (generic.CONFIG,), own[1] + (generic.COMMAND,)]
        self.is_gateway = settings["gateway"]
        if self.is_gateway:
            self.routes.append((self.bound_topic(self.device_id, b"errors"), 0, generic.EVENT))

    @staticmethod
    def check(settings, device, wrong):
        for key in ("registry", "device_id"):
            name = settings[key].replace("{device}", device)
            if not _is_id(name):
                wrong.append('hub.%s: "%s", expected %s' % (key, name, _ID))

    def credentials(self, token):
        return (self.CLIENT_ID % self._settings).encode(), b"unused", token

    def will(self):
        return None

    def take(self, files):
        from ..protocol import der

        self._key = der.private_key(files["key"])

    # A generator of the token (bytes): None after each slice of the work but the last.
    def sign(self, now_s, until_s):
        from ..protocol import jwt

        return jwt.make(self._key, self._audience, now_s, until_s)

    def event(self, topic, payload):
        return parse(topic, payload, self.NAME)

    def may_bind(self, name):
        return _is_id(name)

    # What causes an error is not acknowledged. Of a message that got its device detached the hub tells the
    # device alone. Of an acknowledgement the packet id is the hub's; UNKNOWN is worth another try.
    def refused(self, event):
        if event.code == DETACHED and event.object_id:
            return self.bound_topic(event.object_id, b"#")
        of = _info(event.raw) if isinstance(event.raw, dict) else None
        if not of or of["message_type"] != "PUBLISH" or event.code == "UNKNOWN":
            return 0
        try:
            packet_id = int(of["packet_id"])
        except (ValueError, TypeError, KeyError):
            return 0
        return packet_id if 0 < packet_id < 65536 else 0

    def command(self, topic):
        return self.bound_of(topic)[2]
