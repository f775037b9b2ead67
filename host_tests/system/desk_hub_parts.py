"""What the tests of the desk hub share: a hub and its log, a paho client, a client made of raw bytes.

No waiting without a deadline here, and none that could be a sleep: everything waits for something to come.
"""

import contextlib
import queue
import socket
import ssl
import threading
import time

import paho.mqtt.client as mqtt
from hublink_desk.hub import DeskHub
from hublink_desk.pki import Authority, self_signed

PATIENCE_S = 5.0  # how long a test waits for what must come
CONNACK_OK = b"\x20\x02\x00\x00"
PINGREQ, PINGRESP = b"\xc0\x00", b"\xd0\x00"
DISCONNECT = b"\xe0\x00"


class Pki:
    """Every certificate that the tests present, made once."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = Authority.create(folder / "ours")
        self.hub = self.ca.issue("hub", kind="hub")
        self.sensor, self.other, self.watcher, self.stranger = (
            self.ca.issue(name) for name in ("sensor-1", "sensor-2", "watcher", "stranger")
        )
        self.foreign_ca = Authority.create(folder / "foreign")
        self.foreign = self.foreign_ca.issue("sensor-1")
        self.self_signed = self_signed(folder / "own", "sensor-1")

    def hub_files(self):
        """The arguments of DeskHub that name files."""
        return {"server_cert": self.hub.cert_pem, "server_key": self.hub.key_pem, "ca": self.ca.cert_pem}


class Log:
    """The hub's log records, to wait for."""

    def __init__(self):
        self.records = []
        self.also = lambda record: None  # what else to do with each record
        self._changed = threading.Condition()

    def __call__(self, record):
        with self._changed:
            self.records.append(record)
            self._changed.notify_all()
        self.also(record)

    def wait(self, what, **details):
        """The first record of that kind with those details; fails after PATIENCE_S."""
        with self._changed:
            found = self._changed.wait_for(lambda: self._find(what, details), PATIENCE_S)
        assert found, (what, details, self.records)
        return found

    def has(self, what, **details):
        return self._find(what, details) is not None

    def _find(self, what, details):
        wanted = {"what": what, **details}
        return next((r for r in self.records if wanted.items() <= r.items()), None)


class Client:
    """A paho client with its network thread; what comes in waits in queues."""

    def __init__(
        self,
        hub,
        pki,
        client_id="",
        identity=None,
        *,
        username=None,
        password=None,
        will=None,
        clean=True,
    ):
        self._hub = hub
        self.connacks, self.subacks, self.published = queue.Queue(), queue.Queue(), queue.Queue()
        self.messages, self.lost = queue.Queue(), queue.Queue()
        self.paho = paho = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean,
            reconnect_on_failure=False,
        )
        if identity:
            paho.tls_set(str(pki.ca.cert_pem), str(identity.cert_pem), str(identity.key_pem))
        else:
            paho.tls_set(str(pki.ca.cert_pem))
        if username is not None:
            paho.username_pw_set(username, password)
        if will:
            paho.will_set(*will)
        paho.on_connect = self._connected
        paho.on_message = lambda c, u, message: self.messages.put(message)
        paho.on_subscribe = lambda c, u, mid, reasons, props: self.subacks.put([r.value for r in reasons])
        paho.on_publish = lambda c, u, mid, reason, props: self.published.put(mid)
        paho.on_disconnect = lambda c, u, flags, reason, props: self.lost.put(reason)

    def _connected(self, _client, _userdata, _flags, reason, _properties):
        self.connacks.put(reason.value)

    def connack(self):
        """Connect; the CONNACK code (paho's name for it is an MQTT 5 reason code; 0 is success)."""
        self.paho.connect("127.0.0.1", self._hub.port)
        self.paho.loop_start()
        return self.connacks.get(timeout=PATIENCE_S)

    def subscribe(self, topic, qos=0):
        """The return code of the SUBACK."""
        self.paho.subscribe(topic, qos)
        return self.subacks.get(timeout=PATIENCE_S)[0]

    def publish(self, topic, payload=b"", qos=0, retain=False):
        """Publish; returns when it is acknowledged, or at QoS 0 when it is sent."""
        mid = self.paho.publish(topic, payload, qos, retain).mid
        assert self.published.get(timeout=PATIENCE_S) == mid

    def message(self):
        """(topic, payload) of the next message."""
        message = self.messages.get(timeout=PATIENCE_S)
        return message.topic, message.payload

    def close(self):
        """Once and for all. paho closes its inner sockets when it is freed: now, for no cycle holds it."""
        paho, self.paho = self.paho, None
        if paho:
            paho.disconnect()
            paho.loop_stop()


