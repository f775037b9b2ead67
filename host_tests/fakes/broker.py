"""A hub for one client, in-process: it reads, answers and loses the link when the test says so.

No network and no clock of its own: bytes go straight into and out of a SessionModel. It is strict:
what a client must never do is a `Violation` (OASIS MQTT 3.1.1; section numbers in the complaints).
"""

from dataclasses import dataclass

from . import codec
from .codec import Violation
from .publishing_model import TICKS
from .session_model import DEAD, EVERYTHING

ANSWERS = {codec.CONNACK, codec.SUBACK, codec.UNSUBACK, codec.PINGRESP} | {
    codec.PUBACK,
    codec.PUBREC,
    codec.PUBREL,
    codec.PUBCOMP,
}


@dataclass
class Answer:
    """A packet that the hub would send next to others."""

    kind: int
    packet_id: int
    data: bytes


@dataclass
class Exchange:
    """A message of the client's until the answer that ends it has gone: QoS 1 PUBACK, QoS 2 PUBCOMP."""

    payload: bytes
    qos: int
    answered: bool = False  # PUBREC has gone
    released: bool = False  # PUBREL has come


@dataclass
class Outgoing:
    """A message of ours that the client has not acknowledged for good."""

    payload: bytes
    qos: int
    received: bool = False  # PUBREC has come


