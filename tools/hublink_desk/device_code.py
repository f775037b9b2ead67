"""The device's own code at work on the desk: its checker, its hubs, its packets, its tokens.

What is checked, named or sent here is what the device would check, name or send, because the same modules do
it. They are the pure ones of the firmware; all they need of MicroPython is `const`. They are importable only
while this file uses them, so that the names `hublink` and `micropython` stay free for everybody else in the
process.
"""

import codecs
import contextlib
import importlib.util
import json
import re
import sys
import threading
import time
from types import ModuleType

from . import paths
from .errors import DeskError

_REFUSED = "The device would not take the configuration"

# One character in two escapes, as json.dumps writes what is beyond U+FFFF unless told otherwise.
_PAIR = re.compile(rb"(?<!\\)(?:\\\\)*(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})")

_loaded = {}  # the modules, between two uses
_using = threading.RLock()  # they are importable for one thread at a time


class Refused(DeskError):
    """A configuration that the device would refuse.

    Attributes:
        complaints: what is wrong with it, one sentence each, in the checker's words.
    """

    def __init__(self, message, complaints, hint=""):
        super().__init__(f"{message}: {'; '.join(complaints)}.", hint)
        self.complaints = complaints


def hub_names():
    """Types of hubs that the firmware knows, in its order."""
    with _firmware("hubs") as hubs:
        return hubs.NAMES


def hub_fields(hub_type):
    """dict of setting -> kind, of the settings that only this type of hub has."""
    with _firmware("hubs") as hubs:
        return {field[0]: field[1] for field in hubs.module(hub_type).FIELDS}


def needed_credentials(hub):
    """Which of "cert", "key", "secret" prove the device. hub: section of a configuration of a known type."""
    with _firmware("hubs") as hubs:
        return hubs.module(hub["type"]).credentials(hub)


def parse(data):
    """The configuration in `data` (bytes), checked and with all defaults, as a dict.

    Raises:
        Refused: with the checker's complaints.
    """
    with _firmware("config", "limits") as (config, limits):
        if len(data) > limits.CONFIG_LEN:
            long = f"it is {len(data):,} bytes long, expected at most {limits.CONFIG_LEN:,}"
            raise Refused(_REFUSED, [long])
        _refuse_other_json(data)
        return _checked(config, lambda: config.parse(data))


