# MQTT 3.1.1 packets as bytes: encoders that write into a given buffer, checks that read from one.
# Pure, and nothing here allocates when topics and payloads are bytes. Section numbers are of the
# OASIS standard. Encoders return the offset behind what they wrote; callers make sure with the
# matching _len function that there is room.
import struct

from micropython import const

CONNECT = const(0x10)
CONNACK = const(0x20)
PUBLISH = const(0x30)
PUBACK = const(0x40)
PUBREC = const(0x50)
PUBREL = const(0x60)
PUBCOMP = const(0x70)
SUBSCRIBE = const(0x80)
SUBACK = const(0x90)
UNSUBSCRIBE = const(0xA0)
UNSUBACK = const(0xB0)
PINGREQ = const(0xC0)
PINGRESP = const(0xD0)
DISCONNECT = const(0xE0)

DUP = const(0x08)
RETAIN = const(0x01)

# The largest remaining length: four bytes of seven bits (2.2.3).
REMAINING_MAX = const(268435455)
TEXT_MAX = const(65535)

PINGREQ_PACKET = b"\xc0\x00"
DISCONNECT_PACKET = b"\xe0\x00"


# Formats that copy up to 0, 16, 32, ... 256 bytes, then 512, 1,024, ... 65,536.
COPY = ["%ds" % (16 * i) for i in range(17)] + ["%ds" % (1 << i) for i in range(9, 17)]


# Copies data to buf[at:]. Up to 15 bytes behind it (or as many as it has, if it is longer than 256)
# may be zeroed, but none at `end` or behind. A slice would be simpler, and allocates up to 1.25.
def put(buf, at, data, end):
    n = len(data)
    i = (n + 15) >> 4
    size = i << 4
    if n > 256:
        size = 512
        i = 17
        while size < n:
            size <<= 1
            i += 1
    if at + size <= end:
        struct.pack_into(COPY[i], buf, at, data)
        return at + n
    for b in data:
        buf[at] = b
        at += 1
    return at


# Bytes of s: text as UTF-8, anything else as it is.
def to_bytes(s):
    return s.encode() if isinstance(s, str) else s


# How many bytes the remaining length n itself takes (2.2.3).
def _varint_len(n):
    if n < 128:
        return 1
    if n < 16384:
        return 2
    return 3 if n < 2097152 else 4


def _put_varint(buf, at, n):
    while n > 127:
        buf[at] = n & 127 | 128
        n >>= 7
        at += 1
    buf[at] = n
    return at + 1


def put_u16(buf, at, n):
    buf[at] = n >> 8
    buf[at + 1] = n & 255
    return at + 2


def get_u16(buf, at):
    return buf[at] << 8 | buf[at + 1]


def _put_text(buf, at, text, end):
    return put(buf, put_u16(buf, at, len(text)), text, end)


# Length of the whole PUBLISH packet in bytes.
def publish_len(topic_len, payload_len, qos):
    n = topic_len + payload_len + (4 if qos else 2)
    return n + 2 if n < 128 else 1 + _varint_len(n) + n


# PUBLISH at buf[at:]; the packet id is left 0 for set_publish_id. What is between the packet and
# `end` may be zeroed. Calls are what costs time on the device, so there are few.
def put_publish(buf, at, topic, payload, qos, retain, end):
    buf[at] = PUBLISH | qos << 1 | (RETAIN if retain else 0)
    topic_len = len(topic)
    n = 2 + topic_len + len(payload)
    if qos:
        n += 2
    at += 1
    while n > 127:
        buf[at] = n & 127 | 128
        n >>= 7
        at += 1
    buf[at] = n
    buf[at + 1] = topic_len >> 8
    buf[at + 2] = topic_len & 255
    at = put(buf, at + 3, topic, end)
    if qos:
        buf[at] = buf[at + 1] = 0
        at += 2
    return put(buf, at, payload, end)


# Where the topic of the PUBLISH that starts at buf[at] begins, behind its length.
def publish_topic_at(buf, at):
    at += 1
    while buf[at] & 128:
        at += 1
    return at + 3


# Where it ends; of QoS 1 and 2 the packet id follows.
def publish_topic_end(buf, at):
    at = publish_topic_at(buf, at)
    return at + get_u16(buf, at - 2)


def publish_id(buf, at):
    return get_u16(buf, publish_topic_end(buf, at))


# Makes the PUBLISH (QoS 1, 2) at buf[at] ready to go: its packet id, and whether it was sent before.
def set_publish_id(buf, at, packet_id, dup):
    put_u16(buf, publish_topic_end(buf, at), packet_id)
    buf[at] = buf[at] | DUP if dup else buf[at] & ~DUP


def _text_len(text):
    return 0 if text is None else 2 + len(text)


# will: None or (topic, payload, qos, retain).
def connect_len(client_id, user, password, will):
    n = 10 + 2 + len(client_id) + _text_len(user) + _text_len(password)
    if will:
        n += 4 + len(will[0]) + len(will[1])
    return 1 + _varint_len(n) + n, n


