"""The desk hub: its parts put together, and what an operator, or a test, can order it to do.

Every order works from any thread and has taken effect when it returns. The control interface offers the same
ones over HTTP.
"""

from concurrent import futures
from pathlib import Path

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
        dialect: "scaleway", "clearblade", "omnicore", "azure" or "generic".
        server_cert, server_key: PEM files of the hub's certificate and key.
        ca: PEM or DER file of the authority that signs device certificates.
        devices: iterable of the dialect's Device: `scaleway.Device`, `iotcore.Device`, `azure.Device`.
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
        self._order(lambda _: self.dialect.add(devices))

    def remove(self, device):
        """Forget a device, and cut its connection. Raises DeskError if the hub does not know it."""
        self._order(lambda _: self.dialect.remove(device))

    def enable(self, device, is_enabled=True):
        """Let a device connect, or cut its connection and let it no longer. Raises DeskError as `remove`."""
        self._order(lambda _: self.dialect.enable(device, is_enabled))

    def rotate(self, device, new="", folder="."):
        """Give a device a new primary key; the one it replaces becomes the secondary.

        Args:
            device: ID.
            new: key in base64, or digits of a thumbprint, or name of a certificate file; "": a random key.
            folder: from which that name starts.

        Raises:
            DeskError: the dialect has no such keys, or `new` is none.
        """
        self._order(lambda _: self.dialect.rotate(device, new, Path(folder)))

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
        if not self._exchange.router.has_receivers(message):
            raise DeskError(f"the command is lost: nobody is subscribed to {message.topic}.")
        self._exchange.route(message)

    def push_config(self, device, payload=b""):
        """Give a device a new configuration, now and whenever it subscribes. Arguments as `send_command`.

        Raises:
            DeskError: the hub has no such device or no configurations, or it is too soon after the last one.
        """
        self._in_loop(lambda: self._exchange.route(self.dialect.configure(device, _bytes(payload))))

    def send_message(self, device, payload=b"", properties=None):
        """Send a message that waits for the device if it is not there.

        Args:
            device: ID.
            payload: bytes or str.
            properties: dict of text -> text, or None for a property without a value.

        Raises:
            DeskError: the hub has no such device or no such messages, or too many wait for it.
        """
        self._in_loop(lambda: self._send(self.dialect.send(device, _bytes(payload), properties or {})))

    def _send(self, messages):
        for message in messages:
            self._exchange.route(message)

    def call_method(self, device, method, payload=b"", timeout_s=30.0):
        """Call a method of a device and wait for its answer, from any thread but the hub's own.

        Args:
            device: ID.
            method: name of it.
            payload: JSON, or nothing: bytes or str.
            timeout_s: seconds.

        Returns:
            dict of `status`, int, and `payload`, what the JSON of the answer means, None if it is empty.

        Raises:
            DeskError: the hub has no such device or no methods, the device does not listen to them, does not
                answer in time, or answers with what is no JSON.
        """
        self._check_thread()
        answer = self._in_loop(lambda: self._call(device, method, _bytes(payload)))
        try:
            return answer.result(timeout_s)
        except futures.TimeoutError as error:
            answer.cancel()
            raise DeskError(f"{device!r} did not answer {method!r} within {timeout_s:g} s.") from error

    def _call(self, device, method, payload):
        message, answer = self.dialect.call(device, method, payload)
        if not self._exchange.router.has_receivers(message):
            answer.cancel()
            raise DeskError(f"{method!r} is not called: {device!r} is not subscribed to {message.topic}.")
        self._exchange.route(message)
        return answer

    def publish(self, topic, payload=b"", qos=0, retain=False):
        """Publish as an application behind the hub would, to whoever is subscribed."""
        if not isinstance(topic, str) or not is_topic(topic):
            raise DeskError(f"topic is {topic!r}; expected an MQTT topic without wildcards.")
        if qos not in (0, 1, 2):
            raise DeskError(f"qos is {qos!r}; expected 0, 1 or 2.")
        message = Message(topic, _bytes(payload), qos, bool(retain))
        self._in_loop(lambda: self._exchange.route(message))

    def raise_event(self, /, what, about="unknown", **details):
        """Publish an event as if it had happened.

        Args:
            what: scaleway: the text of the event; clearblade, omnicore: its error_type; azure:
                the last word of its type, as in DeviceConnected.
            about: ID of the device.
            details: scaleway: severity, object_type, packet and further keys of the event; clearblade,
                omnicore: description, and gateway (who is told; by default those that speak for the device);
                azure: what is in its `data`.

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
