# An MQTT client in the shape of umqtt.simple, over a session and a connection of our own.
# A program written for umqtt.simple changes its import line; new programs use start, poll, enqueue.
# Of the base class only the name and the fields are used, so any version of it will do.
import time

import umqtt.simple as simple

from .. import limits, ticks
from ..outbox import Outbox
from ..protocol import packets
from ..protocol.session import Session
from . import connection as steps
from . import tls
from .connection import Connection
from .resolver import Resolver

MQTTException = simple.MQTTException


def _now_ms():
    return time.ticks_ms() & ticks.MASK


class MQTTClient(simple.MQTTClient):
    """umqtt.simple.MQTTClient that waits no longer than limits.py says and loses nothing on its way.

    ssl: a tls.SSLContext that requires a certificate (True is refused: it verifies nothing), or
    None for plain TCP. Keywords after ssl_params are hublink's own.
    """

    def __init__(
        self,
        client_id,
        server,
        port=0,
        user=None,
        password=None,
        keepalive=0,
        ssl=None,
        ssl_params=None,
        outbox=None,
        resolver=None,
        reserve=None,
        heap_low=None,
        **options,
    ):
        ssl = ssl or None
        if ssl and getattr(ssl, "verify_mode", None) != tls.REQUIRED:
            raise ValueError("ssl: expected a tls.SSLContext with verify_mode CERT_REQUIRED")
        super().__init__(client_id, server, port or (8883 if ssl else 1883), user, password, keepalive)
        self._context = ssl
        self._name = (ssl_params or {}).get("server_hostname", server)
        self.session = Session(outbox or Outbox(limits.OUTBOX_LEN), **options)
        self.session.on_message = self._message
        self.session.on_suback = self._suback
        self.connection = Connection(
            self.session,
            resolver or Resolver((), list, True),
            reserve or tls.Reserve(()),
            heap_low or (lambda: False),
        )
        self._granted = None
        self._messages = 0
        self.cb = None
        self._will = None

    # -- without waiting ---------------------------------------------------------------------

    # Begins to connect. poll() then leads to UP or BROKEN (see net/connection.py).
    def start(self, now_ms, clean_session=True):
        to_bytes = packets.to_bytes
        user, password = self.user, self.pswd
        if password is not None and user is None:
            raise ValueError("password: expected a user with it (MQTT 3.1.1, 3.1.2.9)")
        self.session.connect(
            now_ms, to_bytes(self.client_id), to_bytes(user), to_bytes(password),
            self.keepalive, clean_session, self._will,
        )  # fmt: skip
        self.connection.start(now_ms, self.server, self.port, self._context, self._name)

    # One turn: moves the bytes that can be moved, calls handlers. Returns the connection's state.
    def poll(self, now_ms, uptime_s):
        return self.connection.poll(now_ms, uptime_s)

    # Puts a message (topic, payload: bytes) into the outbox. False if it could not keep it.
    def enqueue(self, topic, payload, qos=0, retain=False):
        return self.session.outbox.put(topic, payload, qos, retain)

    # -- umqtt.simple's shape ----------------------------------------------------------------

    def set_callback(self, f):
        self.cb = f

    def set_last_will(self, topic, msg, retain=False, qos=0):
        topic = packets.to_bytes(topic)
        if not 0 <= qos <= 2 or not packets.is_topic(topic, 0, len(topic)):
            raise ValueError("last will: expected a topic without wildcards and a QoS of 0, 1 or 2")
        self._will = (topic, packets.to_bytes(msg), qos, retain)

    def connect(self, clean_session=True, timeout=None):
        """Connects, or raises OSError or MQTTException(CONNACK code). Returns session present."""
        self.start(_now_ms(), clean_session)
        self._until(lambda: self.connection.state == steps.UP)
        return self.session.session_present

    def disconnect(self):
        self.connection.close(_now_ms(), True)

    def ping(self):
        self.session.ping()
        self._turn(0)

    def publish(self, topic, msg, retain=False, qos=0):
        """Returns once QoS 0 is written, QoS 1 acknowledged. topic, msg: bytes or text."""
        if qos > 1:
            raise ValueError("qos: expected 0 or 1")
        if not self.enqueue(packets.to_bytes(topic), packets.to_bytes(msg), qos, retain):
            raise OSError(12)  # ENOMEM
        self._until(lambda: not self.session.outbox.count)

    def subscribe(self, topic, qos=0):
        topic = packets.to_bytes(topic)
        if not packets.is_filter(topic):
            raise ValueError("topic filter: expected '+' and '#' as whole levels only")
        self._granted = None
        self._until(lambda: self.session.subscribe(packets.SUBSCRIBE, [(topic, qos)], _now_ms()))
        self._until(lambda: self._granted is not None)
        if self._granted == 0x80:
            raise MQTTException(0x80)

    def wait_msg(self):
        """Returns after the next message was given to the callback."""
        seen = self._messages
        self._until(lambda: self._messages != seen)

    def check_msg(self):
        """Gives what has arrived to the callback; does not wait."""
        self._turn(0)

    def _turn(self, wait_ms):
        if wait_ms and not self.connection.wait(wait_ms):
            time.sleep_ms(20)
        if self.connection.poll(_now_ms(), int(time.time())) != steps.BROKEN:
            return
        code = self.session.connack_code
        reason, detail = self.connection.error, self.connection.detail
        self.connection.close(_now_ms())
        if code > 0:
            raise MQTTException(code)
        if detail:
            raise detail
        raise OSError(-1, reason)

    def _until(self, done):
        while not done():
            self._turn(limits.SOCKET_STEP_MS)

    def _message(self, message):
        self._messages += 1
        if self.cb:
            self.cb(message.topic(), message.payload())

    def _suback(self, _packet_id, _index, code):
        self._granted = code
