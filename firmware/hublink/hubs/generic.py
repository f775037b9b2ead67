# Any MQTT 3.1.1 broker: the topics are the user's, {device} stands for the device's name.
# Other hubs override what they do differently; what a hub forbids is data here.
from micropython import const

from .. import hubs
from ..events import Event, unparsed
from ..protocol import packets

# What a message on a subscribed topic is.
EVENT = const(0)
CONFIG = const(1)
COMMAND = const(2)

# Settings of hubs with free topics. Commands come to levels below commands_topic, too: their names.
TOPICS = (
    ("telemetry_topic", "topic", "{device}/telemetry", 1, 256),
    ("state_topic", "topic", "{device}/state", 1, 256),
    ("status_topic", "topic", "{device}/status", 1, 256),
    ("config_topic", "topic", "", 0, 256),
    ("commands_topic", "topic", "", 0, 256),
)
FIELDS = TOPICS + (
    ("client_id", "text", "{device}", 1, 128),
    ("user", "text", "", 0, 256),
    ("password", "text", "", 0, 256),
    ("errors_filter", "filter", "", 0, 256),
    ("errors_parser", ("generic", "scaleway", "clearblade", "omnicore"), "generic", 0, 0),
    ("retain", "flag", True, 0, 1),
)


# Which of the files "cert", "key" and "secret" prove the device, by the hub's settings.
def credentials(_settings):
    return ("cert", "key")


# A message on the errors topic: text.
def parse(topic, payload):
    text = unparsed("generic", payload).raw
    return Event("generic", "error", "hub.error", "hub", topic.decode(), text, None, None, text)


class Hub:
    """settings: config["hub"], checked. device: the device's name."""

    NAME = "generic"
    FREE_TOPICS = True
    CLEAN_SESSION = True
    MAX_QOS = 1  # of what is published
    SUBSCRIBE_QOS = 1
    STATE_EVERY_MS = 1000  # a state is sent no more often
    is_gateway = True  # may speak for other devices
    ATTACHED_MAX = 0  # bound devices; 0: the hub knows no attaching, a gateway just speaks for them
    token_life_s = 0  # of the token that is the password; 0: the password is no token
    events_prefix = None  # where the hub alone publishes
    greeting = None  # (topic, payload) that asks for the configuration, where it does not come by itself
    greets = False  # it is to be sent (again)
    lost_state = False  # the state is to be sent again
    gone = None  # and before it this (bytes)
    busy = 0  # how often in a row the hub was too busy for one of these two

    def __init__(self, settings, device):
        self._settings = settings
        self._device = device
        self.device_id = device  # as the hub's events call it
        self.retain = settings.get("retain", False)
        self._prefix = device.encode() + b"/"  # of bound devices' topics: <prefix><device>/<kind>
        self.telemetry_topic = self._bytes("telemetry_topic")
        self.state_topic = self._bytes("state_topic")
        self.status_topic = self._bytes("status_topic")
        commands = self._bytes("commands_topic")
        # [(filter, QoS, what comes there)] to subscribe to.
        self.routes = [
            route
            for route in (
                (self._errors_filter(), 0, EVENT),
                (self._bytes("config_topic"), self.SUBSCRIBE_QOS, CONFIG),
                (commands and commands + b"/#", self.SUBSCRIBE_QOS, COMMAND),
            )
            if route[0]
        ]

    # Complains, in the list `wrong`, about settings each of which alone is good.
    @staticmethod
    def check(settings, device, wrong):
        pass

    def _bytes(self, key):
        return self._settings[key].replace("{device}", self._device).encode()

    def _errors_filter(self):
        return self._bytes("errors_filter")

    # What it needs of the files that prove the device. Raises ValueError if that cannot be used.
    def take(self, files):
        pass

    def subscriptions(self):
        return [route[:2] for route in self.routes]

    # (client id, user or None, password or None), all bytes. token: for hubs with token_life_s.
    def credentials(self, _token):
        user, password = self._bytes("user"), self._bytes("password")
        return self._bytes("client_id"), user or None, password or None

    # (topic, payload, qos, retain) that the hub publishes when the device is lost, or None.
    def will(self):
        return self.status_topic, b'{"online":false}', self.MAX_QOS, self.retain

    # The Event that a message on a subscribed topic is. payload: bytes.
    def event(self, topic, payload):
        event = hubs.module(self._settings["errors_parser"]).parse(topic, payload)
        event.hub = self.NAME
        return event

    # The topic of telemetry in a subfolder.
    def telemetry(self, folder):
        return self.telemetry_topic + b"/" + folder.encode()

    # A topic (bytes) to publish to that the user had a word in. ValueError if it is none: the hub would end
    # every connection for it, while the message waits.
    def permitted(self, topic, allowed=True):
        if not allowed or not packets.is_topic(topic, 0, len(topic)):
            raise ValueError("%s is no topic of a %s hub's" % (topic, self.NAME))
        if self.events_prefix and (topic + b"/").startswith(self.events_prefix + b"/"):
            raise ValueError("%s is where the hub reports" % topic)
        return topic

    # The name of a command, from its topic: the levels below.
    def command(self, topic):
        return topic[len(self._bytes("commands_topic")) + 1 :].decode()

    # What a message on a subscribed topic is: (EVENT, the Event, None), (CONFIG, "", payload),
    # (COMMAND, its name, payload), or three times None.
    def read(self, kind, topic, payload):
        if kind == EVENT:
            return kind, self.event(topic, payload), None
        return kind, self.command(topic) if kind == COMMAND else "", payload

    # The state (bytes) as the hub takes it. ValueError if it does not.
    def state(self, payload):
        return payload

    # (topic, payload) that answers the command that was read last; None: it wants no answer.
    def answer(self, status, payload):
        return None

    # Which messages the hub, as the event says, will not acknowledge: a packet id, 0 for none, or a filter
    # (bytes) of their topics.
    def refused(self, _event):
        return 0

    # -- bound devices -----------------------------------------------------------------------

    # May a bound device have that name (a text)?
    def may_bind(self, name):
        name = name.encode()
        return len(name) < 256 and b"/" not in name and packets.is_topic(name, 0, len(name))

    # kind: events, state, config, commands, attach, detach, errors.
    def bound_topic(self, device, kind):
        return self._prefix + device.encode() + b"/" + kind

    # [(filter, QoS)]: config, and commands with the levels below.
    def bound_filters(self, device):
        qos = self.SUBSCRIBE_QOS
        return [
            (self.bound_topic(device, b"config"), qos),
            (self.bound_topic(device, b"commands/#"), qos),
        ]

    # [device, kind, name of a command] (texts) of a topic; None if it is no bound device's.
    def bound_of(self, topic):
        if not topic.startswith(self._prefix):
            return None
        levels = topic[len(self._prefix) :].decode().split("/", 2)
        return levels + [""] if len(levels) == 2 else levels if len(levels) == 3 else None
