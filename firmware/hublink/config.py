# The one configuration file: what may be in it, checked completely, the same on desk and device.
# Pure. Every complaint names the setting, what was given and what is expected. Unknown settings are
# refused, so a misspelt one cannot silently leave its default in force; none switches verification off.
import json
from binascii import a2b_base64, b2a_base64

from . import hubs, limits, spool
from .protocol import dns, packets

# (setting, kind, default or None if it must be given, lowest, highest). Lengths for texts, numbers
# of entries for lists. A kind that is a tuple lists the allowed texts.
_TOP = (
    ("device", "name", None, 1, 64),
    ("wifi", "section", {}, 0, 0),
    ("clock", "section", {}, 0, 0),
    ("dns", "section", {}, 0, 0),
    ("hub", "section", {}, 0, 0),
    ("tls", "section", {}, 0, 0),
    ("telemetry", "section", {}, 0, 0),
    ("memory", "section", {}, 0, 0),
    ("flash", "section", {}, 0, 0),
)
_SECTIONS = {
    "wifi": (
        ("networks", "networks", [], 0, 8),
        ("country", "text", "", 0, 2),
        ("hostname", "text", "{device}", 1, 32),
    ),
    "clock": (("servers", "servers", ["pool.ntp.org"], 0, 4),),
    "dns": (("servers", "addresses", [], 0, 4),),
    "telemetry": (
        ("qos", "number", 1, 0, 1),
        ("vitals_s", "number", limits.VITALS_S, 0, 86400),
    ),
    "memory": (
        ("outbox_len", "number", limits.OUTBOX_LEN, 512, 65536),
        ("receive_len", "number", limits.RX_LEN, 256, 65536),
        ("window", "number", limits.WINDOW, 1, 16),
    ),
    "flash": (
        ("messages_len", "number", limits.FLASH_LEN, 2 * limits.BLOCK_LEN, 4194304),
        ("messages_max", "number", limits.FLASH_COUNT, 128, 1000000),
        ("when_full", spool.POLICIES, spool.POLICIES[0], 0, 0),
    ),
}
_CA = ("ca", "files", None, 1, 4)
_PROOF = ("text", None, 1, 128)
_HUB = (
    ("type", hubs.NAMES, None, 0, 0),
    ("host", "host", None, 1, 253),
    ("port", "number", 8883, 1, 65535),
    ("keepalive_s", "number", limits.KEEPALIVE_S, limits.KEEPALIVE_MIN_S, limits.KEEPALIVE_MAX_S),
)
_NETWORK = (("ssid", "text", None, 1, 32), ("password", "text", "", 0, 63))

# Brackets within brackets; the deepest setting takes 4.
_DEPTH = 8


class ConfigError(ValueError):
    """All that is wrong with a configuration, one sentence a line."""


# The configuration with all defaults filled in, from the file's bytes. ConfigError if it is no good.
def parse(data):
    data = packets.to_bytes(data)
    if not _is_whole(data):
        raise ConfigError("the configuration is not JSON: cut off, or nested more than %d deep" % _DEPTH)
    try:
        given = json.loads(data)
    except ValueError as e:
        raise ConfigError("the configuration is not JSON: %s" % e)
    wrong = []
    config = _section("", given, _TOP, wrong)
    for name, fields in _SECTIONS.items():
        config[name] = _section(name + ".", config.get(name, {}), fields, wrong)
    config["hub"] = hub = _hub(config.get("hub", {}), wrong)
    # Which files prove the device is the hub's to say; the others are unknown settings.
    needed = hubs.module(hub["type"]).credentials(hub) if hub.get("type") in hubs.NAMES else ("cert", "key")
    proofs = tuple([(name,) + _PROOF for name in needed])
    config["tls"] = _section("tls.", config.get("tls", {}), (_CA,) + proofs, wrong)
    if not wrong:
        hubs.module(hub["type"]).Hub.check(hub, config["device"], wrong)
    # With less, what was flushed might be dropped from there while it is still in RAM.
    if not wrong and config["flash"]["messages_len"] < 2 * config["memory"]["outbox_len"]:
        least = 2 * config["memory"]["outbox_len"]
        given = config["flash"]["messages_len"]
        wrong.append("flash.messages_len: %d, expected %d, twice memory.outbox_len, or more" % (given, least))
    if wrong:
        raise ConfigError("\n".join(wrong))
    return config


