# An MQTT client in the shape of umqtt.simple, over a session and a connection of our own.
# A program written for umqtt.simple changes its import line; new programs use start, poll, enqueue, on.
# Of the base class only the name is used, so any version of it will do.
import errno
import time

from umqtt import simple

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
    """umqtt.simple.MQTTClient that waits no longer than limits.py says and keeps what it could not send.

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
        if password is not None and user is None:
            raise ValueError("password: expected a user with it (MQTT 3.1.1, 3.1.2.9)")
        self.client_id = client_id
        self.server = server
        self.port = port or (8883 if ssl else 1883)
        self.user = user
        self.pswd = password
        self.keepalive = keepalive
        self.sock = None  # to poll on, while connected
        self.cb = None
        self._context = ssl
        self._name = (ssl_params or {}).get("server_hostname", server)
        self._will = None
        self._handlers = []
        self._arrived = None  # first byte of the last PUBLISH that was handled
        self._answer = None  # what the hub granted, or to what it unsubscribed
        self.session = Session(outbox or Outbox(limits.OUTBOX_LEN), **options)
        self.session.on_message = self._message
        self.session.on_suback = self._suback
        self.session.on_unsuback = self._unsuback
        self.connection = Connection(
            self.session,
            resolver or Resolver((), list, True),
            reserve or tls.Reserve(()),
            heap_low or (lambda: False),
        )
        # enqueue(topic, payload, qos=0, retain=False): sends a message (bytes), now or with poll().
        # False if there is no room for it.
        self.enqueue = self.connection.express.send

    # -- without waiting ---------------------------------------------------------------------

    # Begins to connect. poll() then leads to UP or BROKEN (see net/connection.py).
    def start(self, now_ms, clean_session=True):
        to_bytes = packets.to_bytes
        self.session.connect(
            now_ms, to_bytes(self.client_id), to_bytes(self.user), to_bytes(self.pswd),
            self.keepalive, clean_session, self._will,
        )  # fmt: skip
        self.connection.start(now_ms, self.server, self.port, self._context, self._name)

    # One turn: moves the bytes that can be moved, calls handlers. Returns the connection's state.
    def poll(self, now_ms, uptime_s):
        return self.connection.poll(now_ms, uptime_s)

    # handler(message) is called for messages that match the filter, instead of the callback; the
    # message is the session's buffer and bounds, valid until the handler returns.
    def on(self, topic_filter, handler):
        topic_filter = _filter(topic_filter)
        self._handlers.append((topic_filter, handler))

    # -- umqtt.simple's shape ----------------------------------------------------------------

    def set_callback(self, f):
        self.cb = f

    # topic None: no last will any more.
    def set_last_will(self, topic, msg, retain=False, qos=0):
        topic = packets.to_bytes(topic)
        if topic is None:
            self._will = None
            return
        if not 0 <= qos <= 2 or not packets.is_topic(topic, 0, len(topic)):
            raise ValueError("last will: expected a topic without wildcards and a QoS of 0, 1 or 2")
        self._will = (topic, packets.to_bytes(msg), qos, retain)

    def connect(self, clean_session=True, timeout=None):
        """Connects, or raises OSError or MQTTException(CONNACK code). Returns session present."""
        self.start(_now_ms(), clean_session)
        self._until(lambda: self.connection.state == steps.UP, timeout)
        self.sock = self.connection.socket()
        return self.session.session_present

    def disconnect(self):
        self.sock = None
        self.connection.close(_now_ms(), True)

    def ping(self):
        self.session.ping()
        self._turn(0)

    def publish(self, topic, msg, retain=False, qos=0):
        """Returns once QoS 0 is written, QoS 1 and 2 are acknowledged.

        If it raises, the message stays in the outbox and goes out after the next connect.
        """
        topic = packets.to_bytes(topic)
        if not 0 <= qos <= 2 or not packets.is_topic(topic, 0, len(topic)):
            raise ValueError("publish: expected a topic without wildcards and a QoS of 0, 1 or 2")
        if not self.enqueue(topic, packets.to_bytes(msg), qos, retain):
            raise OSError(errno.ENOMEM)
        self.flush()

    # Waits until nothing is left in the outbox.
    def flush(self):
        session = self.session
        self._until(lambda: not session.outbox.count and not session.in_flight)

    def subscribe(self, topic, qos=0):
        """Raises MQTTException(128) if the hub refuses. Returns the QoS it grants."""
        return self._ask(packets.SUBSCRIBE, _filter(topic), qos)

    def unsubscribe(self, topic):
        self._ask(packets.UNSUBSCRIBE, _filter(topic), 0)

    def wait_msg(self):
        """Returns after a message was handled; its first byte on the wire (QoS, DUP, RETAIN)."""
        self._arrived = None
        self._until(lambda: self._arrived is not None)
        return self._arrived

    def check_msg(self):
        """Handles what has arrived; does not wait. As wait_msg, None if no message was there."""
        self._arrived = None
        self._turn(0)
        return self._arrived

    # -- behind it ---------------------------------------------------------------------------

    def _ask(self, kind, topic_filter, qos):
        self._answer = None
        wanted = [(topic_filter, qos)]
        self._until(lambda: self.session.subscribe(kind, wanted, _now_ms()))
        self._until(lambda: self._answer is not None)
        if self._answer == 0x80:
            raise MQTTException(0x80)
        return self._answer

    def _turn(self, wait_ms):
        if wait_ms and not self.connection.wait(wait_ms):
            time.sleep_ms(limits.POLL_MS)
        # As umqtt does: what follows a message, or CONNACK, waits for the next call.
        self.connection.one_packet = True
        state = self.connection.poll(_now_ms(), int(time.time()))
        if state == steps.IDLE:
            raise OSError(errno.ENOTCONN)
        if state == steps.BROKEN:
            self._raise()

    def _raise(self):
        code = self.session.connack_code
        reason, detail = self.connection.error, self.connection.detail
        self.sock = None
        self.connection.close(_now_ms())
        if code > 0:
            raise MQTTException(code)
        raise detail or OSError(-1, reason)

    # Turns until done() is true; timeout_s of None: the limits of each step are all.
    def _until(self, done, timeout_s=None):
        since_ms = _now_ms()
        while not done():
            now_ms = _now_ms()
            if timeout_s is not None and ticks.diff(now_ms, since_ms) > timeout_s * 1000:
                self.connection.close(now_ms)
                raise OSError(errno.ETIMEDOUT)
            self._turn(min(limits.SOCKET_STEP_MS, self.connection.due_in(now_ms)))

    def _message(self, message):
        self._arrived = message.first
        for topic_filter, handler in self._handlers:
            if message.matches(topic_filter):
                handler(message)
                return
        if self.cb:
            self.cb(message.topic(), message.payload())

    def _suback(self, _packet_id, _index, code):
        self._answer = code

    def _unsuback(self, packet_id):
        self._answer = packet_id


def _filter(text):
    text = packets.to_bytes(text)
    if not packets.is_filter(text):
        raise ValueError("topic filter %s: expected '+' and '#' as whole levels, '#' last" % text)
    return text
