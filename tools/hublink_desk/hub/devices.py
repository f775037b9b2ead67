"""Who a hub knows: devices, and what each may publish and subscribe to.

Plain checked values. This file knows no file format, no certificate and no connection.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DeskError
from . import topics

POLICIES = ("accept", "reject")
TEMPLATE_NAMES = ("hub.name", "hub.id", "device.name", "device.id")

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
        certificate: file (PEM or DER) of a certificate that identifies it by fingerprint; or None.
        publish, subscribe: Filter.
        enabled: False if it may not connect.

    Raises:
        DeskError: id or name is not a non-empty text.
    """

    id: str
    name: str
    allow_insecure: bool = False
    certificate: Path | None = None
    publish: Filter = field(default_factory=Filter)
    subscribe: Filter = field(default_factory=Filter)
    enabled: bool = True

    def __post_init__(self):
        for key in ("id", "name"):
            value = getattr(self, key)
            if not isinstance(value, str) or not value:
                raise DeskError(f"{key} is {value!r}; expected a text that is not empty.")


def check_unique(devices):
    """Raise DeskError if two devices share an id or a name."""
    for key in ("id", "name"):
        seen = set()
        for device in devices:
            value = getattr(device, key)
            if value in seen:
                raise DeskError(f"two devices have the {key} {value!r}; expected each to have its own.")
            seen.add(value)


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
