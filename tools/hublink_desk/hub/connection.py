"""The session loop: one client, from the TLS handshake to the end, under whatever dialect.

It does what MQTT 3.1.1 prescribes and what the dialect answers; it decides nothing that a hub could decide
otherwise. Promises: every connection ends in exactly one log record that says why; whatever a client sends
ends at most its own connection; a will is published unless the client said DISCONNECT.
"""

import asyncio
import traceback

from . import packets
from .dialect import Admission, Grant
from .outbox import Outbox, OutboxFull
from .packets import BAD_PROTOCOL, SUBSCRIPTION_FAILED, Connect, Fault, Ping, Publish, WrongProtocol
from .reading import read_packet
from .timers import Timers
from .tls import HandshakeRefused

_KEEPALIVE_FACTOR = 1.5  # MQTT 3.1.1, 3.1.2.10
_QOS_2 = 2


class _Refused(Exception):
    """The CONNECT gets this Admission's code; the other argument is who the client said it was."""


class _Ended(Exception):
    """The connection ends here, for the reason given; not because of a fault."""


class Connection:
    """
    Args:
        exchange: Exchange.
        stream: TlsStream.
        peer: "address:port" of the client, for the log.
    """

    def __init__(self, exchange, stream, peer):
        self._exchange, self._stream, self.peer = exchange, stream, peer
        self.identity = None  # set once it is admitted
        self._will = None
        self._outbox = Outbox(exchange.limits, self._overflowed)
        self._received_ids = set()  # QoS 2 messages of the client that wait for their PUBREL
        self._is_over = False
        self._task = self._sender = None
        self.timers = Timers(exchange.gate, self._silent, self.end)

    @property
    def key(self):
        return self.identity.key

    async def serve(self):
        """Run the connection to its end. Raises nothing that a client could cause."""
        self._task = asyncio.current_task()
        try:
            await self._run_to_end()
            await self._stream.finish(self._exchange.limits.linger_s)
        except asyncio.CancelledError:  # by end(), which has done all the rest
            self._stream.abort()

    async def _run_to_end(self):
        try:
            await self._run()
        except HandshakeRefused as refusal:
            self._over(f"TLS handshake: {refusal}", self._exchange.dialect.handshake_refused(refusal))
        except _Refused as refusal:
            await self._refuse(*refusal.args)
        except Fault as fault:
            self._over(fault.detail, self._exchange.dialect.faulted(self.identity, fault))
        except _Ended as ending:
            self._over(str(ending))

    def end(self, reason, fault=None):
        """End the connection from outside its own loop, at once and without a word to the client."""
        events = self._exchange.dialect.faulted(self.identity, fault) if fault else ()
        self._over(reason, events)
        self._stream.abort()
        self._task.cancel()

    def _silent(self, reason):
        self.end(reason, Fault("read_header", reason) if self.identity else None)

    def stop(self):
        """End it because the hub stops: no will."""
        self._will = None
        self.end("the hub stops")

    def deliver(self, message):
        """Queue a Message for this client. Never waits."""
        try:
            if not self._is_over:
                self._outbox.put(message)
        except OutboxFull:
            self.end("too slow: its queue is full of QoS 1 and 2 messages")

    # --- beginning ---

    async def _run(self):
        limit_s = self._exchange.limits.connect_s
        self.timers.silence.expect_within(limit_s, f"no CONNECT within {limit_s:g} s")
        certificate = self._exchange.credentials.peer(await self._stream.handshake())
        await self._admit(await self._read_connect(), certificate)
        while not self._is_over:
            packet = await self._read()
            self.timers.heard(not isinstance(packet, Ping) or self._exchange.dialect.is_ping_activity)
            await _HANDLERS[type(packet)](self, packet)

    async def _read(self):
        exchange = self._exchange
        return await read_packet(
            self._stream, exchange.dialect.payload_max_len, exchange.limits.control_packet_len
        )

    async def _read_connect(self):
        try:
            connect = await self._read()
        except WrongProtocol as fault:
            raise _Refused(Admission(code=BAD_PROTOCOL, reason=fault.detail), "") from fault
        if not isinstance(connect, Connect):
            raise Fault("protocol", f"{_name(connect)} before CONNECT")
        return connect

    async def _admit(self, connect, certificate):
        admission = self._exchange.admit(connect, certificate, self.peer)
        if admission.identity is None:
            raise _Refused(admission, connect.client_id or connect.username)
        self.identity, self._will = admission.identity, connect.will
        self._exchange.register(self)
        self._resume(admission)
        self._exchange.publish_events(admission.events)
        self._start_timers(connect.keepalive_s * _KEEPALIVE_FACTOR, self._exchange.dialect.idle_s)
        self._log("connect", proof=self.identity.proof, keepalive_s=connect.keepalive_s)
        await self._stream.write(packets.connack(0, admission.is_resumed))
        self._sender = asyncio.ensure_future(self._send_all())

    def _resume(self, admission):
        for wanted, qos in admission.filters:
            self._exchange.router.subscribe(self, wanted, qos)
        for message in admission.messages:
            self.deliver(message)

    def _start_timers(self, keepalive_s, idle_s):
        self.timers.silence.expect_within(keepalive_s, f"keep-alive: nothing heard for {keepalive_s:g} s")
        self.timers.idle.expect_within(idle_s, f"idle for {idle_s:g} s")
        self.timers.live_until(self.identity.ends_at)

    async def _send_all(self):
        try:
            await self._outbox.send_all(self._stream.write)
        except Fault as fault:
            self.end(fault.detail, fault)
        except Exception:
            self._log("bug", reason=traceback.format_exc())
            self.end("an error inside the hub")

    async def _refuse(self, admission, claimed):
        self._over(admission.reason, admission.events, code=admission.code, claimed=claimed)
        try:
            await self._stream.write(packets.connack(admission.code))
        except Fault:
            pass  # it did not stay for the answer

    # --- end ---

    def _over(self, reason, events=(), **details):
        """Say goodbye for the client, once: nothing of it is left in the hub after this."""
        if self._is_over:
            return
        self._is_over = True
        self.timers.stop()
        if self._sender:
            self._sender.cancel()
        if self.identity:
            self._exchange.unregister(self)
        self._log("disconnect" if self.identity else "refuse", reason=reason, **details)
        self._exchange.publish_events(events)
        self._publish_will()
        if self.identity:
            self._exchange.publish_events(self._exchange.dialect.ended(self.identity))

    def _publish_will(self):
        if self._will is None:
            return
        self._judge("will", Publish(self._will, len(self._will.payload), None, None))

    # --- what a client may send ---

    async def _on_publish(self, packet):
        qos = packet.message.qos
        if qos == _QOS_2 and packet.packet_id in self._received_ids:  # sent again: our PUBREC was lost
            await self._stream.write(packets.ack("PUBREC", packet.packet_id))
            return
        verdict = self._judge("publish", packet)
        if verdict.is_closing:
            raise _Ended(verdict.reason)
        if qos and verdict.is_acknowledged:
            await self._acknowledge(qos, packet.packet_id)
        for answer in verdict.answers:
            self._exchange.route(answer)

    async def _acknowledge(self, qos, packet_id):
        if qos == _QOS_2:
            self._received_ids.add(packet_id)
        await self._stream.write(packets.ack("PUBREC" if qos == _QOS_2 else "PUBACK", packet_id))

    def _judge(self, what, packet):
        """The dialect's Verdict; the message routed, or it is said why not; the events raised either way."""
        message, verdict = packet.message, self._exchange.dialect.publish(self.identity, packet)
        details = {"topic": message.topic, "len": packet.payload_len, "qos": message.qos}
        details["retain"] = message.retain
        if verdict.message is None:
            self._log("drop", source=what, reason=verdict.reason, **details)
        else:
            self._log(what, **details)
            self._exchange.receive(self.identity, verdict.message)
        for unwanted in verdict.revoked:
            self._exchange.router.unsubscribe(self, unwanted)
        self._exchange.publish_events(verdict.events)
        return verdict

    async def _on_subscribe(self, packet):
        codes, following = [], []
        for wanted, qos in packet.wanted:
            code, messages = self._subscribe_one(wanted, qos, packet)
            codes.append(code)
            following += messages
        await self._stream.write(packets.suback(packet.packet_id, codes))
        for message in following:
            self.deliver(message)

    def _subscribe_one(self, wanted, qos, packet):
        """(return code, Messages that follow the SUBACK)."""
        grant, retained = self._exchange.dialect.subscribe(self.identity, wanted, qos, packet), []
        if grant.code != SUBSCRIPTION_FAILED:
            retained = self._exchange.router.subscribe(self, wanted, grant.code)
            if retained is None:
                grant, retained = Grant(SUBSCRIPTION_FAILED, "it has as many filters as a client may"), []
        self._log("subscribe", topic=wanted, qos=qos, granted=grant.code, reason=grant.reason)
        self._exchange.publish_events(grant.events)
        if grant.is_closing:
            raise _Ended(grant.reason)
        return grant.code, [*retained, *grant.messages]

    async def _on_unsubscribe(self, packet):
        for unwanted in packet.filters:
            self._exchange.router.unsubscribe(self, unwanted)
            self._exchange.dialect.unsubscribed(self.identity, unwanted)
            self._log("unsubscribe", topic=unwanted)
        await self._stream.write(packets.unsuback(packet.packet_id))

    async def _on_ack(self, packet):
        is_release = packet.name == "PUBREL"
        message = None if is_release else self._outbox.in_flight.get(packet.packet_id)
        self._exchange.publish_events(self._exchange.dialect.acknowledged(self.identity, packet, message))
        if is_release:
            self._received_ids.discard(packet.packet_id)
            answer = packets.ack("PUBCOMP", packet.packet_id)
        else:
            answer = self._outbox.acknowledged(packet)
        if answer:
            await self._stream.write(answer)

    async def _on_ping(self, _packet):
        await self._stream.write(packets.pingresp())

    async def _on_disconnect(self, _packet):
        self._will = None
        raise _Ended("DISCONNECT")

    async def _on_connect(self, packet):
        raise Fault("protocol", "a second CONNECT", digest=packet.digest)

    # --- log ---

    def _overflowed(self, message):
        reason = "too slow: its queue is full"
        self._log("overflow", topic=message.topic, len=len(message.payload), reason=reason)

    def _log(self, what, **details):
        client = {"client": self.identity.key} if self.identity else {}
        self._exchange.log(what, **client, peer=self.peer, **details)


def _name(packet):
    return packet.digest.split(":", maxsplit=1)[0]


_HANDLERS = {
    packets.Connect: Connection._on_connect,
    packets.Publish: Connection._on_publish,
    packets.Subscribe: Connection._on_subscribe,
    packets.Unsubscribe: Connection._on_unsubscribe,
    packets.Ack: Connection._on_ack,
    packets.Ping: Connection._on_ping,
    packets.Disconnect: Connection._on_disconnect,
}
