"""The control interface of a desk hub: its orders over HTTP, on loopback only. `hublink hub-ctl` speaks it.

    curl -d '{"device": "light-1", "payload": "on"}' http://127.0.0.1:8880/command

`POST /VERB` takes a JSON object with the arguments of that order and answers `{"result": ...}`, or
`{"error": "a sentence"}` with status 400. `GET /` lists the verbs and their arguments. A payload that is no
text is given as `payload_base64`.
"""

import base64
import binascii
import inspect
import json
from pathlib import Path

from ..errors import DeskError
from ..web import LENGTH, WebHandler, WebServer
from . import devices_file, tables
from .hub import DeskHub
from .server import HOST
from .settings import KINDS, check_kind

CONTROL_PORT = 8880
_BODY_MAX_LEN = 8 * 1024 * 1024  # a payload of 4 MiB in base64, and room
_WAIT_MAX_S = 50.0  # of an order; who gave it waits for little longer


def _add(hub, device=None, folder="."):
    """Add devices: a list of tables as in the devices file, whose file names start from `folder`."""
    found = devices_file.tables_in({"device": device})
    hub.add_devices(devices_file.devices(found, Path(folder), hub.dialect))


def _cut(hub, device):
    if not hub.drop(device):
        raise DeskError(f"{device!r} is not connected.")


_VERBS = {
    "devices": DeskHub.devices,
    "add": _add,
    "remove": DeskHub.remove,
    "enable": DeskHub.enable,
    "rotate": DeskHub.rotate,
    "bind": DeskHub.bind,
    "unbind": DeskHub.unbind,
    "command": DeskHub.send_command,
    "config": DeskHub.push_config,
    "message": DeskHub.send_message,
    "call": DeskHub.call_method,
    "publish": DeskHub.publish,
    "event": DeskHub.raise_event,
    "cut": _cut,
    "restart": DeskHub.restart,
}


class Control(WebServer):
    """The interface for the length of a `with` block.

    Args:
        hub: DeskHub that has been started.
        port: TCP port; 0 for a free one, which the attribute `port` names.

    Raises:
        DeskError: the port cannot be had.
    """

    def __init__(self, hub, port=0):
        super().__init__(HOST, port, type("Handler", (_Handler,), {"hub": hub}))
        hub.log("control", host=HOST, port=self.port)


class _Handler(WebHandler):
    hub = None

    def do_GET(self):
        verbs = {name: list(inspect.signature(verb).parameters)[1:] for name, verb in _VERBS.items()}
        self._answer(lambda: verbs)

    def do_POST(self):
        self._answer(self._do_order)

    def _answer(self, order):
        try:
            self._check_sender()
            status, answer = 200, {"result": order()}
        except (DeskError, RuntimeError, ValueError) as error:
            status, answer = 400, {"error": getattr(error, "message", str(error))}
        self.reply(status, json.dumps(answer).encode() + b"\n", {"Content-Type": "application/json"})

    def _check_sender(self):
        """A page in a browser on this machine can reach loopback, too; it cannot hide that it is one."""
        host = self.headers.get("Host", "").rpartition(":")[0]
        if "Origin" in self.headers or host not in (HOST, "localhost"):
            raise DeskError(f"orders come from this machine, to {HOST} or localhost, and from no web page.")

    def _do_order(self):
        name = self.path.strip("/")
        if name not in _VERBS:
            raise DeskError(f"verb {name!r} is unknown; expected one of {', '.join(_VERBS)}.")
        verb, arguments = _VERBS[name], _parsed(self._body())
        signature = inspect.signature(verb)
        if "payload" in signature.parameters and "payload_base64" in arguments:
            arguments["payload"] = _decoded(arguments.pop("payload_base64"))
        tables.within(name, lambda: _check(signature, arguments))
        return verb(self.hub, **arguments)

    def _body(self):
        length = self.headers.get("Content-Length") or "0"
        if not LENGTH.fullmatch(length):
            raise DeskError(f"Content-Length is {length[:20]!r}; expected a number.")
        if int(length) > _BODY_MAX_LEN:
            raise DeskError(f"the body has {length} bytes; expected at most {_BODY_MAX_LEN}.")
        return self.rfile.read(int(length))


def _parsed(body):
    """The arguments in the body of an order."""
    try:
        arguments = json.loads(body or b"{}")
        # Python takes half a character and infinity for JSON, but cannot give them back.
        json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise DeskError(f"the body is no JSON ({error}).") from error
    if not isinstance(arguments, dict):
        raise DeskError("the body is no JSON object; expected the arguments of the verb.")
    return arguments


def _check(signature, arguments):
    """Raise DeskError unless a verb takes these arguments, by their names and their kinds.

    The kind of one is that of its default; without a default it is a text. What has another default the verb
    checks itself.
    """
    try:
        signature.bind(None, **arguments)
    except TypeError as error:
        raise DeskError(f"{error}.") from error
    for name, parameter in signature.parameters.items():
        kind = str if parameter.default is parameter.empty else type(parameter.default)
        if name in arguments and kind in KINDS:
            check_kind(name, arguments[name], kind)
            if kind is float and arguments[name] > _WAIT_MAX_S:
                raise DeskError(f"{name} is {arguments[name]!r}; expected at most {_WAIT_MAX_S:g} seconds.")


def _decoded(text):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise DeskError("payload_base64 is not base64.") from error
