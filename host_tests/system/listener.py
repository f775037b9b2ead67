"""A second party at a broker, with a codec that is not ours: paho, over verified TLS 1.2."""

import json
import ssl
import threading
import time

import paho.mqtt.client as paho


class Listener:
    """Subscribes in a `with` block and keeps what arrives.

    Args:
        workshop: Workshop whose authority it trusts.
        port: of the broker, on 127.0.0.1.
        topic_filter: to subscribe to; None for a client that comes without a certificate.
        client_id: by default one of its own.
        qos: of the subscription; it must be granted.

    Attributes:
        refused_with: the broker's reason for not letting it in, else None.
    """

    def __init__(self, workshop, port, topic_filter, client_id="operator", qos=1):
        self._port, self._filter, self._qos = port, topic_filter, qos
        self._changed = threading.Condition()
        self._arrived = []  # (topic, decoded payload)
        self._is_ready = False
        self.refused_with = None
        context = ssl.create_default_context(cafile=workshop.ca.cert_pem)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        if topic_filter:
            identity = workshop.identity("operator")
            context.load_cert_chain(identity.cert_pem, identity.key_pem)
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id)
        self._client.tls_set_context(context)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = lambda _c, _u, m: self._note((m.topic, json.loads(m.payload)))

    def __enter__(self):
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        with self._changed:
            assert self._changed.wait_for(lambda: self._is_ready or self.refused_with, 10)
        assert bool(self.refused_with) == (self._filter is None), self.refused_with
        return self

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client, _userdata, _flags, reason, _properties):
        if reason.is_failure:
            self.refused_with = str(reason)
            self._note()
        else:
            client.subscribe(self._filter, self._qos)

    def _subscribed(self, _client, _userdata, _packet_id, reasons, _properties):
        if reasons[0].is_failure:
            self.refused_with = str(reasons[0])
        self._note(ready=True)

    def _note(self, arrived=None, ready=False):
        with self._changed:
            if arrived:
                self._arrived.append(arrived)
            self._is_ready = self._is_ready or ready
            self._changed.notify_all()

    def messages(self, topic):
        """Payloads that arrived on a topic so far, in order."""
        return [payload for where, payload in self._arrived if where == topic]

    def wait(self, topic, is_wanted, limit_s=30.0):
        """All payloads on a topic up to the first wanted one. Fails the test if none comes within limit_s."""
        deadline = time.monotonic() + limit_s
        with self._changed:
            while True:
                payloads = self.messages(topic)
                for number, payload in enumerate(payloads, start=1):
                    if is_wanted(payload):
                        return payloads[:number]
                left_s = deadline - time.monotonic()
                assert left_s > 0, f"nothing wanted on {topic} within {limit_s} s; the last: {payloads[-5:]}"
                self._changed.wait(left_s)

    def wait_until(self, is_enough, limit_s):
        """All (topic, payload) so far, once is_enough(them). Fails the test if that takes over limit_s."""
        with self._changed:
            seen = self._changed.wait_for(lambda: is_enough(self._arrived), limit_s)
            assert seen, f"not enough within {limit_s} s: {len(self._arrived)}, the last {self._arrived[-5:]}"
            return list(self._arrived)
