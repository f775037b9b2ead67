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

    `events` are the Messages that the hub publishes because of it. Of a session that was kept: `filters` are
    the (topic filter, QoS) to which the client is subscribed still, `messages` the Messages that waited for
    it, and `is_resumed` what the CONNACK says.
    """

    identity: Identity | None = None
    code: int = NOT_AUTHORIZED
    reason: str = ""
    events: tuple = ()
    filters: tuple = ()
    messages: tuple = ()
    is_resumed: bool = False


@dataclass(frozen=True)
class Verdict:
    """The answer to a PUBLISH: the Message to pass on or None; whether to acknowledge it, and to close.

    `revoked` are topic filters to which the client is no longer subscribed from now on; `answers` are
    Messages that follow the acknowledgement, to whoever is subscribed.
    """

    message: Message | None = None
    is_acknowledged: bool = True
    is_closing: bool = False
    reason: str = ""
    events: tuple = ()
    revoked: tuple = ()
    answers: tuple = ()


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
    """What an order of the operator does.

    Attributes:
        events: Messages published.
        revoked: (Identity.key, topic filter) of subscriptions that end.
        ended: (Identity.key, reason) of connections that end.
        trusted: certificates (cryptography's) that are trusted by themselves from now on.
    """

    events: tuple = ()
    revoked: tuple = ()
    ended: tuple = ()
    trusted: tuple = ()


@dataclass(frozen=True)
class NoSettings:
    """Of a dialect that has none."""


def check_len(payload, max_len):
    """Raise DeskError if the payload of an order is too long."""
    if len(payload) > max_len:
        raise DeskError(f"payload has {len(payload)} bytes; expected at most {max_len}.")


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

    def unsubscribed(self, identity, unwanted):
        """The client took back a filter of its own."""

    def acknowledged(self, identity, ack, message):
        """A `packets.Ack` came. Returns Messages.

        `message` is the Message of the hub that waited for its packet id, or None.
        """
        return ()

    def handshake_refused(self, refusal):
        """A `tls.HandshakeRefused` happened. Returns a tuple of Messages to publish."""
        return ()

    def faulted(self, identity, fault):
        """A connection ends because of a `packets.Fault`; identity may be None. Returns Messages likewise."""
        return ()

    def ended(self, identity):
        """A connection that was admitted is over, however that came. Returns Messages likewise."""
        return ()

    # --- the operator orders; `identities` are those that are connected now, by their key ---

    @staticmethod
    def device_from(table, folder):
        """The Device that a table of the devices file describes; file names in it start from `folder`."""
        raise DeskError("this dialect knows no devices: any certificate of its authority will do.")

    def add(self, devices):
        """Take in more Devices. Returns Effect. Raises DeskError if one is known; then none is taken in."""
        self._lacks("devices")

    def remove(self, device):
        """Forget a device. Returns Effect."""
        self._lacks("devices that can be removed")

    def enable(self, device, is_enabled):
        """Let a device connect, or no longer. Returns Effect."""
        self._lacks("devices that can be disabled")

    def rotate(self, device, new, folder):
        """The primary key of a device becomes its secondary, `new` its primary. Returns Effect.

        File names in `new` start from `folder`, a Path; "" is a key that the hub makes up.
        """
        self._lacks("keys that can be rotated")

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

    def send(self, device, payload, properties):
        """Keep a message for a device until it takes it. Returns the Messages that it can get now."""
        self._lacks("messages that wait for a device; publish to a topic of the device instead")

    def call(self, device, method, payload):
        """Call a method of a device.

        Returns:
            (the Message that asks for it, concurrent.futures.Future of the answer).
        """
        self._lacks("methods; publish to a topic of the device instead")

    def raise_event(self, what, about, identities, /, **details):
        """Something happened to a device, or so the operator says. Returns Effect."""
        self._lacks("events")

    def _lacks(self, what):
        raise DeskError(f"the {self.name} dialect has no {what}.")
