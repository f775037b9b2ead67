"""Reads one MQTT packet off a stream, bounded, and strict where amqtt's decoders are lenient.

Promises: never holds more of a packet than its kind may be long; raises nothing but Fault; what it
returns is exactly what was sent. For the last, each decoded packet is encoded again and compared: amqtt
lets bad UTF-8, cut fields and trailing bytes pass, and none of them survives that.
"""

import struct

from amqtt.adapters import BufferReader
from amqtt.errors import AMQTTError, CodecError, MQTTError, NoDataError
from amqtt.mqtt import packet as mqtt
from amqtt.mqtt.connect import ConnectPacket, ConnectVariableHeader
from amqtt.mqtt.packet import MQTTFixedHeader, PacketIdVariableHeader
from amqtt.mqtt.publish import PublishVariableHeader
from amqtt.mqtt.subscribe import SubscribePacket
from amqtt.mqtt.unsubscribe import UnsubscribePacket

from . import topics
from .packets import (
    NAMES,
    Ack,
    Connect,
    Disconnect,
    Fault,
    Message,
    Ping,
    Publish,
    Subscribe,
    Unsubscribe,
    WrongProtocol,
    digest,
)

_DECODE_ERRORS = (AMQTTError, CodecError, MQTTError, NoDataError, ValueError, struct.error)

_PUBLISH_HEAD_MAX_LEN = 2 + 65_535 + 2  # topic and packet id
_SKIP_STEP_LEN = 64 * 1024
_QOS_MAX = 2
_MQTT_3_1_1 = 4
_FLAGS = {mqtt.PUBREL: 2, mqtt.SUBSCRIBE: 2, mqtt.UNSUBSCRIBE: 2}  # all others but PUBLISH: 0 (2.2.2)
_ACKS = (mqtt.PUBACK, mqtt.PUBREC, mqtt.PUBREL, mqtt.PUBCOMP)
_BODY_LEN = {**dict.fromkeys(_ACKS, 2), mqtt.PINGREQ: 0, mqtt.DISCONNECT: 0}


async def read_packet(stream, payload_max_len, control_max_len):
    """The next packet of a client.

    Args:
        stream: `await stream.read(n)` returns exactly n bytes or raises Fault("read_header", ...).
        payload_max_len: bytes; the payload of a larger PUBLISH is read and thrown away.
        control_max_len: bytes; any other packet that is larger is refused unread.

    Returns:
        Connect, Publish, Subscribe, Unsubscribe, Ack, Ping or Disconnect.

    Raises:
        Fault: the connection ended, or what came is no packet that a client may send.
    """
    header = await _read_header(stream)
    try:
        return await _read_body(stream, header, payload_max_len, control_max_len)
    except Fault as fault:
        fault.digest = digest(header)
        raise
    except _DECODE_ERRORS as error:
        raise Fault("unpack_body", str(error) or type(error).__name__, digest=digest(header)) from error


async def _read_header(stream):
    try:
        header = await MQTTFixedHeader.from_stream(stream)
    except MQTTError as error:
        raise Fault("decode_header", "remaining length has more than four bytes") from error
    if header.packet_type not in _READERS:
        raise Fault("bad_type", f"packet type {header.packet_type}", header.packet_type)
    if header.packet_type != mqtt.PUBLISH and header.flags != _FLAGS.get(header.packet_type, 0):
        raise Fault("decode_header", f"flags {header.flags:#x}", digest=digest(header))
    return header


async def _read_body(stream, header, payload_max_len, control_max_len):
    if header.packet_type == mqtt.PUBLISH:
        return await _read_publish(stream, header, payload_max_len)
    wanted_len = _BODY_LEN.get(header.packet_type, header.remaining_length)
    if header.remaining_length != wanted_len or wanted_len > control_max_len:
        raise Fault("unpack_body", f"{header.remaining_length} bytes after the header")
    body = await _read_exactly(stream, header.remaining_length)
    return await _READERS[header.packet_type](header, body)


async def _read_exactly(stream, length):
    try:
        return await stream.read(length)
    except Fault as fault:
        raise Fault("unpack_body", "the connection ended inside a packet") from fault


# --- PUBLISH ---


async def _read_publish(stream, header, payload_max_len):
    qos = header.flags >> 1 & 3
    if qos > _QOS_MAX:
        raise Fault("bad_qos", f"QoS {qos}", qos)
    keep_len = min(header.remaining_length, _PUBLISH_HEAD_MAX_LEN + payload_max_len)
    body = await _read_exactly(stream, keep_len)
    topic, packet_id, head_len = await _publish_head(header, body)
    payload_len = header.remaining_length - head_len
    payload = bytes(body[head_len:]) if payload_len <= payload_max_len else b""
    await _skip(stream, header.remaining_length - keep_len)
    message = Message(topic, payload, qos, bool(header.flags & 1))
    return Publish(message, payload_len, packet_id, digest(header))