class Broker:
    """The hub of one client.

    Arguments:
        client: a SessionModel.
        now_ms: ticks that the clock of both begins at.
        holds: kinds of answer (of codec) that wait for release().

    Attributes:
        answers: what waits for release().
        up: whether it has accepted the client's connection.
        arrived: payloads of the client's messages, each as often as a subscriber would get it.
        forgotten: payloads, of both sides, that were under way when a session ended.
        exchanges: packet id -> Exchange. outgoing: packet id -> Outgoing, in order.
    """

    def __init__(self, client, now_ms=0, holds=()):
        self.client, self.now_ms, self.holds = client, now_ms, set(holds)
        self.arrived = []
        self.exchanges, self.outgoing = {}, {}
        self.forgotten = set()
        self.forget()

    def forget(self):
        """The session ends, with all it knew (4.1)."""
        under_way = [*self.client.publishing.messages, *self.outgoing.values()]
        self.forgotten |= {message.payload for message in under_way}
        self._kept = self._unheard = False
        self.exchanges, self.outgoing = {}, {}
        self._finished = set()  # ids whose PUBCOMP has gone; the client may not have got it

    # -- the link ------------------------------------------------------------------------------

    def connect(self, keepalive_s=0):
        """A new link; what was on its way on the old one is lost. Answers CONNECT when it is read.

        A session that the client has not heard of ends: at the next connection it would take it for the
        one before, and MQTT 3.1.1 gives it no means to tell (3.2.2.2).
        """
        if self._unheard:
            self.forget()
        # What is not of QoS 2 means nothing to the next connection.
        self.exchanges = {i: exchange for i, exchange in self.exchanges.items() if exchange.qos == 2}
        self._decoder = codec.Decoder()
        self.up = False  # CONNACK has gone
        self._asked = {}  # packet id -> kind, of SUBSCRIBE and UNSUBSCRIBE
        self._to_ack = []  # (kind, packet id) that the client owes, in order
        self.answers = []
        self._door = b""  # written by the client, not read
        self._on_way = b""  # sent to the client, not delivered
        self.client.connect(self.now_ms, keepalive_s)

    def take(self, limit_len=EVERYTHING):
        """The socket takes at most so many bytes from the client; they wait for read()."""
        self._door += self.client.take(self.now_ms, limit_len)

    def read(self, limit_len=EVERYTHING):
        """Reads what the client wrote."""
        data, self._door = self._door[:limit_len], self._door[limit_len:]
        for packet in self._decoder.packets(data):
            self._read(packet)

    def deliver(self, limit_len=EVERYTHING, sizes=(EVERYTHING,)):
        """The client reads what was sent to it, at most so many bytes."""
        read_len = self.client.give(self._on_way[:limit_len], self.now_ms, sizes)
        self._on_way = self._on_way[read_len:]
        self._unheard = self._unheard and not self.client.up

    def send(self, data):
        """Sends these bytes, whatever they are."""
        self._on_way += data

    def release(self, index=0, times=1):
        """Sends an answer that waits, more than once if so told."""
        answer = self.answers.pop(index)
        self.send(answer.data * times)
        self._sent(answer)

    def settle(self):
        """Moves bytes both ways until nothing moves; sends what is not held."""
        quiet = False
        while not quiet:
            self.take()
            quiet = not (self._door or self._on_way) or self.client.session.state == DEAD
            self.read()
            self.deliver()

    def wait(self, ms):
        """Time passes, and deadlines with it. Returns what check() answers."""
        self.now_ms = (self.now_ms + ms) % TICKS
        return self.client.check(self.now_ms)

    # -- what the client wrote -------------------------------------------------------------------

    def _read(self, packet):
        kind, packet_id = packet.kind, packet.packet_id
        if kind == codec.CONNECT:
            self._answer(codec.CONNACK, 0, codec.connack(0, self._kept))
        elif kind == codec.PUBLISH:
            self._publish(packet)
        elif kind == codec.PUBREL:
            self._release(packet_id)
        elif kind in (codec.PUBACK, codec.PUBREC, codec.PUBCOMP):
            self._acknowledged(kind, packet_id)
        elif kind in (codec.SUBSCRIBE, codec.UNSUBSCRIBE):
            self._subscribe(packet)
        elif kind == codec.PINGREQ:
            self._answer(codec.PINGRESP, 0, codec.pingresp())

    def _publish(self, packet):
        exchange = self.exchanges.get(packet.packet_id) if packet.qos else None
        if (exchange and not packet.dup) or packet.packet_id in self._asked:
            raise Violation(f"packet id {packet.packet_id} is in use (2.3.1)")
        if exchange and (exchange.payload, exchange.qos) != (packet.payload, packet.qos):
            raise Violation(f"packet id {packet.packet_id} stands for another message (4.4)")
        if exchange and exchange.released:
            raise Violation(f"packet id {packet.packet_id} was released (4.3.3)")
        if not exchange:
            self.arrived.append(packet.payload)
        if packet.qos:
            self._finished.discard(packet.packet_id)
            self.exchanges[packet.packet_id] = exchange or Exchange(packet.payload, packet.qos)
            kind = codec.PUBACK if packet.qos == 1 else codec.PUBREC
            self._answer(kind, packet.packet_id, codec.ack(kind, packet.packet_id))

    def _release(self, packet_id):
        exchange = self.exchanges.get(packet_id)
        if exchange:
            if not exchange.answered:
                raise Violation(f"PUBREL {packet_id} before PUBREC (4.3.3)")
            exchange.released = True
        elif packet_id not in self._finished:
            raise Violation(f"PUBREL {packet_id} for nothing (4.3.3)")
        self._answer(codec.PUBCOMP, packet_id, codec.ack(codec.PUBCOMP, packet_id))

    def _subscribe(self, packet):
        if packet.packet_id in self.exchanges or self._asked:
            raise Violation(f"packet id {packet.packet_id} is in use (2.3.1)")
        self._asked[packet.packet_id] = packet.kind
        if packet.kind == codec.SUBSCRIBE:
            data = codec.suback(packet.packet_id, [qos for _, qos in packet.filters])
            self._answer(codec.SUBACK, packet.packet_id, data)
        else:
            self._answer(codec.UNSUBACK, packet.packet_id, codec.ack(codec.UNSUBACK, packet.packet_id))

    # For each kind in the order of what it answers (4.6).
    def _acknowledged(self, kind, packet_id):
        due = [each for each in self._to_ack if each[0] == kind]
        if due[:1] != [(kind, packet_id)]:
            raise Violation(f"acknowledgement {kind} of {packet_id}, expected {due[:1]} (4.6)")
        self._to_ack.remove(due[0])
        if kind != codec.PUBREC:
            self.outgoing.pop(packet_id, None)  # it is gone if this acknowledges a repetition
        elif packet_id in self.outgoing:
            self.outgoing[packet_id].received = True
            self._answer(codec.PUBREL, packet_id, codec.ack(codec.PUBREL, packet_id))

    # -- what we write ---------------------------------------------------------------------------

    def _answer(self, kind, packet_id, data):
        self.answers.append(Answer(kind, packet_id, data))
        if kind not in self.holds:
            self.release(len(self.answers) - 1)

    # The answer has gone.
    def _sent(self, answer):
        exchange = self.exchanges.get(answer.packet_id)
        if answer.kind == codec.CONNACK:
            self._unheard = not self._kept
            self._kept = self.up = True
            for packet_id, message in self.outgoing.items():  # 4.4
                self._offer(packet_id, message, dup=True)
        elif answer.kind == codec.PUBACK:
            self.exchanges.pop(answer.packet_id, None)
        elif answer.kind == codec.PUBREC and exchange:
            exchange.answered = True
        elif answer.kind == codec.PUBREL:
            self._to_ack.append((codec.PUBCOMP, answer.packet_id))
        elif answer.kind == codec.PUBCOMP:
            self.exchanges.pop(answer.packet_id, None)
            self._finished.add(answer.packet_id)
        else:
            self._asked.pop(answer.packet_id, None)

    def publish(self, payload, qos):
        """Sends a message of our own; keeps it until it is acknowledged."""
        packet_id = 0
        if qos:
            used = {*self.outgoing, *(used_id for _, used_id in self._to_ack)}
            packet_id = next(i for i in range(1, 65536) if i not in used)
            self.outgoing[packet_id] = Outgoing(payload, qos)
        self._offer(packet_id, Outgoing(payload, qos), dup=False)

    def repeat(self, packet_id):
        """Sends the next step of an unacknowledged message again within a connection, as old hubs do."""
        self._offer(packet_id, self.outgoing[packet_id], dup=True)

    def _offer(self, packet_id, message, dup):
        if message.received:
            self._answer(codec.PUBREL, packet_id, codec.ack(codec.PUBREL, packet_id))
            return
        self.send(codec.publish("t", message.payload, message.qos, packet_id, dup))
        if message.qos:
            self._to_ack.append((codec.PUBACK if message.qos == 1 else codec.PUBREC, packet_id))
