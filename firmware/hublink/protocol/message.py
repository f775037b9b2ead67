# A PUBLISH that arrived, as handlers see it: bounds in the session's buffer, nothing copied. Pure.
from . import packets


class Message:
    """An arrived PUBLISH, valid inside the handler only: bounds in buf, first byte, qos, retain, dup."""

    def __init__(self, buf):
        self.buf = buf
        self.topic_at = 2
        self.topic_end = self.payload_at = self.payload_end = 0
        self.first = self.qos = self.packet_id = 0
        self.retain = self.dup = False

    # Copies, for handlers that may allocate.
    def topic(self):
        return bytes(self.buf[self.topic_at : self.topic_end])

    def payload(self):
        return bytes(self.buf[self.payload_at : self.payload_end])

    def matches(self, topic_filter):
        return packets.matches(topic_filter, self.buf, self.topic_at, self.topic_end)

    # Reads the body of a PUBLISH, of which `have` bytes are in the buffer; None, or what is wrong with it.
    def parse(self, first, length, have):
        buf = self.buf
        self.first = first
        qos = self.qos = first >> 1 & 3
        self.retain = first & 1 == 1
        self.dup = first & 8 == 8
        end = self.topic_end = 2 + (buf[0] << 8 | buf[1] if have >= 2 else 0)
        at = self.payload_at = end + 2 if qos else end
        self.payload_end = length
        self.packet_id = 0
        if qos == 3 or (self.dup and not qos):
            return "bad_flags"
        if at > have:
            return "bad_publish" if have == length else "topic_too_long"
        if not packets.is_topic(buf, 2, end):
            return "bad_topic"
        if qos:
            self.packet_id = buf[end] << 8 | buf[end + 1]
            if not self.packet_id:
                return "bad_packet_id"
        return None
