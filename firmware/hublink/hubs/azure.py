# Azure IoT Hub over MQTT: fixed topics with property bags, the twin for state and configuration, direct
# methods and cloud-to-device messages for commands (azure-docs,
# iot-mqtt-connect-to-iot-hub.md). It reports no errors over MQTT.
import json
from binascii import a2b_base64, b2a_base64

from micropython import const

from ..events import Event
from ..protocol import hmac
from . import generic

FIELDS = (
    ("device_id", "id", "{device}", 1, 128),
    ("auth", ("x509", "sas"), "x509", 0, 0),
    ("token_life_s", "number", 3600, 1200, 86400),
)
_API = "2021-04-12"
# What else may come than generic's three.
_TWIN = const(3)  # an answer about the twin
_DESIRED = const(4)  # a change of what is desired of the device
_MESSAGE = const(5)  # from the cloud to the device
# Request ids: of the whole twin, and of the state reported.
_GET = "get"
_SET = "set"
# What fits into a request, in bytes.
_PATCH_LEN = const(960)


# sas: the key that the hub's console shows, as text.
def credentials(settings):
    return ("secret",) if settings.get("auth") == "sas" else ("cert", "key")


def _quote(text):
    out = ""
    for b in text.encode():
        c = chr(b)
        plain = b < 128 and (c.isalpha() or c.isdigit() or c in "-_.~")
        out += c if plain else "%%%02X" % b
    return out


def _unquote(text):
    first, *rest = text.encode().split(b"%")
    out = first
    for part in rest:
        try:
            out += bytes((int(part[:2], 16),)) + part[2:]
        except ValueError:
            out += b"%" + part
    try:
        return out.decode()
    except ValueError:  # that is no text
        return text


# A property bag: "a=1&b=&c" is {"a": "1", "b": "", "c": None}.
def bag(text):
    found = {}
    for pair in text.split("&"):
        key, equals, value = pair.partition("=")
        if key:
            found[_unquote(key)] = _unquote(value) if equals else None
    return found


# Would an object that is merged with a new one keep keys, at any depth, that this one has not?
def _keeps(old, new):
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old:
            if key not in new or _keeps(old[key], new[key]):
                return True
    return False


class Hub(generic.Hub):
    """settings: config["hub"], checked. device: the device's name."""

    NAME = "azure"
    FREE_TOPICS = False
    CLEAN_SESSION = False  # what is sent to the device waits for it

    def __init__(self, settings, device):
        self.device_id = settings["device_id"].replace("{device}", device)
        self._host = settings["host"]
        self.retain = False
        self.token_life_s = settings["token_life_s"] if settings["auth"] == "sas" else 0
        self.telemetry_topic = self._events("")
        self.status_topic = self._events("&type=status")
        self.state_topic = b"$iothub/twin/PATCH/properties/reported/?$rid=" + _SET.encode()
        self.greeting = (b"$iothub/twin/GET/?$rid=" + _GET.encode(), b"")
        self.properties = {}  # of the message from the cloud that is being handled
        self._method = None  # the request id of the method that is
        self._state = None  # that this start has set
        self._old = b"{}"  # what the twin has of it, or of an earlier start
        self.routes = [
            (b"$iothub/twin/res/#", 0, _TWIN),
            (b"$iothub/twin/PATCH/properties/desired/#", 0, _DESIRED),
            (b"$iothub/methods/POST/#", 0, generic.COMMAND),
            (b"devices/%s/messages/devicebound/#" % self.device_id.encode(), 1, _MESSAGE),
        ]

    def _events(self, properties):
        topic = "devices/%s/messages/events/$.ct=application%%2Fjson&$.ce=utf-8" % self.device_id
        return (topic + properties).encode()

    def telemetry(self, folder):
        return self._events("&folder=" + _quote(folder))

    def credentials(self, token):
        user = "%s/%s/?api-version=%s" % (self._host, self.device_id, _API)
        return self.device_id.encode(), user.encode(), token

    def take(self, files):
        self._secret = a2b_base64(files["secret"]) if self.token_life_s else None

    def sign(self, _now_s, until_s):
        uri = _quote("%s/devices/%s" % (self._host, self.device_id))
        text = "%s\n%d" % (uri, until_s)
        signature = b2a_base64(hmac.sha256(self._secret, text.encode())).strip().decode()
        yield ("SharedAccessSignature sr=%s&sig=%s&se=%d" % (uri, _quote(signature), until_s)).encode()

    # Bound devices are known to the applications alone, by a property of what the gateway sends for them.
    def bound_topic(self, device, kind):
        return self._events("&dev=%s&kind=%s" % (_quote(device), _quote(kind.decode())))

    def bound_filters(self, device):
        return []

    def bound_of(self, topic):
        return None

    # The answer to _GET has to fit into receive_len (uplink.py sets it): it holds what is desired, the state,
    # and at times the one before as well.
    def state(self, payload):
        most_len = min(self.receive_len // 3, _PATCH_LEN)
        new = json.loads(payload)
        if not isinstance(new, dict) or len(payload) > most_len:
            text = "set_state: %d bytes, expected an object of at most %d, a third of memory.receive_len"
            raise ValueError(text % (len(payload), most_len))
        self._take_out(json.loads(self._old), new)
        self._state = self._old = payload
        return payload

    # The hub merges states: a property that the new one lacks, or lacks parts of, is taken out first. What is
    # too much for one packet is so when the twin is asked for again.
    def _take_out(self, old, new):
        gone = json.loads(self.gone or b"{}")
        for key in old:
            if key not in new or _keeps(old[key], new[key]):
                gone[key] = None
        while gone:
            self.gone = json.dumps(gone).encode()
            self.lost_state = True
            if len(self.gone) <= _PATCH_LEN:
                break
            gone.popitem()

    # -- what comes ------------------------------------------------------------------------------

    def read(self, kind, topic, payload):
        self._method = None
        topic = topic.decode()
        if kind == _MESSAGE:
            self.properties = bag(topic.partition("/devicebound/")[2])
            return generic.COMMAND, "", payload
        if kind == _DESIRED:
            self.greets = True  # the change alone says little: ask for all of it
            return None, None, None
        levels = topic.split("/")
        request = bag(levels[-1].lstrip("?")).get("$rid")
        if kind == generic.COMMAND:
            self._method = request
            return kind, _unquote(levels[3]), payload
        return self._twin(levels[3], request, payload)

    def _twin(self, status, request, payload):
        if request == _GET and status == "200":
            try:
                twin = json.loads(payload)
                desired, old = twin["desired"], twin.get("reported", {})
                desired.pop("$version", None)  # a program that reports it back would be refused
                old.pop("$version", None)
                self.busy = 0
                if self._state:
                    self._take_out(old, json.loads(self._state))
                else:
                    self._old = json.dumps(old).encode()
                return generic.CONFIG, "", json.dumps(desired).encode()
            except (ValueError, KeyError, TypeError, AttributeError):
                status = "unparsed"
        if status in ("200", "204"):
            self.busy = 0
            if not self.lost_state:
                self.gone = None
            return None, None, None
        if status == "429" or status[:1] == "5":
            self.busy += 1
            self.greets = self.greets or request == _GET
            self.lost_state = self.lost_state or request == _SET
        code, text = "twin." + status, "the twin's answer to %s" % request
        event = Event(self.NAME, "warning", code, "device", self.device_id, text, None, None, None)
        return generic.EVENT, event, None

    # What answers the method that was read last: (topic, payload), None if it was none.
    def answer(self, status, payload):
        if self._method is None:
            return None
        return b"$iothub/methods/res/%d/?$rid=%s" % (status, self._method.encode()), payload
