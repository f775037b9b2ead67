"""Who has subscribed to what, and the retained messages: a Message in, one per subscriber out.

Pure bookkeeping of values: this file knows no connection, only that a subscriber has `deliver(message)`,
which never waits, and `key`, by which a Message may be addressed to it.
"""

from dataclasses import replace

from . import topics


class Router:
    """
    Args:
        limits: Limits.
    """

    def __init__(self, limits):
        self._limits = limits
        self._subscriptions = {}  # subscriber -> {filter: QoS}
        self._retained = {}  # topic -> Message
        self._retained_len = 0

    def subscribe(self, subscriber, wanted, qos):
        """Add or replace one subscription.

        Returns:
            list of the retained Messages that match; None if the subscriber has as many filters as it may.
        """
        filters = self._subscriptions.setdefault(subscriber, {})
        if wanted not in filters and len(filters) >= self._limits.subscriptions:
            return None
        filters[wanted] = qos
        matching = (message for topic, message in self._retained.items() if topics.covers(wanted, topic))
        return [replace(message, qos=min(message.qos, qos)) for message in matching]

    def unsubscribe(self, subscriber, unwanted):
        self._subscriptions.get(subscriber, {}).pop(unwanted, None)

    def forget(self, subscriber):
        """Drop all subscriptions of a subscriber that has gone."""
        self._subscriptions.pop(subscriber, None)

    def has_receivers(self, message):
        """True if a Message would reach somebody."""
        return any(True for _ in self._receivers(message))

    def route(self, message):
        """Give a Message to every subscriber once, at the highest QoS it may have, and retain it if asked to.

        Returns:
            False if it should have been retained and there was no room; it is delivered all the same.
        """
        is_kept = not message.retain or self._retain(message)
        for subscriber, qos in list(self._receivers(message)):
            subscriber.deliver(replace(message, qos=min(message.qos, qos), retain=False))
        return is_kept

    def _receivers(self, message):
        """(subscriber, highest QoS granted to it) of each whose filters match."""
        for subscriber, filters in self._subscriptions.items():
            granted = [qos for wanted, qos in filters.items() if topics.covers(wanted, message.topic)]
            if granted and message.to in (None, subscriber.key):
                yield subscriber, max(granted)

    def _retain(self, message):
        """An empty payload clears the topic (MQTT 3.1.1, 3.3.1.3)."""
        old = self._retained.pop(message.topic, None)
        self._retained_len -= len(old.payload) if old else 0
        if not message.payload:
            return True
        is_room = self._retained_len + len(message.payload) <= self._limits.retained_len
        if not is_room or len(self._retained) >= self._limits.retained_count:
            return False
        self._retained[message.topic] = message
        self._retained_len += len(message.payload)
        return True
