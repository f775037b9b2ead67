"""Follows what is published at a hub, with a device's identity: verified TLS, and back after every cut.

This file is the edge to paho: whatever goes wrong with a connection is a sentence for people, and a reason to
try again.
"""

import ssl
import time
from collections import deque
from typing import NamedTuple

import paho.mqtt.client as paho

from . import device_code, device_tls

_PAUSE_MIN_S, _PAUSE_MAX_S = 1.0, 32.0  # between two tries to connect; doubles
_STABLE_S = 60.0  # a connection that held so long was a good one: the next pause is the shortest


class Message(NamedTuple):
    """One that arrived. topic: a text, "" if it is none; retained: it was there before the subscription."""

    topic: str
    payload: bytes
    retained: bool


class _Lost(Exception):
    """The hub does not let it in, or the connection ended; the reason as text."""


class Follower:
    """Somebody who listens at a hub.

    Hubs let an identity in once: a device with the same one is cut off by it.

    Args:
        settings, credentials: of `device_code.read`.
        subscriptions: list of (topic filter, QoS).
        say: called with a sentence whenever there is something new to say of the connection.

    Attributes:
        hub: "host:port", for people.
        connected_count: how often the hub has let it in and granted the subscriptions. What was published
            before it grew again may have been missed.
        problem: why there is no connection; None if there is one, or was none yet.
    """

    def __init__(self, settings, credentials, subscriptions, say):
        self.connected_count, self.problem = 0, None
        self.hub = f"{settings['hub']['host']}:{settings['hub']['port']}"
        self._settings, self._credentials = settings, credentials
        self._subscriptions = subscriptions
        self._context = device_tls.context(credentials)
        self._heard = deque()  # what one turn of paho's loop has brought
        self._say, self._said = say, None

    def messages(self, idle_s=1.0):
        """Yield each Message as it arrives, and None at least every `idle_s` seconds without one; for ever.

        To be closed, or left by an exception such as KeyboardInterrupt, which says good-bye to the hub.
        """
        pause_s = _PAUSE_MIN_S
        while True:
            began_s = time.monotonic()
            try:
                yield from self._connection(idle_s)
            except _Lost as lost:
                self._tell(str(lost))
            if time.monotonic() - began_s > _STABLE_S:
                pause_s = _PAUSE_MIN_S
            yield from _pause(pause_s, idle_s)
            pause_s = min(2 * pause_s, _PAUSE_MAX_S)

    def _connection(self, idle_s):
        """Yield what one connection brings. Raises _Lost when it ends."""
        client, count = self._client(), self.connected_count
        try:
            _connect(client, self._settings["hub"])
            while True:
                error = client.loop(idle_s)
                is_subscribed = self.connected_count > count  # what comes earlier waits (MQTT 3.1.1, 3.8.4)
                if not self._heard or not is_subscribed:
                    yield None
                while self._heard and is_subscribed:
                    yield self._heard.popleft()
                if error:
                    raise _Lost(f"connection lost: {paho.error_string(error).rstrip('.').lower()}")
        finally:
            self._heard.clear()
            client.disconnect()

    def _client(self):
        client_id, user, password = device_code.login(self._settings, self._credentials)
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id.decode())
        client.username_pw_set(user.decode() if user else None, password)
        client.tls_set_context(self._context)
        client.on_connect, client.on_subscribe = self._let_in, self._subscribed
        client.on_message = self._message
        return client

    # What these raise comes out of client.loop.

    def _let_in(self, client, _userdata, _flags, reason, _properties):
        if reason.is_failure:
            raise _Lost(f"refused: {reason}")
        client.subscribe(self._subscriptions)

    def _subscribed(self, _client, _userdata, _packet_id, reasons, _properties):
        filters = [topic_filter for topic_filter, _ in self._subscriptions]
        granted = {each for each, reason in zip(filters, reasons, strict=False) if not reason.is_failure}
        refused = [each for each in filters if each not in granted]
        if refused:
            raise _Lost(f"refuses {', '.join(refused)}")
        self.connected_count += 1
        self._tell(None)

    def _message(self, _client, _userdata, message):
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._heard.append(Message(topic, message.payload, message.retain))

    def _tell(self, problem):
        """Say it once, however often it is so."""
        self.problem = problem
        text = problem or "connected"
        if text != self._said:
            self._say(f"{self.hub}: {text}")
        self._said = text


def _connect(client, hub):
    try:
        client.connect(hub["host"], hub["port"], hub["keepalive_s"])
    except ssl.SSLCertVerificationError as error:
        raise _Lost(f"no connection: certificate verify failed: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise _Lost(f"no connection: {(error.reason or str(error)).replace('_', ' ').lower()}") from error
    except OSError as error:
        raise _Lost(f"no connection: {error.strerror or error}") from error


def _pause(duration_s, idle_s):
    """Wait; yield None about every idle_s seconds."""
    end_s = time.monotonic() + duration_s
    while (left_s := end_s - time.monotonic()) > 0:
        time.sleep(min(left_s, idle_s))
        yield None
