"""The webhook at the other end: a body posted to it, and the handshakes that it has to pass first.

This file is the edge to HTTP: it raises `Unreachable` when there is no answer, and DeskError when the
endpoint does not agree to get events.
"""

import http.client
import json
import ssl
import threading
import uuid
from datetime import datetime, timezone
from typing import NamedTuple
from urllib.parse import urlsplit

from ..errors import DeskError
from ..text import printable
from ..web import WebHandler, WebServer

_HOST = "127.0.0.1"
_ORIGIN = "eventgrid.azure.net"
_OK = 200


class Unreachable(Exception):
    """There was no answer; the text says why."""


class Answer(NamedTuple):
    status: int
    headers: object  # by any case of their names
    body: bytes


class Endpoint:
    """
    Args:
        url: http or https.
        timeout_s: for one step of a request.
        ca: PEM file of the authority of an https endpoint; None: those of the system. Never unverified.

    Raises:
        DeskError: the URL or the file is wrong.
    """

    def __init__(self, url, timeout_s, ca=None):
        try:
            parts = urlsplit(url)
            self._address, self._timeout_s = (parts.hostname, parts.port), timeout_s
        except ValueError as error:
            raise DeskError(f"webhook is {url!r}: {error}.") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise DeskError(f"webhook is {url!r}; expected a URL with http or https and a host.")
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._context = _context(ca) if parts.scheme == "https" else None

    def request(self, method, body=b"", headers=()):
        """The Answer to a request. Raises Unreachable."""
        connection = self._connection()
        try:
            connection.request(method, self._path, body, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: of the host's name
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Unreachable(printable(reason)) from error
        finally:
            connection.close()

    def _connection(self):
        if self._context is None:
            return http.client.HTTPConnection(*self._address, timeout=self._timeout_s)
        return http.client.HTTPSConnection(*self._address, timeout=self._timeout_s, context=self._context)

    def handshake(self, schema, validation_s):
        """Ask the endpoint whether it wants events.

        Args:
            schema: "eventgrid" or "cloudevents".
            validation_s: how long it may take to visit the validation URL, if it does not answer at once.

        Raises:
            DeskError: it does not.
        """
        try:
            if schema == "eventgrid":
                self._validate(validation_s)
            else:
                self._ask_for_permission()
        except Unreachable as error:
            raise _refused(f"cannot be reached ({error})") from error

    def _validate(self, validation_s):
        code = str(uuid.uuid4()).upper()
        with _Visits() as visits:
            body = json.dumps([_validation_event(code, visits.url)]).encode()
            kinds = {
                "Content-Type": "application/json; charset=utf-8",
                "aeg-event-type": "SubscriptionValidation",
            }
            answer = self.request("POST", body, kinds)
            if answer.status != _OK:
                raise _refused(f"answered the validation with {answer.status}; expected 200")
            response = _validation_response(answer.body)
            if response is None and not visits.came(validation_s):
                raise _refused(
                    f"neither sent the validation code back nor visited the URL in {validation_s:g} s"
                )
            if response not in (None, code):
                raise _refused(f"sent the validation code {response!r} back; expected {code!r}")

    def _ask_for_permission(self):
        answer = self.request("OPTIONS", headers={"WebHook-Request-Origin": _ORIGIN})
        if answer.status != _OK:
            raise _refused(f"answered OPTIONS with {answer.status}; expected 200")
        origin, rate = (answer.headers.get(f"WebHook-Allowed-{name}") for name in ("Origin", "Rate"))
        if origin not in (_ORIGIN, "*"):
            raise _refused(f"has WebHook-Allowed-Origin {origin!r}; expected {_ORIGIN!r} or '*'")
        if rate != "*" and not (rate and rate.isascii() and rate.isdigit() and int(rate)):
            raise _refused(f"has WebHook-Allowed-Rate {rate!r}; expected a number or '*'")


class _Visits(WebServer):
    """A server on loopback that waits for somebody to GET its `url`."""

    def __init__(self):
        self._came = threading.Event()
        self._path = f"/validate?id={uuid.uuid4()}"
        super().__init__(_HOST, 0, self._handler())
        self.url = f"http://{_HOST}:{self.port}{self._path}"

    def came(self, within_s):
        return self._came.wait(within_s)

    def _handler(self):
        visits = self

        class Handler(WebHandler):
            def do_GET(self):
                is_right = self.path == visits._path
                self.reply(_OK if is_right else 404)
                if is_right:
                    visits._came.set()

        return Handler


def _validation_event(code, url):
    return {
        "id": str(uuid.uuid4()),
        "topic": "/subscriptions/desk-subscription",
        "subject": "",
        "data": {"validationCode": code, "validationUrl": url},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
        "metadataVersion": "1",
        "dataVersion": "1",
    }


def _validation_response(body):
    """The code that a body sends back, or None."""
    try:
        return json.loads(body).get("validationResponse")
    except (ValueError, AttributeError, RecursionError):
        return None


def _refused(problem):
    return DeskError(f"the webhook {problem}.")


def _context(ca):
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise DeskError(f"{ca}: cannot be used ({error.strerror or error}); expected PEM.") from error
