"""What a hub decides: the questions that the session loop asks a dialect, and the shape of the answers.

A dialect is policy. It is given values and returns values: it knows no socket, no time-out and no other
connection. A new hub is one new file with a subclass of Dialect and a line in the table of `server.py`.
"""

from dataclasses import dataclass

from .packets import NOT_AUTHORIZED, Message


@dataclass(frozen=True)
class Identity:
    """Who a connection belongs to.

    Attributes:
        key: one connection per key; a newer one evicts an older one. `DeskHub.connected()` lists them.
        proof: how it was proved, for the log.
        policy: whatever the dialect wants back when it is asked about this connection.
    """

    key: str
    proof: str
    policy: object = None


@dataclass(frozen=True)
class Admission:
    """The answer to a CONNECT: `identity`, or None and a CONNACK `code` with a `reason` for the log.

    `events` are the Messages that the hub publishes because of it.
    """

    identity: Identity | None = None
    code: int = NOT_AUTHORIZED
    reason: str = ""
    events: tuple = ()


@dataclass(frozen=True)
class Verdict:
    """The answer to a PUBLISH: the Message to pass on or None; whether to acknowledge it, and to close."""

    message: Message | None = None
    is_acknowledged: bool = True
    is_closing: bool = False
    reason: str = ""
    events: tuple = ()


@dataclass(frozen=True)
class Grant:
    """The answer to one filter of a SUBSCRIBE: its return code in the SUBACK."""

    code: int
    reason: str = ""
    events: tuple = ()


class Dialect:
    """The questions. Each method must be answered; none may block.

    Attributes:
        name: word of `--dialect`.
        is_certificate_required: True if a client without a certificate fails in the TLS handshake.
        payload_max_len: bytes; a larger payload is never held, and reaches `publish` without its bytes.
        pinned: certificates (cryptography's) trusted by themselves.
    """

    name = ""
    is_certificate_required = True
    payload_max_len = 4 * 1024 * 1024
    pinned = ()

    def admit(self, connect, certificate):
        """Whether a `packets.Connect` with a `tls.PeerCertificate` (or None) gets in. Returns Admission."""
        raise NotImplementedError

    def publish(self, identity, message, payload_len, digest):
        """What becomes of a `packets.Message`; `digest` is None for a will. Returns Verdict."""
        raise NotImplementedError

    def subscribe(self, identity, wanted, qos, digest):
        """What one filter of a SUBSCRIBE is granted. Returns Grant."""
        raise NotImplementedError

    def handshake_refused(self, refusal):
        """A `tls.HandshakeRefused` happened. Returns a tuple of Messages to publish."""
        raise NotImplementedError

    def faulted(self, identity, fault):
        """A connection ends because of a `packets.Fault`; identity may be None. Returns Messages likewise."""
        raise NotImplementedError
