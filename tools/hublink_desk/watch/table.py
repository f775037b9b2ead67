"""What is known of a fleet, as a table on a terminal."""

from rich import box
from rich.table import Table
from rich.text import Text

from ..text import printable

_FIXED = ("device", "state")  # are not folded
_OTHERS = ("last telemetry", "boot/seq", "lost", "vitals", "went wrong")
_SOON_DAYS = 30
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))
_STATES = {True: ("online", "green"), False: ("OFFLINE", "red"), None: ("?", "dim")}


def table(fleet, now_s, title, problem=None):
    """A rich Table; who is offline is on top.

    Args:
        fleet: Fleet.
        now_s: Unix seconds.
        title: where the fleet was heard.
        problem: why nothing is heard now, if that is so.
    """
    devices = fleet.devices
    online = sum(bool(device.is_online) for device in devices.values())
    title = Text(f"{printable(title)}: {online} of {len(devices)} online", "bold")
    made = Table(title=title, title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD)
    for name in _FIXED:
        made.add_column(name, no_wrap=True)
    for name in _OTHERS:
        made.add_column(name)
    for name in sorted(devices, key=lambda name: (devices[name].is_online is not False, name)):
        made.add_row(Text(printable(name)), *_cells(devices[name], now_s))
    if problem:
        made.caption = Text(f"{printable(problem)}; what is above may be old", "red")
    return made


def age(duration_s):
    """Seconds in the unit that a person would take, as in "12 min"."""
    for unit, unit_s in _UNITS:
        if duration_s >= 2 * unit_s:
            return f"{duration_s // unit_s:.0f} {unit}"
    return f"{max(0, duration_s):.0f} s"


def _cells(device, now_s):
    """A rich Text for each column but the first."""
    word, style = _STATES[device.is_online]
    yield Text(word if device.since_s is None else f"{word} {age(now_s - device.since_s)}", style)
    yield Text(_aged(f"{device.name} {device.data}".strip(), device.data_s, now_s))
    yield Text("" if device.boot is None else f"{device.boot}/{device.seq}")
    yield Text(_lost(device), "red" if device.lost else "")
    yield _vitals(device.vitals)
    yield Text("\n").join(_wrong(device, now_s))


def _lost(device):
    counts = ((device.twice, "twice"), (device.unreadable, "unreadable"))
    return ", ".join((str(device.lost), *(f"{count} {what}" for count, what in counts if count)))


def _vitals(vitals):
    """Signal, reconnects, heap, and the first of the certificates to expire."""
    words = []
    if "rssi" in vitals:
        words.append(Text(f"{vitals['rssi']:.0f} dBm"))
    if vitals.get("online", 0) > 1:
        words.append(Text(f"{vitals['online'] - 1:.0f} reconnects"))
    if "heap_free" in vitals:
        words.append(Text(f"{vitals['heap_free'] / 1000:,.0f} kB free"))
    days = min((vitals[key] for key in ("cert_days", "ca_days") if key in vitals), default=None)
    if days is not None:
        words.append(Text(f"{days:.0f} d to expiry", "red" if days < _SOON_DAYS else ""))
    return Text(", ").join(words)


def _wrong(device, now_s):
    if device.crashes:
        many = f"{device.crashes} crashes, the last: " if device.crashes > 1 else "crash: "
        yield Text(many + _aged(device.crash, device.crash_s, now_s), "red")
    if device.trouble:
        yield Text(f"trouble: {_aged(device.trouble, device.trouble_s, now_s)}", "yellow")
    if device.events:
        many = f"{device.events} hub events, the last: " if device.events > 1 else "hub event: "
        yield Text(many + _aged(device.event, device.event_s, now_s), "yellow")


def _aged(text, at_s, now_s):
    return printable(text) if at_s is None else f"{printable(text)}, {age(now_s - at_s)} ago"
