"""Which device speaks where, at a hub whose topics are free; and why there is nothing to hear at others."""

from .. import device_code
from ..errors import DeskError
from ..hub.topics import covers, is_filter

# What hubs with fixed topics have in place of one device that hears the others (hub-dialects, 1 and 5.4).
_INSTEAD = {
    "clearblade": "telemetry is in the registry's Pub/Sub topics, states are in its console",
    "omnicore": "telemetry and states are in its console and API, which say who is connected, too",
    "azure": "telemetry is at the hub's own endpoint for services, and Event Grid says who is connected",
}


class Places:
    """Where the devices of a fleet speak that are configured like this one.

    Args:
        hub: section of a checked configuration.

    Attributes:
        anybody: configuration in whose topics + stands for the device.
        subscriptions: list of (topic filter, QoS).

    Raises:
        DeskError: at this hub nobody hears others, or the topics do not tell devices apart.
    """

    def __init__(self, hub):
        self.anybody = {"hub": hub, "device": "+"}
        topics = device_code.free_topics(self.anybody)
        if topics is None:
            instead = _INSTEAD[hub["type"]]
            raise DeskError(f"On {hub['type']} no device hears another: {instead}.")
        telemetry, status, qos = topics
        reports = device_code.report_filters(self.anybody)
        self._filters = [("status", status), ("telemetry", f"{telemetry}/#")]
        for kind, topic_filter in self._filters:
            if not is_filter(topic_filter) or "+" not in topic_filter:
                shown = hub[f"{kind}_topic"]
                raise DeskError(f"hub.{kind}_topic is {shown}; expected {{device}} as a level of its own.")
        self._filters += [("event", each) for each, _ in reports]
        self.subscriptions = [(status, qos), (f"{telemetry}/#", qos), *reports]

    def find(self, topic):
        """(kind of message, name of the device or "") of a topic; None if it is none of ours."""
        for kind, topic_filter in self._filters:
            if covers(topic_filter, topic):
                levels = zip(topic_filter.split("/"), topic.split("/"), strict=False)
                return kind, next((name for level, name in levels if level == "+"), "")
        return None
