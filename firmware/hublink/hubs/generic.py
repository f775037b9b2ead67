# Any MQTT 3.1.1 broker: the topics are the user's, {device} stands for the device's name.
# Other hubs override what they do differently; what a hub forbids is data here.
from ..events import Event, unparsed

FIELDS = (
    ("client_id", "text", "{device}", 1, 128),
    ("user", "text", "", 0, 256),
    ("password", "text", "", 0, 256),
    ("telemetry_topic", "topic", "{device}/telemetry", 1, 256),
    ("status_topic", "topic", "{device}/status", 1, 256),
    ("errors_filter", "filter", "", 0, 256),
    ("retain", "flag", True, 0, 1),
)


class Hub:
    """settings: config["hub"], checked. device: the device's name."""

    NAME = "generic"
    CLEAN_SESSION = True
    MAX_QOS = 1

    def __init__(self, settings, device):
        self._settings = settings
        self._device = device
        self.retain = settings.get("retain", False)
        self.telemetry_topic = self._bytes("telemetry_topic")
        self.status_topic = self._bytes("status_topic")

    def _bytes(self, key):
        return self._settings[key].replace("{device}", self._device).encode()

    # (client id, user or None, password or None), all bytes.
    def credentials(self):
        user, password = self._bytes("user"), self._bytes("password")
        return self._bytes("client_id"), user or None, password or None

    # (topic, payload, qos, retain) that the hub publishes when the device is lost, or None.
    def will(self):
        return self.status_topic, b'{"online":false}', self.MAX_QOS, self.retain

    # [(filter, qos)] to subscribe to.
    def subscriptions(self):
        errors = self._bytes("errors_filter")
        return [(errors, 0)] if errors else []

    # The Event that a message on a subscribed topic is. payload: bytes.
    def event(self, topic, payload):
        text = unparsed(self.NAME, payload).raw
        return Event(self.NAME, "error", "hub.error", "hub", topic.decode(), text, None, None, text)
