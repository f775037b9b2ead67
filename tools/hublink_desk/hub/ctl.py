"""`hublink hub-ctl`: orders to a desk hub that runs with `--control`."""

import base64
import http.client
import json
from pathlib import Path

import click

from ..errors import DeskError
from ..text import printable
from . import devices_file, tables
from .control import CONTROL_PORT
from .server import HOST

_LIMIT_S = 60.0
_PAYLOAD = click.argument("payload", default="")
_FILE = click.option("--file", "payload_file", type=click.File("rb"), help="Payload from here; -: stdin.")


class _Hub:
    """The other end.

    Args:
        port: its control port.
    """

    def __init__(self, port):
        self._port = port

    def order(self, verb, /, **arguments):
        """The result of an order. Raises DeskError: the hub refused it, or there is none."""
        connection = http.client.HTTPConnection(HOST, self._port, timeout=_LIMIT_S)
        try:
            connection.request("POST", f"/{verb}", json.dumps(arguments))
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = f"no desk hub takes orders on port {self._port} ({error})."
            hint = "start one with `hublink hub --control ...`, or name its --port"
            raise DeskError(problem, hint) from error
        finally:
            connection.close()
        if "error" in answer:
            raise DeskError(answer["error"])
        return answer["result"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--port", type=click.IntRange(1, 65_535), default=CONTROL_PORT, show_default=True)
@click.pass_context
def command(context, port):
    """Give orders to a desk hub that was started with --control.

    \b
    Example: hublink hub-ctl command light-1 on
    """
    context.obj = _Hub(port)


@command.command()
@click.option("--json", "is_json", is_flag=True, help="As JSON.")
@click.pass_obj
def devices(hub, is_json):
    """List the devices and what the hub knows about each.

    \b
    Example: hublink hub-ctl devices
    """
    known = hub.order("devices")
    if is_json:
        click.echo(json.dumps(known, indent=2))
        return
    for device, about in known.items():
        told = ", ".join(f"{key} {_plain(value)}" for key, value in about.items())
        click.echo(printable(f"{device}: {told}"))


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def add(hub, file):
    """Add the devices of a devices FILE, the same as `hublink hub --devices` takes.

    \b
    Example: hublink hub-ctl add more.toml
    """
    found = tables.within(file, lambda: devices_file.read_tables(file))
    hub.order("add", device=found, folder=str(file.parent.absolute()))


@command.command()
@click.argument("device")
@click.pass_obj
def remove(hub, device):
    """Make the hub forget a DEVICE, and cut its connection.

    \b
    Example: hublink hub-ctl remove sensor-1
    """
    hub.order("remove", device=device)


@command.command()
@click.argument("device")
@click.option("--off", is_flag=True, help="Cut its connection and let it connect no longer.")
@click.pass_obj
def enable(hub, device, off):
    """Let a DEVICE connect, or no longer.

    \b
    Example: hublink hub-ctl enable sensor-1 --off
    """
    hub.order("enable", device=device, is_enabled=not off)


@command.command()
@click.argument("device")
@click.argument("new", default="")
@click.pass_obj
def rotate(hub, device, new):
    """Make NEW the primary key of a DEVICE, and the key it replaces the secondary.

    NEW is a key in base64, a thumbprint or a certificate file; without it the hub makes up a key.

    \b
    Example: hublink hub-ctl rotate sensor-1 sensor-1.new.pem
    """
    hub.order("rotate", device=device, new=new, folder=str(Path.cwd()))


@command.command()
@click.argument("gateway")
@click.argument("device")
@click.pass_obj
def bind(hub, gateway, device):
    """Let a GATEWAY speak for a DEVICE.

    \b
    Example: hublink hub-ctl bind gateway-1 light-1
    """
    hub.order("bind", gateway=gateway, device=device)


@command.command()
@click.argument("gateway")
@click.argument("device")
@click.pass_obj
def unbind(hub, gateway, device):
    """End that; an attached device is detached, and the gateway told.

    \b
    Example: hublink hub-ctl unbind gateway-1 light-1
    """
    hub.order("unbind", gateway=gateway, device=device)


@command.command("command")
@click.argument("device")
@_PAYLOAD
@_FILE
@click.option("--subfolder", default="", help="Last level of the command topic.")
@click.pass_obj
def send(hub, device, payload, payload_file, subfolder):
    """Send a DEVICE a command.

    \b
    Example: hublink hub-ctl command light-1 on --subfolder lamp
    """
    hub.order("command", device=device, subfolder=subfolder, **_payload(payload, payload_file))


@command.command()
@click.argument("device")
@_PAYLOAD
@_FILE
@click.pass_obj
def config(hub, device, payload, payload_file):
    """Give a DEVICE a new configuration.

    \b
    Example: hublink hub-ctl config light-1 '{"every_s": 10}'
    """
    hub.order("config", device=device, **_payload(payload, payload_file))


@command.command()
@click.argument("device")
@_PAYLOAD
@_FILE
@click.option("--property", "given", multiple=True, metavar="KEY[=TEXT]", help="Of its bag; may be repeated.")
@click.pass_obj
def message(hub, device, payload, payload_file, given):
    """Send a DEVICE a message that waits for it if it is not there.

    \b
    Example: hublink hub-ctl message sensor-1 '{"lamp":"on"}' --property '$.ct=application/json'
    """
    properties = {key: value if equals else None for key, equals, value in (p.partition("=") for p in given)}
    hub.order("message", device=device, properties=properties, **_payload(payload, payload_file))


@command.command()
@click.argument("device")
@click.argument("method")
@_PAYLOAD
@_FILE
@click.option("--timeout-s", type=click.FloatRange(0, 50), default=30.0, show_default=True)
@click.pass_obj
def call(hub, device, method, payload, payload_file, timeout_s):
    """Call a METHOD of a DEVICE and print its answer as JSON.

    \b
    Example: hublink hub-ctl call sensor-1 reboot '{"in_s": 5}'
    """
    given = _payload(payload, payload_file)
    answer = hub.order("call", device=device, method=method, timeout_s=timeout_s, **given)
    click.echo(json.dumps(answer))


@command.command()
@click.argument("topic")
@_PAYLOAD
@_FILE
@click.option("--qos", type=click.IntRange(0, 2), default=0)
@click.option("--retain", is_flag=True)
@click.pass_obj
def publish(hub, topic, payload, payload_file, qos, retain):
    """Publish under a TOPIC, as an application behind the hub would.

    \b
    Example: hublink hub-ctl publish sensor-1/commands blink
    """
    hub.order("publish", topic=topic, qos=qos, retain=retain, **_payload(payload, payload_file))


@command.command()
@click.argument("what")
@click.option("--about", default="unknown", help="ID of the device it happened to.")
@click.option("--set", "given", multiple=True, metavar="KEY=TEXT", help="A further key; may be repeated.")
@click.pass_obj
def event(hub, what, about, given):
    """Raise an event as if it had happened: WHAT is its text (scaleway), its error_type, or its type (azure).

    \b
    Examples: hublink hub-ctl event "hub is locked" --set object_type=hub
              hublink hub-ctl event UNKNOWN --about light-1 --set gateway=gateway-1
    """
    hub.order("event", **{"what": what, "about": about, **dict(_key(text) for text in given)})


@command.command()
@click.argument("device")
@click.pass_obj
def cut(hub, device):
    """Cut a DEVICE's connection as a network fault would.

    \b
    Example: hublink hub-ctl cut sensor-1
    """
    hub.order("cut", device=device)


@command.command()
@click.option("--down-s", type=click.FloatRange(0, 30), default=0.0, help="Seconds to stay away.")
@click.pass_obj
def restart(hub, down_s):
    """Close every connection and begin again on the same port; the devices are kept.

    \b
    Example: hublink hub-ctl restart --down-s 5
    """
    hub.order("restart", down_s=down_s)


def _payload(text, file):
    if file is None:
        return {"payload": text}
    return {"payload_base64": base64.b64encode(file.read()).decode()}


def _key(text):
    key, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r}; expected KEY=TEXT.", param_hint="--set")
    return key, value


def _plain(value):
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else value
