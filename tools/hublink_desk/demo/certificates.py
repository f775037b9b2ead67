"""What demos share whose devices prove themselves by certificate, and whose topics are free."""

import json
import ssl
import threading

import paho.mqtt.client as paho

from ..errors import DeskError
from .checks import Demo
from .waiting import STEP_S

OPERATOR = "operator"


class Operator:
    """A second party with a certificate of its own: sees what the hub passes on, as a person would.

    Args:
        stage: Stage.
        port: TCP port of the hub.
        client_id: its own.
        device: name of the device that it listens to.
        seen: last level of a topic -> Seen that gets the messages there, as what JSON says.
    """

    def __init__(self, stage, port, client_id, device, seen):
        self._seen = seen
        self._client = client(stage.workshop, client_id, stage.workshop.identity(OPERATOR))
        self._client.on_message = self._message
        self._client.on_connect = lambda client, *_: client.subscribe(f"{device}/#", 0)
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        if not subscribed.wait(STEP_S):
            raise DeskError("the operator could not subscribe at the hub.")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()

    def _message(self, _client, _userdata, message):
        seen = self._seen.get(message.topic.rpartition("/")[2])
        if seen:
            seen.add(json.loads(message.payload))

    def publish(self, topic, payload):
        self._client.publish(topic, payload, 1)


def client(workshop, client_id, identity=None):
    """A paho client that trusts the workshop's authority, with the certificate of an Identity if given."""
    context = ssl.create_default_context(cafile=workshop.ca.cert_pem)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if identity:
        context.load_cert_chain(identity.cert_pem, identity.key_pem)
    made = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id)
    made.tls_set_context(context)
    return made


class CertificateDemo(Demo):
    """
    Attributes:
        status, states: Seen, of the messages on the device's status topic and of its states.
        operator: Operator.
    """

    REFUSED = "hub_refuses_certificate|reset_in_handshake"

    def _listen(self, port, client_id):
        self.status, self.states = self.stage.seen(), self.stage.seen()
        seen = {"telemetry": self.telemetry, "status": self.status, "state": self.states}
        self.operator = self.stage.enter(Operator(self.stage, port, client_id, self.DEVICE, seen))

    def _checks(self):
        return (
            ("device verified the hub and proved itself by certificate", self.proves_itself),
            ("telemetry arrives with time, boot and sequence", self.sends_telemetry),
            self._own_check(),
            ("hub cut off: readings queue, and all arrive in order after", self.survives_a_cut),
            ("device killed: its last will is seen", self.leaves_a_will),
            ("device restarted: online again", self.comes_back),
            ("device refuses a hub with a wrong certificate", self.refuses_a_wrong_hub),
            ("hub refuses a device of another authority", self.is_refused_with_a_foreign_key),
        )

    def _own_check(self):
        """The pair for what this hub alone has."""
        raise NotImplementedError

    def leaves_a_will(self):
        mark = self.status.mark()
        self.board.kill()
        self.stage.say("demo", "SIGKILL")
        self.status.wait("the last will", lambda m: m == {"online": False}, mark)
        return 'status {"online": false} published by the hub'