# CONNECT at buf[0:]. A password without a user is against 3.1.2.9; config and client refuse it.
def put_connect(buf, client_id, user, password, keepalive_s, clean, will):
    remaining = connect_len(client_id, user, password, will)[1]
    flags = 2 if clean else 0
    if will:
        flags |= 4 | will[2] << 3 | (0x20 if will[3] else 0)
    if user is not None:
        flags |= 0x80
    if password is not None:
        flags |= 0x40
    end = len(buf)
    buf[0] = CONNECT
    at = _put_varint(buf, 1, remaining)
    at = _put_text(buf, at, b"MQTT", end)
    buf[at] = 4
    buf[at + 1] = flags
    at = put_u16(buf, at + 2, keepalive_s)
    at = _put_text(buf, at, client_id, end)
    if will:
        at = _put_text(buf, _put_text(buf, at, will[0], end), will[1], end)
    for text in (user, password):
        if text is not None:
            at = _put_text(buf, at, text, end)
    return at


# filters: list of (filter, qos); qos is ignored by UNSUBSCRIBE, where it is not sent.
def subscribe_len(kind, filters):
    n = 2
    for topic_filter, _ in filters:
        n += 2 + len(topic_filter) + (kind == SUBSCRIBE)
    return 1 + _varint_len(n) + n, n


# kind: SUBSCRIBE or UNSUBSCRIBE. Bit 1 of both first bytes is reserved and set (3.8.1, 3.10.1).
def put_subscribe(buf, kind, packet_id, filters):
    buf[0] = kind | 2
    at = _put_varint(buf, 1, subscribe_len(kind, filters)[1])
    at = put_u16(buf, at, packet_id)
    for topic_filter, qos in filters:
        at = _put_text(buf, at, topic_filter, len(buf))
        if kind == SUBSCRIBE:
            buf[at] = qos
            at += 1
    return at


# PUBACK, PUBREC, PUBREL, PUBCOMP at buf[at:at + 4]. Returns where it ends.
def put_ack(buf, at, kind, packet_id):
    buf[at] = kind | 2 if kind == PUBREL else kind
    buf[at + 1] = 2
    return put_u16(buf, at + 2, packet_id)


# Is buf[at:end] well-formed UTF-8 without U+0000 and without surrogates (1.5.3)?
def is_utf8(buf, at, end):  # noqa: C901, PLR0912 - the table of RFC 3629, and calls would cost time
    while at < end:
        b = buf[at]
        at += 1
        if b < 0x80:
            if not b:
                return False
            continue
        # low, high: range of the second byte (excludes overlong forms, surrogates, > U+10FFFF).
        low, high = 0x80, 0xBF
        if 0xC2 <= b <= 0xDF:
            more = 1
        elif 0xE0 <= b <= 0xEF:
            more = 2
            if b == 0xE0:
                low = 0xA0
            elif b == 0xED:
                high = 0x9F
        elif 0xF0 <= b <= 0xF4:
            more = 3
            if b == 0xF0:
                low = 0x90
            elif b == 0xF4:
                high = 0x8F
        else:
            return False
        if at + more > end or not low <= buf[at] <= high:
            return False
        for i in range(at + 1, at + more):
            if buf[i] & 0xC0 != 0x80:
                return False
        at += more
    return True


# Is buf[at:end] a topic name: not empty, UTF-8, no wildcard (4.7)?
def is_topic(buf, at, end):
    is_ascii = True
    for i in range(at, end):
        b = buf[i]
        if b > 0x7F:
            is_ascii = False
        elif b < 0x2C and (b == 0x2B or b == 0x23 or not b):
            return False
    return at < end and (is_ascii or is_utf8(buf, at, end))


# Is the given bytes object a topic filter: '+' and '#' only as whole levels, '#' only last (4.7.1)?
def is_filter(text):
    if not text or len(text) > TEXT_MAX or not is_utf8(text, 0, len(text)):
        return False
    levels = text.split(b"/")
    for i, level in enumerate(levels):
        if b"#" in level and (level != b"#" or i != len(levels) - 1):
            return False
        if b"+" in level and level != b"+":
            return False
    return True


# Does the topic in buf[at:end] match the filter (4.7)? Allocates nothing.
def matches(topic_filter, buf, at, end):
    if len(topic_filter) == end - at and buf.find(topic_filter, at, end) == at:
        return True  # as most do, and a loop in bytecode takes long
    # A wildcard at the front matches no topic that starts with '$' (4.7.2).
    if at < end and buf[at] == 0x24 and topic_filter[0] in (0x2B, 0x23):
        return False
    is_over = False  # the topic ended where the filter has a '/': "a/#" also matches "a" (4.7.1.2)
    for c in topic_filter:
        if at < end and buf[at] == c:  # topics have no wildcards
            at += 1
        elif c == 0x23:
            return True
        elif is_over:
            return False
        elif c == 0x2B:
            while at < end and buf[at] != 0x2F:
                at += 1
        elif c == 0x2F and at == end:
            is_over = True
        else:
            return False
    return at == end and not is_over
