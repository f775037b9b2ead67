"""The webhook that Event Grid posts to: both handshakes, then events (hub-dialects 5.4).

Whatever is posted is acknowledged, because it would be the same the next time; what is no event is a record
that says so.
"""

import json

from ..web import LENGTH, WebHandler, WebServer
from . import record

# Event Grid posts at most 1 MB.
_BODY_MAX_LEN = 1024 * 1024
_SHOWN_LEN = 1024  # of a longer one
_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_JSON = {"Content-Type": "application/json"}


class WebhookSource(WebServer):
    """Listens for the length of a `with` block.

    Args:
        host, port: where, an address or a name; port 0 is a free one.
        take: called with a list of Records, in a thread of its own; returns True when they were taken.
        say: called with a sentence about the webhook.

    Raises:
        DeskError: the port cannot be had.
    """

    def __init__(self, host, port, take, say):
        super().__init__(host, port, type("Handler", (_Handler,), {"take": staticmethod(take)}))
        place = f"[{host}]" if ":" in host else host
        say(f"listens on http://{place}:{self.port}/")


class _Handler(WebHandler):
    take = None

    def do_OPTIONS(self):
        """The handshake of the CloudEvents schema."""
        origin = self.headers.get("WebHook-Request-Origin")
        if origin is None:
            self.reply(400)
        else:
            allowed = {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*", "Allow": "POST"}
            self.reply(200, headers=allowed)

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if "Origin" in self.headers:  # a page in a browser can reach loopback, too
            self.reply(403)
        elif not LENGTH.fullmatch(length):
            self.reply(411)
        elif int(length) > _BODY_MAX_LEN:
            self._hand_on(self.rfile.read1(_SHOWN_LEN), 413)
        else:
            self._posted(self.rfile.read(int(length)), int(length))

    def _posted(self, body, length):
        if len(body) < length:  # it was cut off, and will come again
            self.reply(400)
        elif self.headers.get("aeg-event-type") == "SubscriptionValidation":
            self._validate(body)
        else:
            self._hand_on(body, 200)

    def _hand_on(self, body, status):
        self.reply(status if self.take(record.posted(body)) else 503)

    def _validate(self, body):
        """The handshake of the Event Grid schema."""
        code = _validation_code(body)
        if code is None:
            self._hand_on(body, 400)
        else:
            self.reply(200, json.dumps({"validationResponse": code}).encode(), _JSON)


def _validation_code(body):
    """None if it is no validation."""
    try:
        [event] = json.loads(body)
        code = event["data"]["validationCode"] if event["eventType"] == _VALIDATION else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return code if isinstance(code, str) else None
