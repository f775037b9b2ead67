"""What a hub decides: the questions that the session loop and the operator ask a dialect, and the answers.

A dialect is policy. It is given values and returns values: it knows no socket, no time-out and no other
connection. A new hub is one new subclass of Dialect and a line in the table of `dialects.py`.
"""

from dataclasses import dataclass

from ..errors import DeskError
from .packets import NOT_AUTHORIZED, Message


@dataclass(frozen=True)
class Identity:
    """Who a connection belongs to.

    Attributes:
        key: one connection per key. `DeskHub.connected()` lists them.
        proof: how it was proved, for the log.
        policy: whatever the dialect wants back when it is asked about this connection; may change with it.
        ends_at: Unix seconds at which the proof runs out and the connection is cut; None: never.
    """

    key: str
    proof: str
    policy: object = None
    ends_at: float | None = None


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
    """The answer to a PUBLISH: the Message to pass on or None; whether to acknowledge it, and to close.

    `revoked` are topic filters to which the client is no longer subscribed from now on.
    """

    message: Message | None = None
    is_acknowledged: bool = True
    is_closing: bool = False
    reason: str = ""
    events: tuple = ()
    revoked: tuple = ()


@dataclass(frozen=True)
class Grant:
    """The answer to one filter of a SUBSCRIBE: its return code in the SUBACK, and what follows the SUBACK.

    `messages` are Messages for this client alone; with `is_closing` there is no SUBACK but the end.
    """

    code: int
    reason: str = ""
    events: tuple = ()
    messages: tuple = ()
    is_closing: bool = False


@dataclass(frozen=True)
class Effect:
    """What an order of the operator does: Messages published, and (Identity.key, topic filter) revoked."""

    events: tuple = ()
    revoked: tuple = ()


@dataclass(frozen=True)
class NoSettings:
    """Of a dialect that has none."""


class Dialect:
    """The questions. Those of the session loop must be answered; none may block.

    Args:
        devices: tuple of the dialect's own Device values.
        settings: an instance of the class attribute `Settings`.

    Attributes:
        name: word of `--dialect`.
        Settings: dataclass of what can be set, all with defaults.
        is_certificate_required: True if a client without a certificate fails in the TLS handshake.
        payload_max_len: bytes; a larger payload is never held, and reaches `publish` without its bytes.
        pinned: certificates (cryptography's) trusted by themselves.
        is_evicting: True if a newer connection ends the older one of its key; False if it is refused.
        idle_s: a client that is idle for so long is cut, whatever its keep-alive; 0: never.
        is_ping_activity: True if a PINGREQ ends idleness.
    """

    name = ""
    Settings = NoSettings
    is_certificate_required = True
    payload_max_len = 4 * 1024 * 1024
    pinned = ()
    is_evicting = True
    idle_s = 0.0
    is_ping_activity = True

    # --- the session loop asks ---

    def admit(self, connect, certificate, peer):
        """Whether a `packets.Connect` with a `tls.PeerCertificate` (or None) gets in. Returns Admission.

        `peer` is "address:port" of the client.
        """
        raise NotImplementedError

    def publish(self, identity, packet):
        """What becomes of a `packets.Publish`; its `digest` is None if it is a will. Returns Verdict."""
        raise NotImplementedError

    def subscribe(self, identity, wanted, qos, packet):
        """What one filter of a `packets.Subscribe` is granted. Returns Grant."""
        raise NotImplementedError

    def acknowledged(self, identity, ack, is_expected):
        """A `packets.Ack` came; `is_expected` if the hub waited for its packet id. Returns Messages."""
        return ()

    def handshake_refused(self, refusal):
        """A `tls.HandshakeRefused` happened. Returns a tuple of Messages to publish."""
        return ()

    def faulted(self, identity, fault):
        """A connection ends because of a `packets.Fault`; identity may be None. Returns Messages likewise."""
        return ()

    # --- the operator orders; `identities` are those that are connected now, by their key ---

    @staticmethod
    def device_from(table, folder):
        """The Device that a table of the devices file describes; file names in it start from `folder`."""
        raise DeskError("this dialect knows no devices: any certificate of its authority will do.")

    def add(self, devices):
        """Take in more Devices. Raises DeskError if one is known already; then none is taken in.

        Returns:
            certificates that are to be trusted by themselves from now on.
        """
        self._lacks("devices")

    def describe(self, identities):
        """dict of device ID -> dict of what there is to know about it; `connected` is in each."""
        return {key: {"connected": True} for key in identities}

    def bind(self, gateway, device):
        """Let a gateway speak for a device."""
        self._lacks("gateways")

    def unbind(self, gateway, device, identities):
        """End that. Returns Effect."""
        self._lacks("gateways")

    def command(self, device, payload, subfolder):
        """The Message that is a command for a device."""
        self._lacks("commands; publish to a topic of the device instead")

    def configure(self, device, payload):
        """Keep a new configuration for a device. Returns the Message that tells it."""
        self._lacks("configurations; publish to a topic of the device instead")

    def raise_event(self, what, about, identities, **details):
        """Something happened to a device, or so the operator says. Returns Effect."""
        self._lacks("events")

    def _lacks(self, what):
        raise DeskError(f"the {self.name} dialect has no {what}.")
