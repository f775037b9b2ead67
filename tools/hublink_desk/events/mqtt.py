"""What a hub reports over MQTT, to a device that listens to nothing else; it connects again for ever.

This file is the edge to paho: whatever goes wrong with a connection is a sentence for people, and a reason to
try again.
"""

import contextlib
import threading
import time

import paho.mqtt.client as paho

from .. import device_code, device_tls
from ..check.files import look_at
from ..check.finding import ERROR
from ..errors import DeskError
from . import record

_WAIT_MIN_S, _WAIT_MAX_S = 1.0, 32.0
_STABLE_S = 60.0  # a connection that held so long was a good one: the next wait is the shortest
_JOIN_S = 2.0


class MqttSource(contextlib.AbstractContextManager):
    """Listens for the length of a `with` block.

    Args:
        path: Path of a device's configuration.
        take: called with a list of Records, in a thread of the source.
        say: called with a sentence about the connection, likewise.

    Raises:
        DeskError: the device would not take the configuration, or its hub reports nothing to it.
    """

    def __init__(self, path, take, say):
        found, self._settings, self._credentials = look_at(path)
        if self._settings is None:
            wrong = next(finding for finding in found if finding.level == ERROR)
            raise DeskError(f"{path}: {wrong.what}: {wrong.text}.", wrong.hint)
        self._filters = device_code.report_filters(self._settings)
        if not self._filters:
            raise DeskError(f"{path}: {_SILENT[self._settings['hub']['type']]}.")
        self._context = device_tls.context(self._credentials)
        self._take, self._say, self._said = take, say, None
        self._client = self._refusal = None  # of this connection
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="mqtt", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_ending.set()
        if self._client:
            self._client.disconnect()
        self._thread.join(_JOIN_S)

    # --- the thread ---

    def _work(self):
        wait_s = _WAIT_MIN_S
        while not self._is_ending.is_set():
            began = time.monotonic()
            try:
                self._listen()
            except OSError as error:
                self._tell(f"no connection: {error.strerror or error}")
            if time.monotonic() - began > _STABLE_S:
                wait_s = _WAIT_MIN_S
            self._is_ending.wait(wait_s)
            wait_s = min(2 * wait_s, _WAIT_MAX_S)

    def _listen(self):
        """One connection, to its end."""
        hub = self._settings["hub"]
        client_id, user, password = device_code.login(self._settings, self._credentials)
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=client_id.decode(), reconnect_on_failure=False
        )
        if user is not None:
            client.username_pw_set(user.decode(), password and password.decode())
        client.tls_set_context(self._context)
        client.on_connect, client.on_subscribe = self._connected, self._subscribed
        client.on_disconnect, client.on_message = self._lost, self._message
        client.connect(hub["host"], hub["port"], hub["keepalive_s"])
        self._client, self._refusal = client, None
        if not self._is_ending.is_set():
            client.loop_forever()

    def _connected(self, client, _userdata, _flags, reason, _properties):
        if reason.is_failure:
            self._refusal = f"refused: {reason}"
        else:
            client.subscribe(self._filters)

    def _subscribed(self, client, _userdata, _packet_id, reasons, _properties):
        if any(reason.is_failure for reason in reasons):
            self._refusal = f"refuses {', '.join(wanted for wanted, _ in self._filters)}"
            client.disconnect()
        else:
            self._tell("connected")

    def _lost(self, _client, _userdata, _flags, reason, _properties):
        if not self._is_ending.is_set():
            self._tell(self._refusal or f"connection lost: {reason}")

    def _message(self, _client, _userdata, message):
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._take([record.heard(self._settings, topic, message.payload)])

    def _tell(self, text):
        """Say it once, however often it is so."""
        if text != self._said:
            self._say(f"{self._settings['hub']['host']}: {text}")
        self._said = text


# Why there is nothing to listen to.
_OF_GATEWAYS = "hub.gateway is false; expected true, because this hub reports to gateways only"
_SILENT = {
    "azure": "Azure reports nothing over MQTT; expected another hub, and --webhook for this one",
    "clearblade": _OF_GATEWAYS,
    "omnicore": _OF_GATEWAYS,
    "generic": "hub.errors_filter is empty; expected where this hub reports",
}
