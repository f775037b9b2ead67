"""One connection as the simulated hub sees it: every packet checked, and answered as the hub is scripted.

What the standard forbids is a complaint to the hub, and a reset.
"""

from . import codec
from .codec import Violation

REFUSED = 128  # a SUBACK code
QOS_2 = 2


class Session:
    """What outlives a connection where the client asked for it (4.1). number: from 1."""

    def __init__(self, number=0):
        self.number = number
        self.filters = {}  # topic filter -> granted QoS
        self.owed = {}  # packet id of the device's that is not acknowledged -> (topic, payload)
        self.held = set()  # those of QoS 2 whose PUBREL is to come
        self.unacked = {}  # packet id -> (QoS, what to send again: PUBLISH or PUBREL), in order
        self.last_id = 0


class Client:
    """One connection as the hub sees it. name: client id, once CONNECT is here."""

    def __init__(self, hub, far_end):
        self.far_end = far_end
        self.name = None
        self._hub = hub
        self._number = 0
        self._decoder = codec.Decoder()
        self._will = None
        self._session = Session()
        self._present = False  # the session was there before
        self._heard_ms = 0
        self._ready_ms = 0
        self._gone = False
        self._swallowed = False  # an answer, being mute: then what comes back has gaps, too

    # -- from the TLS end ------------------------------------------------------------------------

    def record(self, plain):
        hub = self._hub
        hub.records += 1
        self._heard_ms = hub.clock.now_ms
        try:
            for packet in self._decoder.packets(plain):
                hub.packets += 1
                self._take(packet)
        except Violation as violation:
            hub.complain(str(violation))
            self.far_end.connection.reset()
            self.far_end.broken("violation")

    def gone(self, reason):
        if self._gone:
            return
        self._gone = True
        hub = self._hub
        hub.leave(self)
        if self._will and reason != "vanished":
            topic, payload, _, retain = self._will
            hub.wills.append((hub.clock.now_ms, topic, payload))
            if retain:
                hub.keep(topic, payload)

    def end(self):
        self.far_end.connection.close()

    # -- to the device -----------------------------------------------------------------------------

    def send(self, data):
        if not self._gone:
            self.far_end.send(data)

    def truly(self, data):
        """These bytes; a CONNACK that accepts says whether the session was there."""
        return codec.connack(0, self._present) if data == codec.connack(0, False) else data

    # Sent when the hub has thought about it, and about all that came before.
    def _answer(self, data):
        if self._hub.mute:
            self._swallowed = True
            return
        clock = self._hub.clock
        self._ready_ms = max(self._ready_ms, clock.now_ms + self._hub.delay_ms)
        if self._ready_ms > clock.now_ms:
            clock.after(self._ready_ms - clock.now_ms, lambda: self.send(data))
        else:
            self.send(data)

    def _granted(self, topic):
        filters = self._session.filters
        return [filters[each] for each in filters if codec.matches(each, topic)]

    def wants(self, topic):
        return bool(self._granted(topic))

    def publish(self, topic, payload, qos):
        if self._hub.mute:
            return
        session = self._session
        qos = min(qos, max(self._granted(topic)))
        if qos:
            session.last_id += 1
            again = codec.publish(topic, payload, qos, session.last_id, dup=True)
            session.unacked[session.last_id] = qos, again
        self._answer(codec.publish(topic, payload, qos, session.last_id))

    @property
    def unacknowledged(self):
        return len(self._session.unacked)

    # -- packets -----------------------------------------------------------------------------------

    def _take(self, packet):
        if self._gone:
            raise Violation("a packet behind DISCONNECT (3.14.4)")
        if (packet.kind == codec.CONNECT) != (self.name is None):
            raise Violation("CONNECT must come first, and once (3.1)")
        {
            codec.CONNECT: self._connect,
            codec.PUBLISH: self._publish,
            codec.PUBACK: self._puback,
            codec.PUBREC: self._pubrec,
            codec.PUBREL: self._pubrel,
            codec.PUBCOMP: self._puback,
            codec.SUBSCRIBE: self._subscribe,
            codec.UNSUBSCRIBE: self._unsubscribe,
            codec.PINGREQ: self._ping,
            codec.DISCONNECT: self._disconnect,
        }[packet.kind](packet)

    def _connect(self, packet):
        hub = self._hub
        self.name = packet.client_id
        hub.connects.append((hub.clock.now_ms, packet))
        self._number = len(hub.connects)
        if isinstance(hub.connack, bytes):
            self._answer(hub.connack)
            return
        if hub.connack:
            self._answer(codec.connack(hub.connack, False))
            hub.clock.after(hub.delay_ms + 1, self._hang_up)
            return
        hub.admit(self)
        self._will = packet.will
        if packet.keepalive_s:
            self._limit_ms = packet.keepalive_s * 1500
            hub.clock.after(self._limit_ms, self._check_alive)
        self._session, self._present = hub.session(self.name, packet.clean)
        self._answer(codec.connack(0, self._present))
        for _, again in self._session.unacked.values():  # 4.4
            self._answer(again)

    def _hang_up(self):
        self.end()
        self.far_end.broken("refused")

    # 3.1.2.10: one and a half times the keep-alive without a packet, and the connection is cut.
    def _check_alive(self):
        if self._gone:
            return
        left_ms = self._heard_ms + self._limit_ms - self._hub.clock.now_ms
        if left_ms > 0:
            self._hub.clock.after(left_ms, self._check_alive)
            return
        self._hub.cuts.append(self._hub.clock.now_ms)
        self.end()
        self.far_end.broken("keep-alive")

    def _publish(self, packet):
        hub, session = self._hub, self._session
        if packet.packet_id not in session.held:  # else it is here already (4.3.3)
            hub.note_arrival(self._number, session.number, packet)
        if not packet.qos:
            return
        if packet.packet_id in session.owed and not packet.dup:
            raise Violation(f"packet id {packet.packet_id} again, not acknowledged and without DUP (3.3.1.1)")
        message = packet.topic, packet.payload
        if session.owed.setdefault(packet.packet_id, message) != message:
            raise Violation(f"packet id {packet.packet_id} stands for another message (4.4)")
        if packet.qos == QOS_2:
            session.held.add(packet.packet_id)
        if hub.pubacks:
            if packet.qos != QOS_2:
                session.owed.pop(packet.packet_id)
            self._answer(codec.ack(codec.PUBREC if packet.qos == QOS_2 else codec.PUBACK, packet.packet_id))

    def _pubrel(self, packet):
        session = self._session
        session.held.discard(packet.packet_id)
        session.owed.pop(packet.packet_id, None)
        self._answer(codec.ack(codec.PUBCOMP, packet.packet_id))

    # PUBACK and PUBCOMP end an exchange that we began; for each QoS in the order of the messages (4.6).
    def _puback(self, packet):
        unacked = self._session.unacked
        ended_qos = 1 if packet.kind == codec.PUBACK else QOS_2
        oldest = next((packet_id for packet_id, (qos, _) in unacked.items() if qos == ended_qos), None)
        if packet.packet_id not in unacked or (packet.packet_id != oldest and not self._swallowed):
            raise Violation(f"acknowledgement of {packet.packet_id}, expected that of {oldest} (4.6)")
        unacked.pop(oldest)

    def _pubrec(self, packet):
        if packet.packet_id not in self._session.unacked:
            raise Violation(f"PUBREC for {packet.packet_id}, which nobody sent (4.3.3)")
        release = codec.ack(codec.PUBREL, packet.packet_id)
        self._session.unacked[packet.packet_id] = QOS_2, release
        self._answer(release)

    def _subscribe(self, packet):
        refused = self._hub.suback
        if refused == "never":
            return
        codes = [min(qos, self._hub.max_qos) if refused is None else refused for _, qos in packet.filters]
        for (topic_filter, _), code in zip(packet.filters, codes, strict=True):
            if code != REFUSED:
                self._session.filters[topic_filter] = code
        self._answer(codec.suback(packet.packet_id, codes))

    def _unsubscribe(self, packet):
        for topic_filter, _ in packet.filters:
            self._session.filters.pop(topic_filter, None)
        self._answer(codec.ack(codec.UNSUBACK, packet.packet_id))

    def _ping(self, _):
        self._answer(codec.pingresp())

    def _disconnect(self, _):
        self._hub.farewells.append(self._hub.clock.now_ms)
        self._will = None  # 3.14.4
        self.gone("left")
