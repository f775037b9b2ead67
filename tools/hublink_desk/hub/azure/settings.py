"""How an Azure IoT Hub is set up, and a switch for each point on which the documentation is silent."""

from dataclasses import dataclass

from ..packets import BAD_IDENTIFIER, NOT_AUTHORIZED
from ..settings import check_codes, check_words

_WORDS = {
    "bad_topic": ("close", "ignore"),
    "bad_filter": ("close", "refuse"),
    "bad_will": ("refuse", "drop"),
}


@dataclass(frozen=True)
class Settings:
    """What Azure has.

    Args:
        host: name of the hub in user names and tokens; "": any will do.
        hub_name, subscription, resource_group: what lifecycle events say of the hub.
        telemetry_max_len, message_max_len, method_max_len, twin_max_len: bytes of telemetry, of a
            cloud-to-device message, of what a method is asked and answers, of each half of a twin.
        pending_max: cloud-to-device messages that wait for one device.
        subscriptions_max: topic filters of one connection; one more ends it.
        skew_s: how far the clocks of hub and device may be apart; a connection is cut at the end of its
            token and so much more.
        keepalive_ceiling_s: a client is heard within so long, whatever its keep-alive says; 0: no ceiling.
        twin_per_s: requests of one device to its twin, beyond which the answer is 429; 0: any number.
        has_telemetry_events: True if telemetry is an event, too.

        refusal_code: CONNACK return code of every refused CONNECT. This and all that follow are undocumented.
        identifier_code: the same for a client ID that is not the device of the user name.
        is_api_version_required: True if a user name must end with `?api-version=` and a date.
        bad_topic: "close" for a publish outside the fixed topics, or "ignore" it.
        bad_filter: "close" for a subscription outside the fixed topics, or "refuse" it in the SUBACK.
        allows_narrow_filters: True if what is part of a fixed filter may be subscribed to as well.
        bad_will: "refuse" a CONNECT with a last will that is no telemetry, or "drop" that will at the end.
        closes_on_large_payload: False if a payload that is too large is dropped and not acknowledged.
        retain_value: of the property `mqtt-retain` that stands for the retain flag.
        tells_session: True if the CONNACK says that a session was kept.
        keeps_all_filters: True if a kept session keeps all its filters; False: those of cloud-to-device
            messages alone.
        delivers_earlier: True if messages from before the subscription of a clean session are delivered, too.
        rotation_cuts: True if a connection ends when the key that let it in is rotated away.
        is_use_required: True if a device is reported as connected when it subscribes or publishes, and not
            at its CONNECT.
        twin_status: what every request to a twin is answered with, as in 503; 0: what is right.
    """

    host: str = "hub.example.test"
    hub_name: str = "desk-hub"
    subscription: str = "desk-subscription"
    resource_group: str = "desk-group"
    telemetry_max_len: int = 256 * 1024
    message_max_len: int = 64 * 1024
    method_max_len: int = 128 * 1024
    twin_max_len: int = 32 * 1024
    pending_max: int = 50
    subscriptions_max: int = 5
    skew_s: float = 300.0
    keepalive_ceiling_s: float = 1_767.0
    twin_per_s: float = 0.0
    has_telemetry_events: bool = True
    refusal_code: int = NOT_AUTHORIZED
    identifier_code: int = BAD_IDENTIFIER
    is_api_version_required: bool = True
    bad_topic: str = "close"
    bad_filter: str = "close"
    allows_narrow_filters: bool = True
    bad_will: str = "refuse"
    closes_on_large_payload: bool = True
    retain_value: str = "true"
    tells_session: bool = True
    keeps_all_filters: bool = False
    delivers_earlier: bool = False
    rotation_cuts: bool = False
    is_use_required: bool = True
    twin_status: int = 0

    def __post_init__(self):
        check_words(self, _WORDS)
        check_codes(self, "refusal_code", "identifier_code")
