"""MQTT 3.1.1 packets as plain values, and the bytes of the ones a hub sends.

The encoding is amqtt's. This file reads nothing (see reading.py) and decides nothing.
"""

from dataclasses import dataclass

from amqtt.mqtt.connack import ConnackPacket
from amqtt.mqtt.packet import MQTTFixedHeader
from amqtt.mqtt.pingresp import PingRespPacket
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.pubcomp import PubcompPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.pubrec import PubrecPacket
from amqtt.mqtt.pubrel import PubrelPacket
from amqtt.mqtt.suback import SubackPacket
from amqtt.mqtt.unsuback import UnsubackPacket

NAMES = (
    "RESERVED CONNECT CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK "
    "UNSUBSCRIBE UNSUBACK PINGREQ PINGRESP DISCONNECT RESERVED"
).split()

BAD_PROTOCOL, BAD_IDENTIFIER, UNAVAILABLE, BAD_CREDENTIALS, NOT_AUTHORIZED = 1, 2, 3, 4, 5  # of CONNACK
REFUSALS = range(1, 256)  # what a CONNACK can say but "accepted"
SUBSCRIPTION_FAILED = 0x80  # of SUBACK

_ACKS = {"PUBACK": PubackPacket, "PUBREC": PubrecPacket, "PUBREL": PubrelPacket, "PUBCOMP": PubcompPacket}


@dataclass(frozen=True)
class Message:
    """What is published: by a client, as a will, or by the hub. `to`: the Identity.key that alone gets it."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    to: str | None = None


@dataclass(frozen=True)
class Connect:
    client_id: str
    username: str | None
    password: str | None
    is_clean: bool
    keepalive_s: int
    will: Message | None
    digest: str


@dataclass(frozen=True)
class Publish:
    """A PUBLISH. Of one that is too large `message.payload` is empty; `payload_len` is the true size."""

    message: Message
    payload_len: int
    packet_id: int | None
    digest: str


@dataclass(frozen=True)
class Subscribe:
    packet_id: int
    wanted: tuple  # of (filter, QoS)
    digest: str


@dataclass(frozen=True)
class Unsubscribe:
    packet_id: int
    filters: tuple
    digest: str


@dataclass(frozen=True)
class Ack:
    """PUBACK, PUBREC, PUBREL or PUBCOMP."""

    name: str
    packet_id: int
    digest: str


@dataclass(frozen=True)
class Ping:
    digest: str


@dataclass(frozen=True)
class Disconnect:
    digest: str


class Fault(Exception):
    """A client broke the protocol, or its connection broke.

    Attributes:
        kind: "read_header", "decode_header", "unpack_body", "bad_type", "bad_qos" or "write_packet", as in
            the hub's list of messages (hub-dialects 2.6), or "protocol": well formed, but not allowed there.
        detail: a few words for the log.
        value: the offending type or QoS of "bad_type" and "bad_qos".
        digest: text of the packet's fixed header, where one was read.
    """

    def __init__(self, kind, detail, value=None, digest=None):
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.value = value
        self.digest = digest


class WrongProtocol(Fault):
    """A CONNECT of another protocol version: it gets a CONNACK that says so (MQTT 3.1.1, 3.1.2.2)."""


def digest(header: MQTTFixedHeader):
    """The fixed header as a Hub Event shows it: `CONNECT: dup: false qos: 0 retain: false rLength: 12`."""
    flags = header.flags
    dup, retain = ("true" if flags & mask else "false" for mask in (8, 1))
    name = NAMES[header.packet_type]
    return f"{name}: dup: {dup} qos: {flags >> 1 & 3} retain: {retain} rLength: {header.remaining_length}"


def connack(code, is_resumed=False):
    """CONNACK; `is_resumed`: True if it says that a session is present."""
    return ConnackPacket.build(int(is_resumed), code).to_bytes()


def ack(name, packet_id):
    """PUBACK, PUBREC, PUBREL or PUBCOMP."""
    return _ACKS[name].build(packet_id).to_bytes()


def suback(packet_id, codes):
    return SubackPacket.build(packet_id, codes).to_bytes()


def unsuback(packet_id):
    return UnsubackPacket.build(packet_id).to_bytes()


def pingresp():
    return PingRespPacket.build().to_bytes()


def publish(message, packet_id):
    """PUBLISH; `packet_id` is None at QoS 0."""
    return PublishPacket.build(
        message.topic, message.payload, packet_id, False, message.qos, message.retain
    ).to_bytes()