async def _publish_head(header, body):
    head = await PublishVariableHeader.from_stream(BufferReader(body), header)
    encoded = head.to_bytes()
    _demand(body.startswith(encoded), "bad UTF-8 in the topic")
    _demand(not head.topic_name or topics.is_topic(head.topic_name), "bad topic")
    _demand(head.packet_id != 0, "packet id 0")
    return head.topic_name, head.packet_id, len(encoded)


async def _skip(stream, length):
    while length:
        length -= len(await _read_exactly(stream, min(length, _SKIP_STEP_LEN)))


# --- the others: each from a fixed header and a whole body ---


async def _connect(header, body):
    stream = BufferReader(body)
    variable = await ConnectVariableHeader.from_stream(stream, header)
    if (variable.proto_name, variable.proto_level) != ("MQTT", _MQTT_3_1_1):
        raise WrongProtocol("protocol", f"protocol {variable.proto_name!r} level {variable.proto_level}")
    packet = await ConnectPacket.from_stream(stream, header, variable)
    if packet.payload.client_id_is_random:  # amqtt's substitute for an empty one
        packet.payload.client_id = ""
    _demand_faithful(packet, body)
    _check_connect(packet)
    return Connect(
        client_id=packet.payload.client_id,
        username=packet.payload.username,
        password=packet.payload.password,
        is_clean=variable.clean_session_flag,
        keepalive_s=variable.keep_alive,
        will=_will(packet),
        digest=digest(header),
    )


def _check_connect(packet):
    flags, payload = packet.variable_header, packet.payload
    _demand(not flags.reserved_flag, "reserved connect flag")
    _demand(flags.will_qos <= _QOS_MAX, f"will QoS {flags.will_qos}")
    _demand(flags.will_flag or not (flags.will_qos or flags.will_retain_flag), "will flags without a will")
    _demand(flags.username_flag or not flags.password_flag, "password without user name")
    for is_set, value in (
        (flags.will_flag, payload.will_message),
        (flags.username_flag, payload.username),
        (flags.password_flag, payload.password),
    ):
        _demand(not is_set or value is not None, "a field that the flags announce is missing")
    for text in (payload.client_id, payload.username):
        _demand("\0" not in (text or ""), "U+0000 in a text")


def _will(packet):
    flags, payload = packet.variable_header, packet.payload
    if not flags.will_flag:
        return None
    _demand(topics.is_topic(payload.will_topic), "bad will topic")
    return Message(payload.will_topic, bytes(payload.will_message), flags.will_qos, flags.will_retain_flag)


async def _subscribe(header, body):
    packet = await SubscribePacket.from_stream(BufferReader(body), header)
    wanted = tuple(packet.payload.topics)
    _check_filters(packet, body, [text for text, _ in wanted])
    for _, qos in wanted:
        if qos > _QOS_MAX:
            raise Fault("bad_qos", f"QoS {qos}", qos)
    return Subscribe(packet.variable_header.packet_id, wanted, digest(header))


async def _unsubscribe(header, body):
    packet = await UnsubscribePacket.from_stream(BufferReader(body), header)
    filters = tuple(packet.payload.topics)
    _check_filters(packet, body, filters)
    return Unsubscribe(packet.variable_header.packet_id, filters, digest(header))


def _check_filters(packet, body, filters):
    _demand_faithful(packet, body)
    _demand(packet.variable_header.packet_id, "packet id 0")
    _demand(filters, "no topic filter")
    for text in filters:
        _demand(not text or topics.is_filter(text), "bad topic filter")


async def _ack(header, body):
    packet_id = (await PacketIdVariableHeader.from_stream(BufferReader(body))).packet_id
    _demand(packet_id, "packet id 0")
    return Ack(NAMES[header.packet_type], packet_id, digest(header))


async def _ping(header, _body):
    return Ping(digest(header))


async def _disconnect(header, _body):
    return Disconnect(digest(header))


def _demand_faithful(packet, body):
    head = packet.variable_header
    encoded = head.to_bytes() + packet.payload.to_bytes(packet.fixed_header, head)
    _demand(encoded == body, "bad UTF-8, or fields cut or left over")


def _demand(is_so, detail):
    if not is_so:
        raise Fault("unpack_body", detail)


_READERS = {
    mqtt.CONNECT: _connect,
    mqtt.PUBLISH: None,  # read in steps, by _read_publish
    **dict.fromkeys(_ACKS, _ack),
    mqtt.SUBSCRIBE: _subscribe,
    mqtt.UNSUBSCRIBE: _unsubscribe,
    mqtt.PINGREQ: _ping,
    mqtt.DISCONNECT: _disconnect,
}
