"""A Scaleway device, and what it may publish and subscribe to. In the devices file:

    [[device]]
    id = "6f1c3b52-8f0e-4a43-9d0c-1f6f0f1d2a77"
    name = "sensor-1"
    allow_insecure = false               # default
    allow_multiple_connections = false   # default
    enabled = true                       # default
    certificate = "sensor-1.pem"         # default: none; relative to this file
    [device.publish]                     # default: everything passes
    policy = "accept"
    topics = ["sensors/{{ device.name }}/#"]
    [device.subscribe]
    policy = "reject"
    topics = ["secret/#"]

Plain checked values: this file knows no certificate and no connection.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import DeskError
from .. import tables, topics

POLICIES = ("accept", "reject")
TEMPLATE_NAMES = ("hub.name", "hub.id", "device.name", "device.id")

_KINDS = {
    "id": (str, "a text"),
    "name": (str, "a text"),
    "allow_insecure": (bool, "true or false"),
    "allow_multiple_connections": (bool, "true or false"),
    "enabled": (bool, "true or false"),
    "certificate": (str, "the name of a certificate file"),
    "publish": (dict, "a table with policy and topics"),
    "subscribe": (dict, "a table with policy and topics"),
}
_FILTER_KINDS = {"policy": (str, '"accept" or "reject"'), "topics": (list, "a list of MQTT topic filters")}

_TEMPLATE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


@dataclass(frozen=True)
class Filter:
    """A device's message filter, for publishing or for subscribing.

    Args:
        policy: "accept" (only what `topics` match) or "reject" (all but that).
        topics: MQTT filters; may hold `{{ hub.name }}`, `{{ hub.id }}`, `{{ device.name }}` and
            `{{ device.id }}`.

    Raises:
        DeskError: the policy is neither word, or a topic is no MQTT filter, or holds another template.
    """

    policy: str = "reject"
    topics: tuple = ()

    def __post_init__(self):
        if self.policy not in POLICIES:
            raise DeskError(f"policy is {self.policy!r}; expected \"accept\" or \"reject\".")
        if isinstance(self.topics, str):
            raise DeskError(f"topics is {self.topics!r}; expected a list of MQTT topic filters.")
        object.__setattr__(self, "topics", tuple(self.topics))
        for topic in self.topics:
            _check_filter_topic(topic)

    def lets_publish(self, topic):
        """True if a message under `topic` passes."""
        listed = any(topics.covers(listed, topic) for listed in self.topics)
        return listed == (self.policy == "accept")

    def lets_subscribe(self, wanted):
        """True if the subscription `wanted` passes: all of it is accepted, or none of it is rejected."""
        if self.policy == "accept":
            return any(topics.covers(listed, wanted) for listed in self.topics)
        return not any(topics.overlaps(listed, wanted) for listed in self.topics)

    def filled_in(self, names):
        """This filter with its templates replaced from `names`, a dict of TEMPLATE_NAMES to text."""
        return Filter(self.policy, [_TEMPLATE.sub(lambda m: names[m[1]], topic) for topic in self.topics])


@dataclass(frozen=True)
class Device:
    """A device as the hub's console would show it.

    Args:
        id: what the client sends as client ID or user name (Scaleway: a UUID).
        name: what the common name of its certificate must be.
        allow_insecure: True if its ID alone lets it in, without a certificate.
        allow_multiple_connections: True if a newer connection does not end the older one, where the plan lets
            it; each then has its own client ID.
        certificate: file (PEM or DER) of a certificate that identifies it by fingerprint; or None.
        publish, subscribe: Filter.
        enabled: False if it may not connect.

    Raises:
        DeskError: id or name is not a non-empty text, or id has wildcards.
    """

    id: str
    name: str
    allow_insecure: bool = False
    allow_multiple_connections: bool = False
    certificate: Path | None = None
    publish: Filter = field(default_factory=Filter)
    subscribe: Filter = field(default_factory=Filter)
    enabled: bool = True

    def __post_init__(self):
        for key in ("id", "name"):
            value = getattr(self, key)
            if not isinstance(value, str) or not value:
                raise DeskError(f"{key} is {value!r}; expected a text that is not empty.")
        topics.check_part("id", self.id)  # its events have it in their topics


def from_table(table, folder):
    """The Device of a table of the devices file.

    Args:
        table: dict, as TOML or JSON has it.
        folder: Path from which file names start.

    Raises:
        DeskError: a key is unknown or missing, or a value is wrong.
    """
    tables.check(table, _KINDS, required=("id", "name"))
    values = dict(table)
    for key in ("publish", "subscribe"):
        if key in values:
            values[key] = tables.within(key, lambda key=key: _filter(values[key]))
    if "certificate" in values:
        values["certificate"] = folder / values["certificate"]
    return Device(**values)


def _filter(table):
    tables.check(table, _FILTER_KINDS)
    return Filter(**table)


def _check_filter_topic(topic):
    if not isinstance(topic, str):
        raise DeskError(f"topics holds {topic!r}; expected an MQTT topic filter, a text.")
    for name in _TEMPLATE.findall(topic):
        if name not in TEMPLATE_NAMES:
            known = ", ".join(TEMPLATE_NAMES)
            raise DeskError(f"topics holds the template {name!r}; expected one of {known}.")
    plain = _TEMPLATE.sub("x", topic)
    if "{{" in plain:
        raise DeskError(f"topics holds {topic!r}; expected an MQTT topic filter, its templates closed.")
    if not topics.is_filter(plain):
        raise DeskError(f"topics holds {topic!r}; expected an MQTT topic filter.")
