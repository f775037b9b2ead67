# The messages that wait to be sent or acknowledged: a ring of bytes in RAM. Pure.
# It is the only store of unacknowledged messages. Each record holds the PUBLISH packet itself, in
# one piece, so that sending is one write straight from here and re-sending the same.
# Record: length of the packet (2 bytes, low first), state (1), unused (1), packet. Owners hold a record
# by its offset. Nothing here allocates when topics and payloads are bytes.
from micropython import const

from .protocol import packets

# Bytes before the packet.
HEAD_LEN = const(4)
_QUEUED = const(1)
_SENT = const(2)
_DONE = const(3)
_SKIP = const(4)  # not a record: the ring goes on at 0
_AGAIN = const(5)  # to be sent again, under the packet id that it holds


class Outbox:
    """Messages in order, oldest first, in size_len bytes (64..65536)."""

    def __init__(self, size_len):
        if not 64 <= size_len <= 65536:
            raise ValueError("outbox: expected 64..65536 bytes")
        self.buf = bytearray(size_len)
        self.head = 0  # oldest record
        self._tail = 0  # where the next record goes
        self.records = 0  # between them, done ones included; all offsets are 0 when there are none
        self._next = 0  # first record to send, meaningful while waiting > 0
        self.waiting = 0  # records to send
        self._again = 0  # of these, to be sent again under the packet id that they hold
        self.count = 0  # records that are not done: waiting and in flight
        self.used_len = 0
        self.dropped = 0  # messages lost for lack of room

    # Longest packet that can ever be stored, in bytes.
    def packet_max(self):
        return len(self.buf) - HEAD_LEN

    # Stores a message (topic, payload: bytes). Makes room by dropping the oldest messages that are
    # not in flight. Returns False when that is not enough; then this message is lost, too.
    def put(self, topic, payload, qos=0, retain=False):
        buf = self.buf
        length = packets.publish_len(len(topic), len(payload), qos)
        if length > len(buf) - HEAD_LEN:
            self.dropped += 1
            raise ValueError("outbox: message of %d bytes, expected at most %d" % (length, self.packet_max()))
        at = self._room(length + HEAD_LEN)
        while at < 0:
            if not self._drop_oldest():
                self.dropped += 1
                return False
            at = self._room(length + HEAD_LEN)
        end = self.head if self.records and at <= self.head else len(buf)
        packets.put_publish(buf, at + HEAD_LEN, topic, payload, qos, retain, end)
        self._add(at, length)
        return True

    # Where a packet of length bytes can be written in one piece, to be kept by add(); -1 if nowhere.
    def place(self, length):
        at = self._room(length + HEAD_LEN)
        return at + HEAD_LEN if at >= 0 else -1

    # The packet of length bytes that was written where place() said is the newest message.
    def add(self, length):
        self._add(self._room(length + HEAD_LEN), length)

    def _add(self, at, length):
        buf = self.buf
        if at != self._tail and self._tail + HEAD_LEN <= len(buf):
            buf[self._tail + 2] = _SKIP
        buf[at] = length & 255
        buf[at + 1] = length >> 8
        buf[at + 2] = _QUEUED
        self._tail = at + HEAD_LEN + length
        self.used_len += length + HEAD_LEN
        self.records += 1
        self.count += 1
        if not self.waiting:
            self._next = at
        self.waiting += 1

    # The next record to send, -1 when there is none.
    def peek(self):
        return self._next if self.waiting else -1

    # Is the record to be sent again, under the packet id that it holds?
    def is_again(self, record):
        return self.buf[record + 2] == _AGAIN

    # Is there such a record with this packet id?
    def holds_id(self, packet_id):
        if not self._again:
            return False
        record = self.head
        for _ in range(self.records):
            at = record + HEAD_LEN
            if self.buf[record + 2] == _AGAIN and self.buf[at] & 6:  # QoS 0 has no id
                if packets.publish_id(self.buf, at) == packet_id:
                    return True
            record = self.after(record)
        return False

    # The record that peek() named is being sent.
    def sent(self, record):
        if self.buf[record + 2] == _AGAIN:
            self._again -= 1
        self.buf[record + 2] = _SENT
        self.waiting -= 1
        if self.waiting:
            self._seek(record)

    # The record needs no more sending. Its room is free once all older records are done too.
    def done(self, record):
        self.buf[record + 2] = _DONE
        self.count -= 1
        if record == self.head:
            self._free()

    # Takes out a record that was never sent. Returns False, and does nothing, for any other.
    def drop(self, record):
        if self.buf[record + 2] != _QUEUED:
            return False
        self._take_out(record)
        return True

    # The connection is gone: all that is not done is to be sent again, in order.
    def rewind(self):
        self.waiting = self.count
        self._again += self._turn(_SENT, _AGAIN)
        self._next = self.head  # never a done one: _free() has seen to that

    # The session is gone too: what was sent before is new to the hub.
    def forget_ids(self):
        self._again -= self._turn(_AGAIN, _QUEUED)

    # Records of one state become another; returns how many.
    def _turn(self, old, new):
        turned = 0
        record = self.head
        for _ in range(self.records):
            if self.buf[record + 2] == old:
                self.buf[record + 2] = new
                turned += 1
            record = self.after(record)
        return turned

    def packet_len(self, record):
        return self.buf[record] | self.buf[record + 1] << 8

    # Where need_len bytes fit in one piece, -1 if nowhere. The tail never reaches the head from
    # behind: equal offsets mean empty, or full to the last byte of the buffer.
    def _room(self, need_len):
        if self.records and self._tail <= self.head:
            return self._tail if self._tail + need_len < self.head else -1
        if self._tail + need_len <= len(self.buf):
            return self._tail
        return 0 if need_len < self.head else -1

    # Not what the hub may have begun to receive at QoS 2: it holds the packet id until PUBREL, which only
    # a message sent again leads to (MQTT 3.1.1, 4.4), and would take the next one under it for that message.
    def _drop_oldest(self):
        record = self.head
        state = self.buf[record + 2]
        if state == _SENT or (state == _AGAIN and self.buf[record + HEAD_LEN] & 4):
            return False
        self._again -= state == _AGAIN
        self.dropped += 1
        self._take_out(record)
        return True

    # A record that waits is done.
    def _take_out(self, record):
        self.waiting -= 1
        if self._next == record and self.waiting:
            self._seek(record)
        self.done(record)

    # Sets _next to the first record behind this one that is to be sent; there is one.
    def _seek(self, record):
        record = self.after(record)
        while self.buf[record + 2] == _DONE:
            record = self.after(record)
        self._next = record

    def _free(self):
        if not self.count:
            self.records = self.head = self._tail = self.used_len = 0
            return
        while self.buf[self.head + 2] == _DONE:
            self.used_len -= self.packet_len(self.head) + HEAD_LEN
            self.head = self.after(self.head)
            self.records -= 1

    # The record behind this one.
    def after(self, record):
        at = record + HEAD_LEN + self.packet_len(record)
        if at != self._tail and (at + HEAD_LEN > len(self.buf) or self.buf[at + 2] == _SKIP):
            return 0
        return at