# Are all brackets closed, and never more than _DEPTH open? MicroPython's json takes "{" for "{}", so a
# file that was cut off would lose its last settings silently.
def _is_whole(data):
    depth = 0
    in_text = escaped = False
    for b in data:
        if in_text:
            in_text = escaped or b != 0x22
            escaped = not escaped and b == 0x5C
        elif b == 0x22:
            in_text = True
        elif b in b"{[":
            depth += 1
        elif b in b"}]":
            depth -= 1
        if depth > _DEPTH:
            return False
    return depth == 0 and not in_text


# Complains about certificates and keys that cannot be used. read: f(name) -> bytes, or OSError.
# Returns {"ca": [bytes], "cert", "key", "secret": bytes or None}.
def read_credentials(config, read):
    wrong = []
    found = {
        "ca": [_der("tls.ca", name, read, wrong) for name in config["tls"]["ca"]],
    }
    for name, check in (("cert", _der), ("key", _der), ("secret", _base64)):
        file = config["tls"].get(name)
        found[name] = check("tls." + name, file, read, wrong) if file else None
    if wrong:
        raise ConfigError("\n".join(wrong))
    return found


def _der(setting, name, read, wrong):
    try:
        data = read(name)
    except OSError:
        wrong.append("%s: %s cannot be read, expected a DER file beside the configuration" % (setting, name))
        return b""
    if b"-----BEGIN" in data[:64]:
        wrong.append("%s: %s is PEM, expected DER (openssl converts: -outform DER)" % (setting, name))
    elif len(data) < 32 or data[0] != 0x30 or _der_len(data) not in (len(data), len(data.rstrip(b"\n"))):
        wrong.append("%s: %s is damaged or not DER, expected one DER structure" % (setting, name))
    return data


# A key of the hub's, as its console shows it. What is no base64 in it a2b_base64 would pass over.
def _base64(setting, name, read, wrong):
    try:
        data = read(name).strip()
        key = a2b_base64(data)
        if len(key) >= 16 and b2a_base64(key).strip() == data:
            return data
    except (OSError, ValueError):
        pass
    wrong.append(
        "%s: %s cannot be read, expected a key of 16 bytes or more in base64; "
        "of a connection string what follows SharedAccessKey=" % (setting, name)
    )
    return b""


# The length in bytes that a DER structure declares for itself, head included.
def _der_len(data):
    if not data[1] & 0x80:
        return 2 + data[1]
    n = data[1] & 0x7F
    return 2 + n + int.from_bytes(data[2 : 2 + n], "big") if n in (1, 2) else -1


def _hub(given, wrong):
    if not isinstance(given, dict):
        return _section("hub.", given, _HUB, wrong)
    if given.get("type") in hubs.NAMES:
        out = _section("hub.", given, _HUB + hubs.module(given["type"]).FIELDS, wrong)
        if out.get("password") and not out.get("user"):
            wrong.append("hub.password: given without hub.user, expected both (MQTT 3.1.1, 3.1.2.9)")
        return out
    # The other settings cannot be judged while the type is not known.
    return _section("hub.", {k: given[k] for k in given if k == "type"}, _HUB[:1], wrong)


def _section(prefix, given, fields, wrong):
    if not isinstance(given, dict):
        name = prefix[:-1] or "configuration"
        wrong.append("%s: %s, expected an object of settings" % (name, _show(given)))
        return {}
    known = [field[0] for field in fields]
    for name in given:
        if name not in known:
            known_text = ", ".join(known)
            wrong.append("%s%s: unknown setting, expected one of %s" % (prefix, name, known_text))
    out = {}
    for name, kind, default, low, high in fields:
        if name in given:
            out[name] = _value(prefix + name, given[name], kind, low, high, wrong)
        elif default is None:
            wrong.append("%s%s: missing, expected %s" % (prefix, name, _expected(kind, low, high)))
        else:
            out[name] = list(default) if isinstance(default, list) else default
    return out


