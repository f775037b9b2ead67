"""The messages that wait for one client, and the ones it has not acknowledged.

Promises: bounded by count, by bytes and by acknowledgements outstanding; putting a message in never waits,
so a slow client never holds up a fast one; the oldest QoS 0 message makes room first, and a client that
fills its queue with QoS 1 and 2 is given up, because those may not be lost in silence.
"""

import asyncio
from collections import deque

from . import packets

_PACKET_ID_MAX = 65_535


class OutboxFull(Exception):
    """There is no QoS 0 message left to drop."""


class Outbox:
    """
    Args:
        limits: Limits.
        dropped: called with each Message that had to make room.

    Attributes:
        in_flight: dict of the packet ids that wait for an acknowledgement -> Message.
    """

    def __init__(self, limits, dropped):
        self._limits, self._dropped = limits, dropped
        self._waiting = deque()
        self._waiting_len = 0  # bytes of payload
        self.in_flight = {}
        self._last_id = 0
        self._changed = asyncio.Event()

    def put(self, message):
        """Queue a Message; raises OutboxFull."""
        self._waiting.append(message)
        self._waiting_len += len(message.payload)
        while len(self._waiting) > self._limits.queue_count or self._waiting_len > self._limits.queue_len:
            self._drop_oldest()
        self._changed.set()

    def acknowledged(self, ack):
        """Take a `packets.Ack` of the client. Returns the bytes to answer with, or b""."""
        if ack.name == "PUBREC":
            return packets.ack("PUBREL", ack.packet_id)
        self.in_flight.pop(ack.packet_id, None)
        self._changed.set()
        return b""

    async def send_all(self, write):
        """Send what is put in, for ever; `await write(bytes)` may take its time."""
        while True:
            while not self._is_next_ready():
                self._changed.clear()
                await self._changed.wait()
            message = self._waiting.popleft()
            self._waiting_len -= len(message.payload)
            await write(packets.publish(message, self._new_id(message) if message.qos else None))

    def _is_next_ready(self):
        if not self._waiting:
            return False
        return not self._waiting[0].qos or len(self.in_flight) < self._limits.in_flight

    def _new_id(self, message):
        while True:
            self._last_id = self._last_id % _PACKET_ID_MAX + 1
            if self._last_id not in self.in_flight:
                self.in_flight[self._last_id] = message
                return self._last_id

    def _drop_oldest(self):
        for index, message in enumerate(self._waiting):
            if not message.qos:
                del self._waiting[index]
                self._waiting_len -= len(message.payload)
                self._dropped(message)
                return
        raise OutboxFull
