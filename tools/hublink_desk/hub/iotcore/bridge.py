"""The bridge of the IoT Core family: who gets in, and what passes (hub-dialects, sections 3 and 4)."""

import time

from ..dialect import Admission, Dialect, Grant, Identity, Verdict
from ..packets import SUBSCRIPTION_FAILED, Message
from ..rates import Rates
from . import errors
from .devices import is_id
from .gateways import Gateways, Session
from .registry import Registry
from .tokens import Refused, Rules, check
from .topics import Topics

_QOS_MAX = 1


class Bridge(Dialect):
    """What the session loop asks.

    Attributes:
        settings: Settings.
        registry, topics, gateways: Registry, Topics, Gateways.
        rates: dict of kind of message -> Rates.

    Raises:
        DeskError: a key cannot be read, two devices share an ID, or a binding cannot be.
    """

    is_certificate_required = False  # the token is the proof

    def __init__(self, devices, settings):
        self.settings = settings
        self.is_evicting = settings.duplicate == "evict"
        self.idle_s, self.is_ping_activity = settings.idle_s, settings.is_ping_activity
        self.payload_max_len = max(settings.events_max_len, settings.state_max_len)
        self._client_id = settings.filled_in(settings.client_id)
        self._rules = Rules(settings.filled_in(settings.audience), settings.skew_s, settings.token_life_max_s)
        self.topics = Topics(settings.filled_in(settings.topic_root))
        self.registry = Registry(settings)
        self.registry.add(devices)
        self.gateways = Gateways(settings, self.registry, self.topics, self._check_token)
        self._max_lens = {"events": settings.events_max_len, "state": settings.state_max_len}
        self._takers = {
            "events": self._take_telemetry,
            "state": self._take_state,
            "attach": self.gateways.attach,
            "detach": self.gateways.detach,
        }
        self.rates = {
            kind: Rates(per_s, time.monotonic)
            for kind, per_s in (
                ("events", settings.events_per_s),
                ("state", settings.state_per_s),
                ("config", settings.config_per_s),
                ("commands", settings.commands_per_s),
            )
        }

    # --- who gets in ---

    def admit(self, connect, certificate, peer):
        device_id = connect.client_id.removeprefix(self._client_id)
        if not connect.client_id.startswith(self._client_id) or not is_id(device_id):
            reason = f"client ID is {connect.client_id!r}; expected {self._client_id}DEVICE"
            return Admission(code=self.settings.identifier_code, reason=reason)
        entry = self.registry.find(device_id)
        try:
            self._check_device(device_id, entry, connect)
            ends_at = self._check_token(connect.password, entry)
        except Refused as error:
            return Admission(code=self.settings.refusal_code, reason=str(error))
        return Admission(Identity(device_id, "token", Session(entry), ends_at))

    def _check_device(self, device_id, entry, connect):
        if entry is None:
            raise Refused(f"device {device_id!r} is not in the registry")
        if entry.device.blocked or self._is_blocked_by_gateway(device_id):
            raise Refused(f"device {device_id!r} is blocked")
        if connect.will and self.settings.will == "refuse":
            raise Refused("a last will is not supported")

    def _is_blocked_by_gateway(self, device_id):
        gateways = map(self.registry.entry, self.registry.gateways_of(device_id))
        return self.settings.blocks_bound and any(gateway.device.blocked for gateway in gateways)

    def _check_token(self, token, entry):
        return check(token, entry.keys, self._rules, time.time())

    # --- what passes ---

    def publish(self, identity, packet):
        message, session = packet.message, identity.policy
        if packet.digest is None:
            return Verdict(None, reason="last wills are not supported")
        if message.qos > _QOS_MAX:
            return _closing(f"QoS {message.qos} is not supported")
        if message.retain and self.settings.retain == "close":
            return _closing("retained messages are not supported")
        place = self.topics.published(message.topic)
        if place is None:
            return self._unknown_topic(session, packet)
        max_len = self._max_lens.get(place.kind, self.payload_max_len)
        if packet.payload_len > max_len:
            reason = f"payload of {packet.payload_len} bytes is too large; expected at most {max_len}"
            return Verdict(None, False, self.settings.closes_on_large_payload, reason)
        refusal = self._wrong_voice(session, place, packet)
        return refusal or self._takers[place.kind](session, place.device, packet)

    def _wrong_voice(self, session, place, packet):
        """The Verdict of a publish that is not this client's business, or None."""
        is_gateway, device_id = bool(session.device.gateway), place.device
        if place.kind in ("attach", "detach"):
            return None if is_gateway else _closing("only a gateway may attach and detach")
        if not session.speaks_for(device_id):
            if not is_gateway:
                return _closing("the topic is another device's")
            reason = _not_attached(device_id)
            return self.gateways.refusal(session, errors.NOT_ATTACHED, device_id, reason, packet)
        if self.settings.detaches_expired and session.has_expired(device_id, time.time()):
            return self.gateways.expulsion(session, device_id, "its token has expired")
        return None

    def _take_telemetry(self, session, _device_id, packet):
        if not self.settings.has_telemetry_topic:
            return _closing("the registry routes telemetry nowhere")
        if not self.rates["events"].takes(session.device.id):
            return Verdict(None, False, reason="telemetry comes too fast")
        return Verdict(packet.message)

    def _take_state(self, session, device_id, packet):
        if self.rates["state"].takes(device_id):
            self.registry.entry(device_id).states.append(packet.message.payload)
            return Verdict(packet.message)
        reason = "state comes too fast"
        if device_id == session.device.id:
            return Verdict(None, reason=f"{reason}: it is not kept")
        return self.gateways.expulsion(session, device_id, reason)

    def _unknown_topic(self, session, packet):
        reason = f"The topic '{packet.message.topic}' is not one of the fixed topics."
        if not session.device.gateway or self.settings.unknown_topic == "close":
            return _closing(reason)
        return self.gateways.refusal(session, errors.TOPIC, session.device.id, reason, packet)

    def subscribe(self, identity, wanted, qos, packet):
        session = identity.policy
        place = self.topics.subscribed(wanted, self.settings.is_commands_wildcard_required)
        if place is None or not _may_ask_for(session.device, place):
            reason = f"The filter '{wanted}' is not one of the fixed topics."
            if self.settings.unknown_filter == "close":
                return Grant(SUBSCRIPTION_FAILED, reason, is_closing=True)
            return self._not_granted(session, errors.TOPIC, session.device.id, reason, wanted, packet)
        if not session.speaks_for(place.device):
            reason = _not_attached(place.device)
            return self._not_granted(session, errors.NOT_ATTACHED, place.device, reason, wanted, packet)
        if place.device in session.attached:
            session.attached[place.device].filters.add(wanted)
        granted = 0 if place.kind == "errors" else min(qos, _QOS_MAX)
        return Grant(granted, messages=self._first_config(place, granted))

    def _not_granted(self, session, error_type, device_id, reason, wanted, packet):
        info = errors.packet_info("SUBSCRIBE", wanted, packet.packet_id)
        raised = self.gateways.error(session, error_type, device_id, reason, info)
        return Grant(SUBSCRIPTION_FAILED, reason, (raised,) if session.device.gateway else ())

    def _first_config(self, place, qos):
        if place.kind != "config":
            return ()
        config = self.registry.entry(place.device).config
        if config is None and not self.settings.sends_first_config:
            return ()
        return (Message(self.topics.of(place.device, "config"), config or b"", qos),)

    def acknowledged(self, identity, ack, message):
        session = identity.policy
        if not session.device.gateway or (ack.name == "PUBACK" and message):
            return ()
        error_type = errors.PACKET_ID if ack.name == "PUBACK" else errors.MESSAGE_TYPE
        reason = f"The {ack.name} with packet ID {ack.packet_id} answers nothing."
        info = errors.packet_info(ack.name, packet_id=ack.packet_id)
        return (self.gateways.error(session, error_type, session.device.id, reason, info),)


def _closing(reason):
    return Verdict(None, False, True, reason)


def _may_ask_for(device, place):
    """A gateway asks for what is another's, too, and it alone for errors, which must be its own."""
    if place.kind == "errors":
        return bool(device.gateway) and place.device == device.id
    return bool(device.gateway) or place.device == device.id


def _not_attached(device_id):
    return f"The specified device with ID '{device_id}' is not attached to the gateway."
