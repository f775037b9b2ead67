"""A strict little MQTT 3.1.1 broker in the simulated internet, and all the ways it can misbehave.

It checks every byte it gets: what the standard forbids is noted in `violations`, and the connection
is reset.
"""

import json
from dataclasses import dataclass

from .far_end import TlsFarEnd
from .hub_client import Client, Session

ADDRESS = "10.0.0.5"
NAME = "hub.example.test"
PORT = 8883


@dataclass
class Arrival:
    """A PUBLISH of the device's. at_ms: when it arrived; connection, session: their numbers, from 1."""

    at_ms: int
    connection: int
    session: int
    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool


class Hub:
    """The hub.

    Attributes that script it, all to be changed at any time:
        certificate: a `certificates.Certificate`.
        trusts: f(certificate of a device) -> whether it may connect.
        tls_mode: "normal", or what it does instead of finishing a handshake: "silent", "plain" (answers
            without TLS), "alert", "reset" or "eof" (after our certificate).
        deaf: reads nothing, so the device's bytes pile up.
        mute: reads, and answers nothing.
        connack: code of the answer to CONNECT, 0..255; or bytes that come instead of it.
        max_qos: the highest it grants.
        suback: None, or the code that answers every filter (REFUSED), or "never".
        pubacks: whether messages are acknowledged.
        delay_ms: how long it thinks before each answer.

    Attributes that tell what happened:
        received: every Arrival; violations: texts; wills: (ms, topic, payload) of those published;
        connects: (ms, CONNECT packet); retained: topic -> payload; farewells: ms of each DISCONNECT;
        cuts: ms of each connection ended because its keep-alive had passed 1.5 times;
        records, packets: how many TLS records and MQTT packets came in; knocks: TCP connections;
        sessions: how many sessions began;
        trusted: certificates of ours with which a device finished a handshake;
        forgot: it lost its memory, and with it the wills, and has not admitted anybody since.
    """

    def __init__(self, clock, net, side, certificate, address=ADDRESS):
        self.clock = clock
        self.side = side
        self.certificate = certificate
        self.trusts = lambda device: device.authority == certificate.authority
        self.tls_mode = "normal"
        self.deaf = self.mute = False
        self.connack = 0
        self.max_qos = 2
        self.suback = None
        self.pubacks = True
        self.delay_ms = 0
        self.received = []
        self.violations = []
        self.wills = []
        self.connects = []
        self.retained = {}
        self.farewells = []
        self.cuts = []
        self.records = self.packets = self.knocks = self.sessions = 0
        self.trusted = set()
        self.forgot = False
        self._net = net
        self._far_ends = []
        self._clients = []
        self._sessions = {}  # client id -> Session, of clients that want theirs kept
        self.move(address)

    # -- what may happen to it -----------------------------------------------------------------

    def stop(self, reset=False):
        """The program ends: connections are closed (or reset), new ones refused."""
        self.host.mode = "refuses"
        self.drop(reset)

    def vanish(self):
        """The machine loses power, and its memory: nothing answers any more."""
        self.host.mode = "gone"
        self.forgot = True
        self.forget_sessions()
        for far_end in self._far_ends:
            far_end.connection.forget()
            far_end.broken("vanished")
        self._far_ends.clear()

    def forget_sessions(self):
        """What it kept for clients that asked for it is lost; connections go on."""
        self._sessions.clear()

    def start(self):
        """After stop() or vanish(): all is well again."""
        self.host.mode = "up"

    def move(self, address):
        """Listens at another address from now on; nobody answers at the old one unless it still does."""
        self.host = self._net.host(address)
        self.host.tcp[PORT] = self._listen

    def drop(self, reset=False):
        """Ends all connections."""
        for far_end in self._far_ends:
            if reset:
                far_end.connection.reset()
            else:
                far_end.connection.close()
            far_end.broken("dropped")
        self._far_ends.clear()

    def send_raw(self, data):
        """Sends these bytes to every client, in one record each.

        A CONNACK among them does not lie about the session: what was delivered in one that is said not to be
        there would be delivered again, and no client could help it.
        """
        for client in self._clients:
            client.send(client.truly(data))

    def publish(self, topic, payload, qos=0):
        """Publishes to whoever has subscribed.

        Returns:
            int: how many have.
        """
        wanting = [client for client in self._clients if client.wants(topic)]
        for client in wanting:
            client.publish(topic, payload, qos)
        return len(wanting)

    # -- what it knows ---------------------------------------------------------------------------

    def telemetry(self, name=None):
        """Readings in order of arrival, each counted once: list of (ms, decoded JSON)."""
        seen, found = set(), []
        for arrival in self.received:
            if not arrival.topic.endswith("/telemetry"):
                continue
            message = json.loads(arrival.payload)
            key = (message["boot"], message["seq"])
            if key not in seen and name in (None, message["name"]):
                found.append((arrival.at_ms, message))
            seen.add(key)
        return found

    def troubles(self):
        """reason -> how often, over all "troubles" messages."""
        counts = {}
        for _, message in self.telemetry("troubles"):
            for reason, times in message["data"].items():
                counts[reason] = counts.get(reason, 0) + times
        return counts

    @property
    def clients(self):
        """Names of the clients that it believes to be connected."""
        return [client.name for client in self._clients]

    @property
    def unacknowledged(self):
        """How many messages its clients have not acknowledged."""
        return sum(client.unacknowledged for client in self._clients)

    # -- connections -----------------------------------------------------------------------------

    def _listen(self, connection):
        self.knocks += 1
        far_end = TlsFarEnd(connection, self, self._accept)
        self._far_ends.append(far_end)
        return far_end

    def _accept(self, far_end):
        return Client(self, far_end)

    def session(self, name, clean):
        """(Session of that client, whether it was there before) (3.1.2.4)."""
        present = not clean and name in self._sessions
        if not present:
            self.sessions += 1
        session = self._sessions[name] if present else Session(self.sessions)
        self._sessions.pop(name, None)
        if not clean:
            self._sessions[name] = session
        return session, present

    def admit(self, client):
        """A CONNECT was good: an older connection of the same name ends (3.1.4)."""
        for other in list(self._clients):
            if other.name == client.name:
                other.end()
                other.gone("taken over")
        self._clients.append(client)
        self.forgot = False

    def leave(self, client):
        if client in self._clients:
            self._clients.remove(client)
        self._far_ends = [each for each in self._far_ends if each is not client.far_end]

    def note_arrival(self, connection, session, packet):
        """A PUBLISH came on the connection of that number, in the session of that number."""
        arrival = Arrival(
            at_ms=self.clock.now_ms,
            connection=connection,
            session=session,
            topic=packet.topic,
            payload=packet.payload,
            qos=packet.qos,
            retain=packet.retain,
            dup=packet.dup,
        )
        self.received.append(arrival)
        if packet.retain:
            self.keep(packet.topic, packet.payload)

    def complain(self, text):
        self.violations.append(f"{self.clock.now_ms} ms: {text}")

    def keep(self, topic, payload):
        """Retains a message; an empty one removes what is there (3.3.1.3)."""
        if payload:
            self.retained[topic] = payload
        else:
            self.retained.pop(topic, None)
