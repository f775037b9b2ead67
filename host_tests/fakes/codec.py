"""MQTT 3.1.1 as a strict peer reads it (OASIS standard; section numbers in the complaints).

Written apart from the firmware's own code, so that the two can disagree. A complaint is a
`Violation`: what a client, or a server, must never send.
"""

from dataclasses import dataclass, field

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14
# What the low half of the first byte must be; PUBLISH aside.
_FLAGS = {kind: 2 if kind in (PUBREL, SUBSCRIBE, UNSUBSCRIBE) else 0 for kind in range(1, 15)}
_LENGTH_BYTES_MAX = 4


class Violation(Exception):
    """What the peer did, and the section that forbids it."""


@dataclass
class Packet:
    """A packet; which attributes hold depends on the kind."""

    kind: int
    packet_id: int = 0
    topic: str = ""
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    dup: bool = False
    filters: list = field(default_factory=list)  # [(filter, qos)]
    client_id: str = ""
    clean: bool = True
    keepalive_s: int = 0
    will: tuple | None = None  # (topic, payload, qos, retain)
    user: str | None = None
    password: bytes | None = None
    present: bool = False
    code: int = 0  # of CONNACK
    codes: list = field(default_factory=list)  # of SUBACK


class _Body:
    """Reads a packet's body to its last byte."""

    def __init__(self, data):
        self._data = data
        self._at = 0

    def take(self, n):
        piece = self._data[self._at : self._at + n]
        if len(piece) < n:
            raise Violation("packet ends too early (2.2.3)")
        self._at += n
        return bytes(piece)

    def number(self, n=2):
        return int.from_bytes(self.take(n), "big")

    def binary(self):
        return self.take(self.number())

    def text(self):
        data = self.binary()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise Violation(f"text {data!r} is no UTF-8 (1.5.3)") from None
        if "\0" in text:
            raise Violation("text holds U+0000 (1.5.3)")
        return text

    def packet_id(self):
        packet_id = self.number()
        if not packet_id:
            raise Violation("packet id 0 (2.3.1)")
        return packet_id

    def rest(self):
        return self.take(len(self._data) - self._at)

    def left(self):
        return len(self._data) - self._at


class Decoder:
    """Cuts the stream of a client, or of a server, into packets."""

    def __init__(self, from_server=False):
        self._readers = _FROM_SERVER if from_server else _FROM_CLIENT
        self._data = bytearray()

    def packets(self, data):
        """Takes the next bytes; gives the packets they complete. Raises Violation."""
        self._data += data
        while (packet := self._next()) is not None:
            yield packet

    def _next(self):
        length = shift = 0
        for at in range(1, len(self._data)):
            byte = self._data[at]
            length |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                break
            if at == _LENGTH_BYTES_MAX:
                raise Violation("remaining length of more than four bytes (2.2.3)")
        else:
            return None
        end = at + 1 + length
        if len(self._data) < end:
            return None
        first, body = self._data[0], bytes(self._data[at + 1 : end])
        del self._data[:end]
        return self._decode(first, _Body(body))

    def _decode(self, first, body):
        kind, flags = first >> 4, first & 15
        reader = self._readers.get(kind)
        if reader is None:
            raise Violation(f"packet of type {kind}, which this side never sends (2.2.1)")
        if kind != PUBLISH and flags != _FLAGS[kind]:
            raise Violation(f"flags {flags} in a packet of type {kind} (2.2.2)")
        packet = reader(flags, body)
        if body.left():
            raise Violation(f"{body.left()} bytes behind the end of a packet of type {kind} (2.2.3)")
        return packet


def _connect(_, body):
    if body.binary() != b"MQTT" or body.number(1) != 4:
        raise Violation("CONNECT names another protocol (3.1.2)")
    flags = body.number(1)
    if flags & 1:
        raise Violation("reserved flag of CONNECT is set (3.1.2.3)")
    packet = Packet(CONNECT, clean=bool(flags & 2), keepalive_s=body.number(), client_id=body.text())
    if not packet.client_id and not packet.clean:
        raise Violation("no client id, and a session to be kept (3.1.3.1)")
    packet.will = _will(flags, body)
    packet.user = body.text() if flags & 0x80 else None
    packet.password = body.binary() if flags & 0x40 else None
    if flags & 0xC0 == 0x40:
        raise Violation("a password without a user (3.1.2.9)")
    return packet


