"""Where a webhook posts its events: an endpoint on loopback that agrees to get them."""

import json

from ..web import WebHandler, WebServer

_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"


def inbox(take):
    """A WebServer; calls `take` with each event, a dict in the Event Grid schema, in threads of its own."""
    return WebServer("127.0.0.1", 0, type("Handler", (_Handler,), {"take": staticmethod(take)}))


class _Handler(WebHandler):
    take = None

    def do_POST(self):
        answer = {}
        for event in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
            if event["eventType"] == _VALIDATION:
                answer = {"validationResponse": event["data"]["validationCode"]}
            else:
                self.take(event)
        self.reply(200, json.dumps(answer).encode())
