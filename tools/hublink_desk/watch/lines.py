"""What has changed in a fleet, as one line for a person, or of JSON. Pure."""

import json
from datetime import datetime, timezone

from ..text import printable
from .reading import short


def json_line(change):
    """One line of JSON, without a line end."""
    return json.dumps(change)


def line(change):
    """One line of text, without a line end, for what Fleet says has changed."""
    who = change.get("device") or "hub"
    at = datetime.fromtimestamp(change["at_s"], timezone.utc)
    return printable(f"{at:%H:%M:%S} {who}: {_TEXTS[change['what']](change)}")


def _telemetry(change):
    dropped = f", {change['dropped']} dropped" if "dropped" in change else ""
    return f"{change['name']} {short(change['data'])} (boot {change['boot']}, seq {change['seq']}{dropped})"


def _lost(change):
    first, last = change["first"], change["last"]
    numbers = f"seq {first}" if first == last else f"seq {first} to {last}"
    return f"{last - first + 1} lost: boot {change['boot']}, {numbers}"


def _event(change):
    about = f" about {change['object_id']}" if change["object_id"] else ""
    return f"hub reports {change['severity']} {change['code']}{about}: {change['message'] or ''}"


def _forgotten(change):
    silent_s, devices_max = change["silent_s"], change["devices_max"]
    return f"forgotten after {silent_s:.0f} s of silence: there are more than {devices_max} devices"


_TEXTS = {
    "listening": lambda change: "listening",
    "online": lambda change: "online",
    "offline": lambda change: "OFFLINE",
    "telemetry": _telemetry,
    "vitals": _telemetry,
    "troubles": _telemetry,
    "crash": _telemetry,
    "lost": _lost,
    "late": lambda change: f"late: boot {change['boot']}, seq {change['seq']}",
    "twice": lambda change: f"twice: boot {change['boot']}, seq {change['seq']}",
    "event": _event,
    "unreadable": lambda change: f"unreadable: {change['reason']}",
    "forgotten": _forgotten,
}
