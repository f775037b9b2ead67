"""What all connections of a hub share: who is connected, who gets what, and the log.

It lives in the hub's event loop and belongs to one run of the hub.
"""

from datetime import datetime, timezone

from .dialect import Admission
from .packets import Fault
from .router import Router
from .tls import Gate


class Exchange:
    """
    Args:
        dialect: Dialect.
        credentials: Credentials.
        limits: Limits.
        log: called with each log record, a dict of `time`, `what` and details; in the hub's thread.
    """

    def __init__(self, dialect, credentials, limits, log):
        self.dialect, self.credentials, self.limits = dialect, credentials, limits
        self.router = Router(limits)
        self.gate = Gate()
        self.refusal_code = None  # a test switch: answer every CONNECT with it
        self.connections = {}  # Identity.key -> Connection
        self._log = log

    def admit(self, connect, certificate):
        """The dialect's Admission, unless the test switch refuses everybody."""
        if self.refusal_code is not None:
            return Admission(code=self.refusal_code, reason="the hub was told to refuse every CONNECT")
        return self.dialect.admit(connect, certificate)

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