def _will(flags, body):
    if not flags & 4:
        if flags & 0x38:
            raise Violation("will flags without a will (3.1.2.6)")
        return None
    if flags & 0x18 == 0x18:
        raise Violation("will of QoS 3 (3.1.2.6)")
    topic, payload = _topic(body.text()), body.binary()
    return topic, payload, flags >> 3 & 3, bool(flags & 0x20)


def _topic(topic):
    if not topic or "+" in topic or "#" in topic:
        raise Violation(f"topic name {topic!r} (4.7)")
    return topic


def _publish(flags, body):
    packet = Packet(PUBLISH, qos=flags >> 1 & 3, retain=bool(flags & 1), dup=bool(flags & 8))
    if packet.qos == 3 or (packet.dup and not packet.qos):
        raise Violation(f"PUBLISH with flags {flags} (3.3.1)")
    packet.topic = _topic(body.text())
    if packet.qos:
        packet.packet_id = body.packet_id()
    packet.payload = body.rest()
    return packet


def _ack(kind):
    return lambda _, body: Packet(kind, packet_id=body.packet_id())


def _subscribe(_, body):
    packet = Packet(SUBSCRIBE, packet_id=body.packet_id())
    while body.left():
        topic_filter, qos = body.text(), body.number(1)
        if qos > 2 or not _is_filter(topic_filter):
            raise Violation(f"subscription to {topic_filter!r}, QoS byte {qos} (3.8.3)")
        packet.filters.append((topic_filter, qos))
    if not packet.filters:
        raise Violation("SUBSCRIBE without a filter (3.8.3)")
    return packet


def _unsubscribe(_, body):
    packet = Packet(UNSUBSCRIBE, packet_id=body.packet_id())
    while body.left():
        packet.filters.append((body.text(), 0))
    if not packet.filters:
        raise Violation("UNSUBSCRIBE without a filter (3.10.3)")
    return packet


def _is_filter(topic_filter):
    levels = topic_filter.split("/")
    good = all(level in ("+", "#") or not set("+#") & set(level) for level in levels)
    return bool(topic_filter) and good and "#" not in levels[:-1]


def _connack(_, body):
    flags, code = body.number(1), body.number(1)
    if flags > 1 or (flags and code):
        raise Violation(f"CONNACK with flags {flags}, code {code} (3.2.2)")
    return Packet(CONNACK, present=bool(flags), code=code)


def _suback(_, body):
    packet = Packet(SUBACK, packet_id=body.packet_id(), codes=list(body.rest()))
    if not packet.codes or not set(packet.codes) <= {0, 1, 2, 128}:
        raise Violation(f"SUBACK with codes {packet.codes} (3.9.3)")
    return packet


_BOTH_WAYS = {PUBLISH: _publish, **{kind: _ack(kind) for kind in (PUBACK, PUBREC, PUBREL, PUBCOMP)}}
_FROM_CLIENT = {
    **_BOTH_WAYS,
    CONNECT: _connect,
    SUBSCRIBE: _subscribe,
    UNSUBSCRIBE: _unsubscribe,
    PINGREQ: lambda _, body: Packet(PINGREQ),
    DISCONNECT: lambda _, body: Packet(DISCONNECT),
}
_FROM_SERVER = {
    **_BOTH_WAYS,
    CONNACK: _connack,
    SUBACK: _suback,
    UNSUBACK: _ack(UNSUBACK),
    PINGRESP: lambda _, body: Packet(PINGRESP),
}


def matches(topic_filter, topic):
    """Whether the topic is one the filter asks for (4.7)."""
    if topic.startswith("$") and topic_filter[0] in "+#":
        return False
    wanted, given = topic_filter.split("/"), topic.split("/")
    for i, level in enumerate(wanted):
        if level == "#":
            return True
        if i >= len(given) or level not in ("+", given[i]):
            return False
    return len(wanted) == len(given)


def _packet(first, body):
    head, length = bytearray([first]), len(body)
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    head.append(length)
    return bytes(head) + body


def connack(code, session_present):
    return _packet(CONNACK << 4, bytes((session_present, code)))


def suback(packet_id, codes):
    return _packet(SUBACK << 4, packet_id.to_bytes(2, "big") + bytes(codes))


def ack(kind, packet_id):
    return _packet(kind << 4 | _FLAGS[kind], packet_id.to_bytes(2, "big"))


def pingresp():
    return _packet(PINGRESP << 4, b"")


def publish(topic, payload, qos=0, packet_id=0, dup=False, retain=False):
    topic = topic.encode()
    head = len(topic).to_bytes(2, "big") + topic + (packet_id.to_bytes(2, "big") if qos else b"")
    return _packet(PUBLISH << 4 | dup << 3 | qos << 1 | retain, head + payload)
