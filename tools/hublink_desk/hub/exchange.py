"""What all connections of a hub share: who is connected, who gets what, and the log.

It lives in the hub's event loop and belongs to one run of the hub.
"""

from datetime import datetime, timezone

from .dialect import Admission
from .gate import Gate
from .packets import BAD_IDENTIFIER, Fault
from .router import Router


class Exchange:
    """
    Args:
        dialect: Dialect.
        credentials: Credentials.
        limits: Limits.
        log: called with each log record, a dict of `time`, `what` and details; in the hub's thread.
        received: called with (Identity.key, Message) of each message that a client got through.
    """

    def __init__(self, dialect, credentials, limits, log, received):
        self.dialect, self.credentials, self.limits = dialect, credentials, limits
        self.router = Router(limits)
        self.gate = Gate()
        self.refusal_code = None  # a test switch: answer every CONNECT with it
        self.connections = {}  # Identity.key -> Connection
        self._log, self._received = log, received

    def admit(self, connect, certificate, peer):
        """The dialect's Admission, unless the test switch refuses everybody."""
        if self.refusal_code is not None:
            return Admission(code=self.refusal_code, reason="the hub was told to refuse every CONNECT")
        admission = self.dialect.admit(connect, certificate, peer)
        if not self.dialect.is_evicting and admission.identity and admission.identity.key in self.connections:
            return Admission(code=BAD_IDENTIFIER, reason="it is connected already")
        return admission

    def register(self, connection):
        """Enter an admitted connection, and end the older one of the same identity."""
        older = self.connections.get(connection.identity.key)
        if older:
            older.end(f"evicted by a newer connection, from {connection.peer}")
        self.connections[connection.identity.key] = connection

    def unregister(self, connection):
        """Take out a connection that has ended."""
        self.router.forget(connection)
        del self.connections[connection.identity.key]

    def drop(self, key):
        """Cut a connection as a network fault would. Returns False if there is none of that key."""
        connection = self.connections.get(key)
        if connection:
            connection.end("cut by the hub's operator", Fault("read_header", "cut"))
        return connection is not None

    def identities(self):
        """dict of Identity.key -> Identity of those that are connected."""
        return {key: connection.identity for key, connection in self.connections.items()}

    def receive(self, identity, message):
        """Take a Message that a client got through."""
        self._received(identity.key, message)
        self.route(message)

    def apply(self, effect):
        """Do what a dialect's Effect says."""
        self.credentials.trust(effect.trusted)
        for key, unwanted in effect.revoked:
            self.router.unsubscribe(self.connections[key], unwanted)
        for key, reason in effect.ended:
            self.connections[key].end(reason)
        self.publish_events(effect.events)

    def route(self, message):
        """Give a Message to all who subscribed to it."""
        if not self.router.route(message):
            self.log("overflow", topic=message.topic, len=len(message.payload), reason="no room to retain it")

    def publish_events(self, events):
        """Publish the hub's own Messages."""
        for event in events:
            self.log("event", topic=event.topic, payload=event.payload.decode())
            self.router.route(event)

    def log(self, what, **details):
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        self._log({"time": now, "what": what, **details})
