"""How a hub of the IoT Core family is set up: what its members share, and what each has of its own."""

from dataclasses import dataclass
from typing import ClassVar

from ..packets import BAD_IDENTIFIER, NOT_AUTHORIZED
from ..settings import check_codes, check_words

_WORDS = {
    "error_layout": ("nested", "flat"),
    "unknown_topic": ("close", "report"),
    "unknown_filter": ("close", "refuse"),
    "will": ("ignore", "refuse"),
    "retain": ("ignore", "close"),
    "duplicate": ("evict", "refuse"),
}


@dataclass(frozen=True)
class Settings:
    """What ClearBlade and OmniCore share.

    Args:
        registry: ID of the registry.
        has_telemetry_topic: False if the registry routes telemetry nowhere, which ends a connection that
            publishes some (CB-DIFF1).
        events_max_len, state_max_len, config_max_len, command_max_len: bytes of payload.
        bound_max, attached_max, gateways_max: devices bound to one gateway, attached by it, gateways of one
            device.

        skew_s: how far the clocks of hub and device may be apart.
        token_life_max_s: from `iat` to `exp`.
        idle_s: a client that is idle for so long is cut; 0: never.
        events_per_s: telemetry messages of one connection, for itself and the attached; beyond, the message
            is lost and not acknowledged; 0: any number. Of this and the following rates the hub allows a
            burst of one second, at least of one message.
        state_per_s, config_per_s: of one device.
        commands_per_s: of the registry.

        refusal_code: CONNACK return code of every refused CONNECT: 4 or 5. This and all that follow are
            undocumented, or documented in two ways.
        identifier_code: the same for a client ID that is of another form.
        duplicate: "evict" the older connection of a device, or "refuse" the newer one.
        will: "ignore" a last will, or "refuse" its CONNECT.
        retain: "ignore" the flag of a publish, or "close" for it.
        unknown_topic: what a gateway gets that publishes to a topic outside the fixed set: "report" to its
            errors topic, or "close". Others are always closed.
        unknown_filter: "close" for a subscription outside the fixed set, or "refuse" it in the SUBACK.
        is_commands_wildcard_required: True if commands may be subscribed to with `commands/#` only.
        closes_on_large_payload: False if a payload that is too large is dropped and not acknowledged.
        is_refused_acknowledged: True if a gateway's message that failed is acknowledged all the same.
        is_ping_activity: False if a client that sends nothing but PINGREQ is idle.
        detaches_expired: True if an attached device whose token has run out is detached when it publishes.
        blocks_bound: True if a blocked gateway blocks its bound devices, too (KO-MKGW).
        sends_first_config: True if a device that was never configured gets an empty configuration.
        error_layout: "nested" has what is about the packet in `mqtt_message_info`, "flat" beside the others.
    """

    client_id: ClassVar[str]  # up to the device ID
    topic_root: ClassVar[str]
    audience: ClassVar[str]

    registry: str = "desk-registry"
    has_telemetry_topic: bool = True
    events_max_len: int = 256 * 1024
    state_max_len: int = 64 * 1024
    config_max_len: int = 64 * 1024
    command_max_len: int = 256 * 1024
    bound_max: int = 10_000
    attached_max: int = 1_000
    gateways_max: int = 10
    skew_s: float = 600.0
    token_life_max_s: float = 86_400.0
    idle_s: float = 1_200.0
    events_per_s: float = 0.0
    state_per_s: float = 1.0
    config_per_s: float = 1.0
    commands_per_s: float = 1_000.0
    refusal_code: int = NOT_AUTHORIZED
    identifier_code: int = BAD_IDENTIFIER
    duplicate: str = "evict"
    will: str = "ignore"
    retain: str = "ignore"
    unknown_topic: str = "report"
    unknown_filter: str = "close"
    is_commands_wildcard_required: bool = True
    closes_on_large_payload: bool = True
    is_refused_acknowledged: bool = False
    is_ping_activity: bool = True
    detaches_expired: bool = True
    blocks_bound: bool = False
    sends_first_config: bool = True
    error_layout: str = "nested"

    def __post_init__(self):
        check_words(self, _WORDS)
        check_codes(self, "refusal_code", "identifier_code")

    def filled_in(self, template):
        """`template` with its {names} replaced by settings."""
        return template.format_map(vars(self))


@dataclass(frozen=True)
class ClearBladeSettings(Settings):
    """What ClearBlade IoT Core has of its own.

    Args:
        project, location: of the client ID; the project is the audience of tokens.
    """

    client_id = "projects/{project}/locations/{location}/registries/{registry}/devices/"
    topic_root = "/devices"
    audience = "{project}"

    project: str = "desk-project"
    location: str = "us-central1"


@dataclass(frozen=True)
class OmniCoreSettings(Settings):
    """What KORE OmniCore has of its own.

    Args:
        subscription: of the client ID, and the audience of tokens.
    """

    client_id = "subscriptions/{subscription}/registries/{registry}/devices/"
    topic_root = "/{registry}"
    audience = "{subscription}"

    subscription: str = "desk-subscription"
    attached_max: int = 10_000
    commands_per_s: float = 100.0
    is_commands_wildcard_required: bool = False
    blocks_bound: bool = True
