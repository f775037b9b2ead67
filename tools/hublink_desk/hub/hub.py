"""The desk hub: its parts put together, and what an operator, or a test, can order it to do.

Every order works from any thread and has taken effect when it returns. The control interface offers the same
ones over HTTP.
"""

from ..errors import DeskError
from . import dialects
from . import settings as settings_of
from .limits import Limits
from .packets import REFUSALS, Message
from .server import Server
from .tls import Credentials
from .topics import is_topic


class DeskHub(Server):
    """An MQTT hub on loopback that behaves as a given kind of hub does.

    Args:
        dialect: "scaleway", "clearblade", "omnicore" or "generic".
        server_cert, server_key: PEM files of the hub's certificate and key.
        ca: PEM or DER file of the authority that signs device certificates.
        devices: iterable of the dialect's Device: `scaleway.Device`, `iotcore.Device`.
        port: TCP port; 0 for a free one, which `port` names after the start.
        log: called in the hub's thread with a dict per thing that happens; `what` is one of ready, control,
            connect, refuse, subscribe, unsubscribe, publish, will, drop, event, overflow, disconnect, bug.
        received: called in the hub's thread with (ID, Message) of each message that a client got through, as
            applications behind the hub get them.
        limits: Limits.
        tls_max: "1.2" (what boards speak) or "1.3".
        is_sni_required: True to refuse clients that name no server in the handshake.
        settings: of the dialect: the fields of its `Settings`, among them a switch for each point that no
            documentation settles, and the times and rates that a test wants shorter.

    Attributes:
        port: TCP port, int.
        dialect: Dialect.

    Raises:
        DeskError: an argument is wrong, or a file cannot be used.
    """

    def __init__(
        self,
        *,
        dialect,
        server_cert,
        server_key,
        ca,
        devices=(),
        port=0,
        log=None,
        received=None,
        limits=None,
        tls_max="1.2",
        is_sni_required=False,
        **settings,
    ):
        kind = dialects.find(dialect)
        policy = kind(tuple(devices), settings_of.make(kind, settings))
        credentials = Credentials(
            server_cert,
            server_key,
            ca,
            pinned=policy.pinned,
            is_required=policy.is_certificate_required,
            tls_max=tls_max,
            is_sni_required=is_sni_required,
        )
        log, received = log or (lambda record: None), received or (lambda key, message: None)
        super().__init__(policy, credentials, limits or Limits(), port, log, received)

    # --- connections ---

    def connected(self):
        """Set of the IDs of the devices that are connected now (generic: client IDs).

        A Scaleway device that may have several connections has an entry `ID/client ID` for each.
        """
        return set(self._running().connections)

    def drop(self, device):
        """Cut a device's connection as a network fault would; its will is published.

        Args:
            device: ID, as `connected` has it.

        Returns:
            False if it was not connected.
        """
        return self._in_loop(lambda: self._exchange.drop(device))

    def refuse_connect(self, code):
        """Answer every CONNECT with this CONNACK code, 1 to 255; None ends that."""
        if code is not None and code not in REFUSALS:
            raise ValueError(f"CONNACK code {code!r}: 1 to 255 is expected, or None")
        self._running().refusal_code = code

    def freeze(self, is_frozen):
        """Fall silent, or end that: connections stay open, nothing is read or answered, no time-out runs."""
        self._in_loop(lambda: self._set_frozen(is_frozen))

    def _set_frozen(self, is_frozen):
        self._exchange.gate.set_open(not is_frozen)
        for connection in self._serving.values():
            (connection.timers.pause if is_frozen else connection.timers.restart)()

    # --- devices ---

    def devices(self):
        """dict of device ID -> dict of what the hub knows about it; `connected` is in each."""
        return self._in_loop(lambda: self.dialect.describe(self._exchange.identities()))

    def add_devices(self, devices):
        """Take in more devices, all of them or, on an error, none.

        Args:
            devices: iterable of the dialect's Device.

        Raises:
            DeskError: the dialect has no devices, or one of them is known already.
        """
        devices = tuple(devices)
        self._in_loop(lambda: self._credentials.trust(self.dialect.add(devices)))

    def bind(self, gateway, device):
        """Let a gateway speak for a device. Raises DeskError if that may not be."""
        self._in_loop(lambda: self.dialect.bind(gateway, device))

    def unbind(self, gateway, device):
        """End that; an attached device is detached, and the gateway told. Raises DeskError as `bind`."""
        self._order(lambda identities: self.dialect.unbind(gateway, device, identities))

    # --- messages ---

    def send_command(self, device, payload=b"", subfolder=""):
        """Send a command to a device.

        Args:
            device: ID.
            payload: bytes or str.
            subfolder: last level of the command topic, if any.

        Raises:
            DeskError: the hub has no such device or no commands, or the device does not listen to them.
        """
        self._in_loop(lambda: self._command(self.dialect.command(device, _bytes(payload), subfolder)))

    def _command(self, message):
        if not is_topic(message.topic):
            raise DeskError(f"command topic is {message.topic!r}; expected an MQTT topic without wildcards.")
        if not self._exchange.router.has_receivers(message.topic):
            raise DeskError(f"the command is lost: nobody is subscribed to {message.topic}.")
        self._exchange.route(message)

    def push_config(self, device, payload=b""):
        """Give a device a new configuration, now and whenever it subscribes. Arguments as `send_command`.

        Raises:
            DeskError: the hub has no such device or no configurations, or it is too soon after the last one.
        """
        self._in_loop(lambda: self._exchange.route(self.dialect.configure(device, _bytes(payload))))

    def publish(self, topic, payload=b"", qos=0, retain=False):
        """Publish as an application behind the hub would, to whoever is subscribed."""
        if not isinstance(topic, str) or not is_topic(topic):
            raise DeskError(f"topic is {topic!r}; expected an MQTT topic without wildcards.")
        if qos not in (0, 1, 2):
            raise DeskError(f"qos is {qos!r}; expected 0, 1 or 2.")
        message = Message(topic, _bytes(payload), qos, bool(retain))
        self._in_loop(lambda: self._exchange.route(message))

    def raise_event(self, what, about="unknown", **details):
        """Publish an event as if it had happened.

        Args:
            what: scaleway: the text of the event; clearblade, omnicore: its error_type.
            about: ID of the device.
            details: scaleway: severity, object_type, packet and further keys of the event; clearblade,
                omnicore: description, and gateway (who is told; by default those that speak for the device).

        Raises:
            DeskError: the hub has no events, or nobody to tell.
        """
        self._order(lambda identities: self.dialect.raise_event(what, about, identities, **details))

    def _order(self, order):
        self._in_loop(lambda: self._exchange.apply(order(self._exchange.identities())))


def _bytes(payload):
    if isinstance(payload, str):
        return payload.encode()
    if not isinstance(payload, bytes):
        raise DeskError(f"payload is {payload!r}; expected bytes or a text.")
    return payload