def _value(setting, value, kind, low, high, wrong):
    if kind == "section":
        return value
    if isinstance(kind, tuple):
        good = value in kind
    else:
        good = _CHECKS[kind](value, low, high)
    if not good:
        wrong.append("%s: %s, expected %s" % (setting, _show(value), _expected(kind, low, high)))
    elif kind == "networks":
        value = [_section("%s[%d]." % (setting, i), each, _NETWORK, wrong) for i, each in enumerate(value)]
    return value


# The text as MQTT can carry it (1.5.3): UTF-8 without U+0000 and half surrogate pairs. None if it cannot.
def _utf8(value):
    try:
        data = value.encode()
    except (AttributeError, ValueError):
        return None
    return data if packets.is_utf8(data, 0, len(data)) else None


def _is_text(value, low, high):
    data = _utf8(value)
    return data is not None and low <= len(data) <= high


def _is_number(value, low, high):
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_name(value, low, high):
    return _is_text(value, low, high) and not any(c in value for c in "/+#{} \t\n")


def _is_id(value, low, high):
    return _is_text(value, low, high) and not any(c in value for c in "/+#")


def _is_topic(value, low, high):
    data = _utf8(value)
    return _is_text(value, low, high) and (not data or packets.is_topic(data, 0, len(data)))


def _is_filter(value, low, high):
    return _is_text(value, low, high) and (value == "" or packets.is_filter(_utf8(value)))


def _is_host(value, low, high):
    return _is_text(value, low, high) and all(0 < len(label) < 64 for label in value.split("."))


def _is_server(value):
    if not _is_text(value, 1, 260):
        return False
    host, colon, port = value.partition(":")
    return _is_host(host, 1, 253) and (not colon or dns.is_port(port))


def _is_address(value):
    return _is_server(value) and dns.is_address(value.partition(":")[0])


def _is_list(value, low, high):
    return isinstance(value, list) and low <= len(value) <= high


_CHECKS = {
    "text": _is_text,
    "number": _is_number,
    "flag": lambda value, low, high: isinstance(value, bool),
    "name": _is_name,
    "id": _is_id,
    "topic": _is_topic,
    "filter": _is_filter,
    "host": lambda value, low, high: _is_host(value, low, high) and ":" not in value and "/" not in value,
    "servers": lambda value, low, high: _is_list(value, low, high) and all(_is_server(v) for v in value),
    "addresses": lambda value, low, high: _is_list(value, low, high) and all(_is_address(v) for v in value),
    "files": lambda value, low, high: _is_list(value, low, high) and all(_is_text(v, 1, 128) for v in value),
    "networks": _is_list,
}
_EXPECTED = {
    "text": "a text of %d to %d bytes",
    "number": "a whole number from %d to %d",
    "flag": "true or false",
    "name": "a name of %d to %d bytes without / + # { } or spaces",
    "id": "a name of %d to %d bytes without / + #",
    "topic": "a topic of %d to %d bytes without + and #",
    "filter": "a topic filter of %d to %d bytes",
    "host": "a host name or IPv4 address of %d to %d bytes",
    "servers": 'a list of %d to %d texts "host" or "host:port"',
    "addresses": 'a list of %d to %d IPv4 addresses, "address" or "address:port"',
    "files": "a list of %d to %d file names",
    "networks": "a list of %d to %d objects with ssid and password",
    "section": "an object of settings",
}


def _expected(kind, low, high):
    if isinstance(kind, tuple):
        return "one of " + ", ".join(kind)
    text = _EXPECTED[kind]
    return text % (low, high) if "%" in text else text


def _show(value):
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."
