"""How a Scaleway hub is set up, and a switch for each point on which the documentation is silent."""

from dataclasses import dataclass

from ...errors import DeskError
from .. import topics
from ..packets import NOT_AUTHORIZED
from ..settings import check_codes, check_words
from .events import HUB_STATES, LAYOUTS

_WORDS = {
    "plan": ("shared", "dedicated", "ha"),
    "event_layout": LAYOUTS,
    "hub_state": ("ready", *HUB_STATES),
    "retained_will": ("drop", "strip"),
}


@dataclass(frozen=True)
class Settings:
    """What Scaleway has.

    Args:
        plan: "shared", "dedicated" or "ha"; the last two allow the same.
        events_prefix, event_layout: of the event topics; see EventFeed.
        has_events: False if the hub raises no events.
        auto_provisioning: True if an unknown common name in a certificate of the CA makes a device.
        hub_state: "ready", or why nobody gets in: "not ready", "locked" or "deleted".
        hub_id, hub_name: what the templates in filters stand for.

        refusal_code: CONNACK return code of every refused CONNECT. This and all that follow are undocumented.
        is_device_id_required: True if a client with a certificate must also send its device ID.
        is_dropped_acknowledged: True if a dropped QoS 1 or 2 message is acknowledged all the same.
        closes_on_plan_violation: True if a publish that the plan forbids also ends the connection.
        closes_on_empty_topic: True if a publish without a topic also ends the connection.
        retained_will: what becomes of a retained will on a shared hub: "drop" (with the event) or "strip"
            (published without the flag).
        reports_lost_connections: True if a connection that ends without DISCONNECT is an event.
        other_severity: severity word of events for which none is documented.
    """

    plan: str = "shared"
    events_prefix: str = "$SCW/events"
    event_layout: str = "severity-first"
    has_events: bool = True
    auto_provisioning: bool = False
    hub_state: str = "ready"
    hub_id: str = "00000000-0000-4000-8000-000000000000"
    hub_name: str = "desk-hub"
    refusal_code: int = NOT_AUTHORIZED
    is_device_id_required: bool = False
    is_dropped_acknowledged: bool = True
    closes_on_plan_violation: bool = False
    closes_on_empty_topic: bool = True
    retained_will: str = "drop"
    reports_lost_connections: bool = True
    other_severity: str = "error"

    def __post_init__(self):
        check_words(self, _WORDS)
        check_codes(self, "refusal_code")
        prefix = self.events_prefix
        if not topics.is_topic(prefix) or prefix.endswith("/"):
            raise DeskError(f"events_prefix is {prefix!r}; expected an MQTT topic that ends in no slash.")
        topics.check_part("other_severity", self.other_severity)

    @property
    def is_shared(self):
        return self.plan == "shared"
