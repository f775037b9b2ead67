# An MQTT client in the shape of umqtt.simple, over a session and a connection of our own; docs/umqtt.md
# compares the two. A program written for umqtt.simple changes its import line; new programs use start,
# poll, enqueue, on. Of the base class only the name is used, so any version of it will do.
# Errors are of two families. Ours, the program's mistakes, are ValueErrors, before anything is sent.
# Theirs are what umqtt's users catch already: LinkError is an OSError, MQTTException an MQTTException.
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


class LinkError(OSError):
    """No connection, or none any more. args: an errno, -1 where none fits; one word that says why."""


class MQTTException(getattr(simple, "MQTTException", Exception)):
    """The hub refuses us. args: the code of its CONNACK, or 128 for a subscription."""


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
        self._pinged = False  # by the program, which has not been told of an answer
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
        # False if there is no room for it. A topic that is the last one's object is not checked again.
        self.enqueue = self.connection.express.send
        self.connection.express.put = self._put
        self._checked = None  # bytes of the last topic that MQTT allows

    # -- without waiting ---------------------------------------------------------------------

    # Begins to connect. poll() then leads to UP or BROKEN (see net/connection.py).
    def start(self, now_ms, clean_session=True):
        self._close()
        client_id, user, password = [packets.to_bytes(s) for s in (self.client_id, self.user, self.pswd)]
        if password is not None and user is None:
            raise ValueError("password: expected a user with it (MQTT 3.1.1, 3.1.2.9)")
        if not 0 <= self.keepalive <= 65535:
            raise ValueError("keepalive %d: expected 0..65535 seconds" % self.keepalive)
        for text in (client_id, user or b""):
            if not packets.is_utf8(text, 0, len(text)):
                raise ValueError("client_id, user: expected UTF-8 without U+0000, got %r" % text)
        self.session.connect(now_ms, client_id, user, password, self.keepalive, clean_session, self._will)
        self.connection.start(now_ms, self.server, self.port, self._context, self._name)

    # One turn: moves the bytes that can be moved, calls handlers. Returns the connection's state.
    # uptime_s: by which addresses of names grow old; without it they are kept until they fail.
    def poll(self, now_ms, uptime_s=0):
        return self.connection.poll(now_ms, uptime_s)

    # handler(message) is called for messages that match the filter, instead of the callback; the
    # message is the session's buffer and bounds, valid until the handler returns.
    def on(self, topic_filter, handler):
        self._handlers.append((_topic(topic_filter, 0, True), handler))

    # -- umqtt.simple's shape ----------------------------------------------------------------

    def set_callback(self, f):
        self.cb = f

    # topic None: no last will any more.
    def set_last_will(self, topic, msg, retain=False, qos=0):
        self._will = None
        if topic is not None:
            self._will = _topic(topic, qos), packets.to_bytes(msg), qos, retain

    def connect(self, clean_session=True, timeout=None):
        """Connects, or raises LinkError or MQTTException. Returns session present, 0 or 1."""
        self.start(_now_ms(), clean_session)
        self._until(lambda: self.connection.state == steps.UP, timeout)
        self.sock = self.connection.socket()
        return int(self.session.session_present)

    # A packet under way is finished first: nothing can follow half of one, and without the goodbye the hub
    # publishes the will.
    def disconnect(self):
        try:
            if self.connection.state == steps.UP:
                self._until(lambda: not self.session.tx_len, limits.WRITE_MS / 1000)
        except LinkError:
            pass
        finally:
            self._close(True)

    # wait_msg() ends with the answer, too.
    def ping(self):
        self._pinged = True
        self.session.ping()
        self._turn(0, 0)

    def publish(self, topic, msg, retain=False, qos=0):
        """Returns once QoS 0 is written, QoS 1 and 2 are acknowledged.

        If it raises LinkError, the message stays in the outbox and goes out after the next connect.
        """
        if topic is not self._checked:
            topic = self._checked = _topic(topic, qos)
        if not self.enqueue(topic, packets.to_bytes(msg), qos, retain):
            raise LinkError(errno.ENOMEM, "outbox_full")
        self.flush()

    # Waits until nothing is left in the outbox, or half written. As in umqtt.simple, nothing is read where
    # writing will do, so that a callback may publish with QoS 0; but a ping must be seen to be answered.
    def flush(self):
        session = self.session
        self._turn(0, 1 if session.is_pinging() else 0)
        self._until(lambda: not (session.outbox.count or session.in_flight or session.tx_len))

    def subscribe(self, topic, qos=0):
        """Raises MQTTException(128) if the hub refuses. Returns the QoS it grants."""
        return self._ask(packets.SUBSCRIBE, _topic(topic, qos, True), qos)

    def unsubscribe(self, topic):
        self._ask(packets.UNSUBSCRIBE, _topic(topic, 0, True), 0)

    def wait_msg(self):
        """Returns after a message was handled; its first byte on the wire (QoS, DUP, RETAIN)."""
        self._arrived = None
        self._until(self._heard)
        return self._arrived

    def check_msg(self):
        """Handles what has arrived; does not wait. As wait_msg, None if no message was there."""
        self._arrived = None
        self._turn(0)
        self._heard()
        return self._arrived

    # -- behind it ---------------------------------------------------------------------------

    # What enqueue() does not send at once. What MQTT forbids would end each connection, and never leave.
    def _put(self, topic, payload, qos, retain):
        if topic is not self._checked or not 0 <= qos <= 2:
            self._checked = _topic(topic, qos)
        if topic is not self._checked or isinstance(payload, str):
            raise ValueError("enqueue %r: expected topic and payload as bytes" % topic)
        return self.session.outbox.put(topic, payload, qos, retain)

    # Is there something to tell the program: a message, or the answer to its ping?
    def _heard(self):
        if self._pinged and not self.session.is_pinging():
            self._pinged = False
            return True
        return self._arrived is not None

    def _ask(self, kind, topic_filter, qos):
        self._answer = None
        wanted = [(topic_filter, qos)]
        self._until(lambda: self.session.subscribe(kind, wanted, _now_ms()))
        self._until(lambda: self._answer is not None)
        if self._answer == 0x80:
            raise MQTTException(0x80)
        return self._answer

    # As in umqtt.simple, what follows a message, or CONNACK, waits for the next call. A callback may have
    # closed the connection.
    def _turn(self, wait_ms, packets_max=1):
        if self.connection.state == steps.IDLE:
            raise LinkError(errno.ENOTCONN, "not_connected")
        if wait_ms and not self.connection.wait(wait_ms):
            time.sleep_ms(limits.POLL_MS)
        if self.connection.poll(_now_ms(), int(time.time()), packets_max) == steps.BROKEN:
            self._broken()

    # Turns until done() is true; timeout_s of None: the limits of each step are all.
    def _until(self, done, timeout_s=None):
        since_ms = _now_ms()
        wait_ms = 0
        while not done():
            self._turn(wait_ms)
            now_ms = _now_ms()
            wait_ms = min(limits.SOCKET_STEP_MS, self.connection.due_in(now_ms))
            if timeout_s is not None:
                left_ms = int(timeout_s * 1000) - ticks.diff(now_ms, since_ms)
                if left_ms <= 0 and not done():
                    self._close()
                    raise LinkError(errno.ETIMEDOUT, "timeout")
                wait_ms = min(wait_ms, left_ms)

    def _broken(self):
        code = self.session.connack_code
        reason, detail = self.connection.error, self.connection.detail
        self._close()
        if code > 0:
            raise MQTTException(code)
        number = errno.ETIMEDOUT if reason.endswith("_timeout") else -1
        raise LinkError(detail.args[0] if isinstance(detail, OSError) else number, reason)

    def _close(self, goodbye=False):
        self.sock = None
        self._pinged = False
        try:
            self.connection.express.keep()
        except (ValueError, MemoryError):
            pass  # larger than the outbox, or no heap
        self.connection.close(_now_ms(), goodbye)

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


# Bytes of a topic (of a topic filter), if MQTT allows it and the QoS with it.
def _topic(text, qos, is_filter=False):
    text = packets.to_bytes(text)
    if not isinstance(text, bytes):
        text = bytes(text)  # a buffer may change, and the last topic stands ready
    if not (packets.is_filter(text) if is_filter else packets.is_topic(text, 0, len(text))):
        raise ValueError("topic %r: expected UTF-8, wildcards as whole levels of a filter only" % text)
    if not 0 <= qos <= 2:
        raise ValueError("qos %s: expected 0, 1 or 2" % qos)
    return text
