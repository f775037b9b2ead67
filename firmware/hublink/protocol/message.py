# A PUBLISH that arrived, as handlers see it: bounds in the session's buffer, nothing copied. Pure.
from micropython import const

from . import packets

# Beginnings of topics that are remembered.
_KNOWN = const(8)


class Message:
    """An arrived PUBLISH, valid inside the handler only: bounds in buf, first byte, qos, retain, dup."""

    def __init__(self, buf):
        self.buf = buf
        self.topic_at = 2
        self.topic_end = self.payload_at = self.payload_end = 0
        self.first = self.qos = self.packet_id = 0
        self.retain = self.dup = False
        self._known = []

    # Topics that match these filters, of (bytes, qos), will come: as far as their first wildcard they need no
    # checking.
    def expect(self, filters):
        for topic_filter, _ in filters:
            text = topic_filter.split(b"+")[0].split(b"#")[0]
            if text and text not in self._known and len(self._known) < _KNOWN:
                self._known.append(text)

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
        if not self._is_topic(end):
            return "bad_topic"
        if qos:
            self.packet_id = buf[end] << 8 | buf[end + 1]
            if not self.packet_id:
                return "bad_packet_id"
        return None

    # Is it a topic that ends here?
    def _is_topic(self, end):
        at = 2
        for text in self._known:
            known_end = 2 + len(text)
            if known_end <= end and self.buf.find(text, 2, known_end) == 2:
                if known_end == end:
                    return True
                at = known_end
                break
        return packets.is_topic(self.buf, at, end)
