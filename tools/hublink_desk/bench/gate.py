"""Where a program on the desk waits until messages for it have arrived, so that it need not wait for them.

A program that is counted must do the same each time: what it finds when it looks may not depend on how quick
others are. It connects here, says how many messages it wants, and is let through when they are all there.
"""

import socket
import threading
import time

import paho.mqtt.client as paho

from ..errors import DeskError
from ..servers import LOOPBACK

_LIMIT_S = 30
_LOOK_EVERY_S = 0.002


class Gate:
    """Publishes what a program asks for. Use it in a `with` block; what went wrong is raised at its end.

    Args:
        wire: Wire through which the program is connected to the broker.
        broker_port: of that broker.
        context: ssl.SSLContext, or None for plain TCP.
        topic, payload, qos: of each message.
        message_len: bytes of each on the wire, TLS included.

    Attributes:
        port: where to connect and to write the number of messages, a line of text.
        seen: what had gone over the wire when a program came here last; dict of round_trips, with TCP's
            own for one connection, and records.
    """

    def __init__(self, wire, broker_port, context, topic, payload, qos, message_len):
        self._wire = wire
        self._message = (topic, payload, qos)
        self._message_len = message_len
        self._failure = None
        self.seen = {}
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        if context:
            self._client.tls_set_context(context)
        self._client.connect(LOOPBACK, broker_port)
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="Gate", daemon=True)

    def __enter__(self):
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, error_type, *_):
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._thread.join()
        self._listener.close()
        self._client.disconnect()
        self._client.loop_stop()
        if self._failure and error_type is None:
            raise self._failure

    def _serve(self):
        while True:
            try:
                program, _ = self._listener.accept()
            except OSError:  # the end
                return
            with program, program.makefile() as lines:
                self.seen = {
                    "round_trips": 1 + self._wire.round_trips,
                    "records": self._wire.records_up + self._wire.records_down,
                }
                try:
                    self._publish(int(lines.readline()))
                except Exception as error:  # for the thread that waits for the program
                    self._failure = error

    def _publish(self, count):
        wanted_len = self._wire.bytes_down + count * self._message_len
        for _ in range(count):
            self._client.publish(*self._message)
        deadline_s = time.monotonic() + _LIMIT_S
        while self._wire.bytes_down < wanted_len:
            if time.monotonic() > deadline_s:
                missing_len = wanted_len - self._wire.bytes_down
                raise DeskError(f"Of {count} messages {missing_len} bytes did not arrive in {_LIMIT_S} s.")
            time.sleep(_LOOK_EVERY_S)
        self._wire.settle()
