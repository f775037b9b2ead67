"""What the payloads of devices say. Pure; any bytes may come, and nothing but Unreadable is raised."""

import json
import math

# Of the vitals, those that are shown (firmware/hublink: device/vitals.py, node.py).
VITALS = (
    "up_s",
    "heap_free",
    "heap_low",
    "rssi",
    "chip_c",
    "online",
    "failed",
    "lost",
    "cert_days",
    "ca_days",
)
_KEYS = ("time", "boot", "seq", "name", "data", "dropped")
_NUMBER_MAX = 2**63
_DEPTH_MAX = 16  # of lists and objects in each other; a device sends four at most
_NAME_MAX = 64  # characters kept of a name
_TEXT_MAX = 200  # of anything else


class Unreadable(ValueError):
    """A payload is not what hublink's devices send; the text says why."""


def status(payload):
    """What a device says of its presence: (is it online, version of its firmware or "")."""
    said = _fields(payload)
    if not isinstance(said.get("online"), bool):
        raise Unreadable("status without online")
    version = said.get("version")
    return said["online"], short(version) if isinstance(version, str) else ""


def telemetry(payload):
    """A message as a dict: `time`, `boot`, `seq`, `name`, `data`, and `dropped` if it has that."""
    said = _fields(payload)
    for key, least in (("boot", 0), ("seq", 1)):
        if not _is_count(said.get(key), least):
            raise Unreadable(f"telemetry without {key}")
    if not isinstance(said.get("name"), str) or "data" not in said:
        raise Unreadable("telemetry without name or data")
    return {key: said[key] for key in _KEYS if key in said} | {"name": said["name"][:_NAME_MAX]}


def vitals(data):
    """Those of the numbers in vitals that are known."""
    told = _named(data)
    return {key: told[key] for key in VITALS if _is_number(told.get(key))}


def troubles(data):
    """What went wrong and how often, for people."""
    return short(", ".join(f"{reason} {count}x" for reason, count in _named(data).items()))


def crash(data):
    """(number of the start that crashed or None, what is told of it for people)."""
    told = _named(data)
    error = str(told.get("error") or "").strip().rpartition("\n")[2]
    boot = told.get("boot")
    text = ": ".join(filter(None, (str(told.get("cause") or ""), error)))
    return boot if _is_count(boot, 0) else None, short(text)


def short(value):
    """A text, or what JSON says of another value, of bounded length."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return text if len(text) <= _TEXT_MAX else f"{text[: _TEXT_MAX - 3]}..."


def _named(data):
    return data if isinstance(data, dict) else {}


def _fields(payload):
    try:
        said = json.loads(payload, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Unreadable("no JSON") from error
    if not isinstance(said, dict):
        raise Unreadable("no JSON object")
    if _is_deep(said):
        raise Unreadable("nested too deep")
    return said


def _is_deep(value):
    level = [value]
    for _ in range(_DEPTH_MAX):
        insides = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for inside in insides for each in inside if isinstance(each, (dict, list))]
    return bool(level)


def _is_count(value, least):
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < _NUMBER_MAX


def _is_number(value):
    is_one = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_one and -_NUMBER_MAX < value < _NUMBER_MAX


def _refuse(word):
    raise ValueError(word)  # NaN and its like are no JSON


def _finite(text):
    value = float(text)
    if math.isinf(value):
        raise ValueError(text)
    return value