def dump(config):
    """The file, bytes, that `parse` and the device read as the dict `config`."""
    # A half pair goes in as it is, for the checker to complain about with the setting's name.
    return (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode(errors="surrogatepass")


def read_credentials(settings, folder):
    """The credentials that a checked configuration names, read from `folder` (Path) as the device does.

    Returns:
        dict: "ca" -> list of bytes, "cert", "key" and "secret" -> bytes or None.

    Raises:
        Refused: with the checker's complaints.
    """
    with _firmware("config", "limits") as (config, limits):
        return _checked(
            config,
            lambda: config.read_credentials(
                settings, lambda name: _read(folder / name, limits.CERTIFICATE_LEN)
            ),
        )


def read(path):
    """A device's configuration, and the credentials that it names.

    Args:
        path: Path of the file.

    Returns:
        (settings, credentials), as of `parse` and `read_credentials`.

    Raises:
        DeskError: the file cannot be read.
        Refused: with the checker's complaints.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DeskError(f"{path} cannot be read ({error.strerror}); expected a configuration.") from error
    settings = parse(data)
    return settings, read_credentials(settings, path.parent)


def takes_tokens(settings):
    """True if the password of this device is a token. settings: checked configuration."""
    with _firmware("hubs") as hubs:
        return _hub(hubs, settings).token_life_s > 0


def login(settings, credentials):
    """How a device logs in now: (client ID, user, password), each bytes or None.

    Arguments and errors as `connect_packet`.
    """
    with _firmware("hubs") as hubs:
        return _login(_hub(hubs, settings), credentials)


def connect_packet(settings, credentials):
    """The CONNECT packet of a device, without a last will.

    Args:
        settings: checked configuration.
        credentials: of `read_credentials`.

    Returns:
        bytes.

    Raises:
        Refused: the key cannot sign a token.
    """
    with _firmware("hubs", "protocol.packets") as (hubs, packets):
        hub = _hub(hubs, settings)
        client_id, user, password = _login(hub, credentials)
        length, _ = packets.connect_len(client_id, user, password, None)
        # Its encoder may zero a few bytes behind what it writes, and keeps off the end.
        packet = bytearray(length + 16)
        keepalive_s = settings["hub"]["keepalive_s"]
        end = packets.put_connect(packet, client_id, user, password, keepalive_s, hub.CLEAN_SESSION, None)
        return bytes(packet[:end])


def device_id(settings):
    """What a device is called in its hub's reports."""
    with _firmware("hubs") as hubs:
        return _hub(hubs, settings).device_id


def connection(settings):
    """(host, client ID): a hub keeps one connection by that name, and ends it when another comes."""
    with _firmware("hubs") as hubs:
        client_id, *_ = _hub(hubs, settings).credentials(None)
    return settings["hub"]["host"].lower(), client_id.decode()


def free_topics(settings):
    """(telemetry topic, status topic, QoS to listen with) of a device; None where the hub has fixed ones."""
    with _firmware("hubs") as hubs:
        hub = _hub(hubs, settings)
        if not hub.FREE_TOPICS:
            return None
        return hub.telemetry_topic.decode(), hub.status_topic.decode(), hub.SUBSCRIBE_QOS


def severities():
    """How bad a report can be, from the least on."""
    with _firmware("events") as events:
        return events.SEVERITIES


def report_filters(settings):
    """list of (topic filter, QoS) where the hub reports to a device; empty if it does not over MQTT."""
    with _firmware("hubs", "hubs.generic") as (hubs, generic):
        routes = _hub(hubs, settings).routes
        return [(wanted.decode(), qos) for wanted, qos, kind in routes if kind == generic.EVENT]


def report(settings, topic, payload):
    """The Event that a message (text, bytes) on such a topic is; of the code "unparsed" if it is none."""
    with _firmware("hubs") as hubs:
        return _hub(hubs, settings).event(topic.encode(), payload)


def lifecycle_events(body):
    """list of (Event, name of its hub or None) in what Event Grid posts (bytes); "unparsed" as above."""
    with _firmware("hubs.eventgrid") as eventgrid:
        return [
            (event, eventgrid.hub_name(event.raw) if isinstance(event.raw, dict) else None)
            for event in eventgrid.parse(body)
        ]


def sntp_request(token):
    """The device's question for the time, bytes. token: 8 bytes that the answer repeats."""
    with _firmware("protocol.sntp") as sntp:
        return sntp.request(token)


def sntp_reply(data, token):
    """What the device takes the answer for: Unix seconds, a word that says what is wrong, or None."""
    with _firmware("protocol.sntp", "limits") as (sntp, limits):
        return sntp.reply(data, token, limits.CLOCK_FLOOR_S)


def _hub(hubs, settings):
    section = settings["hub"]
    return hubs.module(section["type"]).Hub(section, settings["device"])


def _login(hub, credentials):
    return hub.credentials(_token(hub, credentials) if hub.token_life_s else None)


def _token(hub, credentials):
    try:
        hub.take(credentials)
    except ValueError as error:
        raise Refused("The device cannot sign a token", [f"tls.key: {error}"]) from error
    now_s = int(time.time())
    *_, token = hub.sign(now_s, now_s + hub.token_life_s)
    return token


def _refuse_other_json(data):
    """Raise Refused for what CPython's json takes and MicroPython's does not."""
    if data.startswith(codecs.BOM_UTF8) or 0 in data:  # every bracket of UTF-16 and UTF-32 has a zero
        raise Refused(_REFUSED, ["it begins with a byte order mark, or is UTF-16; expected plain UTF-8"])
    pair = _PAIR.search(data)
    if pair:
        raise Refused(_REFUSED, [f"it has {pair[1].decode()}; expected that character itself, in UTF-8"])


def _checked(config, check):
    try:
        return check()
    except config.ConfigError as error:
        raise Refused(_REFUSED, str(error).split("\n")) from error


def _read(path, max_len):
    data = path.read_bytes()
    if len(data) > max_len:
        raise OSError(f"{path} has more than {max_len} bytes")
    return data


# --- importing ---


@contextlib.contextmanager
def _firmware(*names):
    """The modules of those names, one or a tuple; importable by each other inside the block."""
    with _using:
        outside = _take()
        sys.modules.update(_loaded or _package())
        try:
            modules = tuple(importlib.import_module(f"hublink.{name}") for name in names)
            yield modules[0] if len(modules) == 1 else modules
        finally:
            _loaded.update(_take())
            sys.modules.update(outside)


def _take():
    """Take hublink and micropython out of the modules of this process."""
    names = [name for name in sys.modules if name.partition(".")[0] in ("hublink", "micropython")]
    return {name: sys.modules.pop(name) for name in names}


def _package():
    micropython = ModuleType("micropython")
    micropython.const = lambda value: value
    folder = paths.FIRMWARE / "hublink"
    spec = importlib.util.spec_from_file_location(
        "hublink", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    package = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    return {"hublink": package, "micropython": micropython}