class Raw:
    """A TLS client that sends the bytes it is told to, and returns the bytes that come."""

    def __init__(self, hub, pki, identity=None, receive_buffer_len=None, server_name="localhost"):
        context = ssl.create_default_context(cafile=str(pki.ca.cert_pem))
        context.check_hostname = server_name is not None
        if identity:
            context.load_cert_chain(identity.cert_pem, identity.key_pem)
        plain = socket.socket()
        plain.settimeout(PATIENCE_S)
        try:
            if receive_buffer_len:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_len)
            plain.connect(("127.0.0.1", hub.port))
            self.socket = context.wrap_socket(plain, server_hostname=server_name)
        except BaseException:
            plain.close()
            raise

    def send(self, data):
        self.socket.sendall(data)

    def read(self, length):
        """Exactly `length` bytes, fewer if the hub closes before."""
        data = b""
        while len(data) < length:
            with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
                more = self.socket.recv(length - len(data))
                if more:
                    data += more
                    continue
            break
        return data

    def is_closed(self):
        """True once the hub has closed; fails if it sends something instead, or nothing within PATIENCE_S."""
        return self.read(1) == b""

    def hears_nothing(self, for_s):
        """True if neither a byte nor the end comes in that time."""
        self.socket.settimeout(for_s)
        try:
            return self.socket.recv(1) is None
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE_S)

    def close(self):
        self.socket.close()


class Bench:
    """Makes hubs and clients for a test and takes them down after it."""

    def __init__(self, pki, stack):
        self.pki, self.log, self.hub = pki, Log(), None
        self._stack = stack

    def start(self, dialect="scaleway", **options):
        self.hub = DeskHub(dialect=dialect, log=self.log, **(self.pki.hub_files() | options))
        self._running = self._stack.enter_context(contextlib.ExitStack())
        self._running.enter_context(self.hub.in_thread())
        return self.hub

    def close_hub(self):
        """Stop the hub now."""
        self._running.close()

    def client(self, client_id="", identity=None, **options):
        """A Client that has not connected yet."""
        client = Client(self.hub, self.pki, client_id, identity, **options)
        self._stack.callback(client.close)
        return client

    def connected(self, client_id="", identity=None, **options):
        client = self.client(client_id, identity, **options)
        assert client.connack() == 0
        return client

    def raw(self, identity=None, **options):
        raw = Raw(self.hub, self.pki, identity, **options)
        self._stack.callback(raw.close)
        return raw

    def raw_connected(self, client_id, identity=None, keepalive_s=0, **options):
        raw = self.raw(identity, **options)
        raw.send(connect(client_id, keepalive_s))
        assert raw.read(4) == CONNACK_OK
        return raw


@contextlib.contextmanager
def bench(pki):
    """A Bench; afterwards everything is stopped, and the hub must not have met an error of its own."""
    with contextlib.ExitStack() as stack:
        it = Bench(pki, stack)
        yield it
    assert not it.log.has("bug"), it.log.records


def text(value):
    data = value.encode()
    return len(data).to_bytes(2, "big") + data


def packet(first_byte, body):
    """A packet with the shortest remaining length, made by hand so that no codec is tested by itself."""
    length, encoded = len(body), b""
    while True:
        length, digit = divmod(length, 128)
        encoded += bytes([digit | 0x80 if length else digit])
        if not length:
            return bytes([first_byte]) + encoded + body


def connect(client_id, keepalive_s=0, *, flags=2, level=4, name="MQTT", rest=b""):
    head = text(name) + bytes([level, flags]) + keepalive_s.to_bytes(2, "big")
    return packet(0x10, head + text(client_id) + rest)


def publish(topic, payload=b"", first_byte=0x30, packet_id=b""):
    return packet(first_byte, text(topic) + packet_id + payload)


def subscribe(topic, qos=0, packet_id=b"\x00\x01"):
    return packet(0x82, packet_id + text(topic) + bytes([qos]))


def wait_until(is_so):
    """For the few states that nothing announces. Fails after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)
