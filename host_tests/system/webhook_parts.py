"""What the tests of the webhook share: an endpoint that answers as it is told, and a documented event."""

import contextlib
import json
import queue
import ssl
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from host_tests.system.desk_hub_parts import PATIENCE_S

SOURCE = "/SUBSCRIPTIONS/s/RESOURCEGROUPS/g/PROVIDERS/MICROSOFT.DEVICES/IOTHUBS/h"
DATA = {
    "deviceConnectionStateEventInfo": {
        "sequenceNumber": "000000000000000001D4132452F67CE200000002000000000000000000000001"
    },
    "hubName": "egtesthub1",
    "deviceId": "LogicAppTestDevice",
}
# As the documentation has it (hub-dialects 5.4).
EVENT = {
    "id": "f6bbf8f4-d365-520d-a878-17bf7238abd8",
    "topic": SOURCE,
    "subject": "devices/LogicAppTestDevice",
    "eventType": "Microsoft.Devices.DeviceConnected",
    "eventTime": "2018-06-02T19:17:44.4383997Z",
    "data": DATA,
    "dataVersion": "1",
    "metadataVersion": "1",
}
CLOUD_EVENT = {
    "id": "f6bbf8f4-d365-520d-a878-17bf7238abd8",
    "source": SOURCE,
    "subject": "devices/LogicAppTestDevice",
    "type": "Microsoft.Devices.DeviceConnected",
    "time": "2018-06-02T19:17:44.4383997Z",
    "data": DATA,
    "specversion": "1.0",
}
ALLOWING = {"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "120", "Allow": "POST"}


def state(kind, device, number):
    """A connection state event."""
    data = {"deviceConnectionStateEventInfo": {"sequenceNumber": f"{number:064X}"}, "deviceId": device}
    event_type = f"Microsoft.Devices.Device{kind}"
    return {
        **EVENT,
        "id": f"{device}-{number}",
        "subject": f"devices/{device}",
        "eventType": event_type,
        "data": data,
    }


class Endpoint(contextlib.AbstractContextManager):
    """A webhook on loopback.

    Args:
        answers: statuses of the notifications in their order; 200 when there are no more; None: no answer.
        validation: (status, body) of the answer to a validation; "{code}" in the body is filled in.
        visits: True if it visits the validation URL.
        options: (status, headers) of the answer to OPTIONS.
        identity: pki.Identity for https.

    Attributes:
        url: where it listens.
        asked: queue of (headers, body) of each handshake, before it is answered.
        posts: the same of each notification.
    """

    def __init__(
        self,
        answers=(),
        validation=(200, '{{"validationResponse":"{code}"}}'),
        visits=False,
        options=(200, ALLOWING),
        identity=None,
    ):
        self.answers, self.validation, self.visits, self.options = list(answers), validation, visits, options
        self.asked, self.posts = queue.Queue(), queue.Queue()
        self.is_ending = threading.Event()
        handler = type("Handler", (_Handler,), {"endpoint": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        if identity:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(identity.cert_pem, identity.key_pem)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if identity else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}/hook?key=1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def post(self):
        """(headers, body) of the next notification."""
        return self.posts.get(timeout=PATIENCE_S)

    def __exit__(self, *_):
        self.is_ending.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    endpoint = None

    def do_OPTIONS(self):
        self.endpoint.asked.put((self.headers, b""))
        status, headers = self.endpoint.options
        self._answer(status, b"", headers)

    def do_POST(self):
        assert self.path == "/hook?key=1"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["aeg-event-type"] == "SubscriptionValidation":
            self._validate(body)
            return
        status = self.endpoint.answers.pop(0) if self.endpoint.answers else 200
        self.endpoint.posts.put((self.headers, body))
        if status is None:
            self.endpoint.is_ending.wait(PATIENCE_S)
        else:
            self._answer(status)

    def _validate(self, body):
        self.endpoint.asked.put((self.headers, body))
        [event] = json.loads(body)
        status, text = self.endpoint.validation
        self._answer(status, text.format(code=event["data"]["validationCode"]).encode())
        if self.endpoint.visits:
            self.wfile.flush()
            urllib.request.urlopen(event["data"]["validationUrl"], timeout=PATIENCE_S).close()

    def _answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, text in dict(headers).items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
