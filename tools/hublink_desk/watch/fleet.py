"""What is known of a fleet: messages go in, and what has changed comes out.

Pure: times are Unix seconds of arrival, handed in. Whatever comes, the memory it takes is bounded.
"""

from dataclasses import asdict, dataclass, field

from . import reading
from .series import Series

DEVICES_MAX = 1000
_NAME_LEN = 64  # bytes: the firmware takes no longer names
_STARTS_MAX = 4  # of one device whose numbers are kept


@dataclass
class Device:
    """One device, as far as it was heard. Times (`_s`) are Unix seconds, None: never, or nobody knows.

    Attributes:
        is_online: None if it has not been heard of.
        since_s: when that began; None if it was so before anybody listened.
        births: how often it said that it is online.
        name, data, data_s: of the last telemetry of its own, data as a short text.
        boot, seq: of the last message.
        lost, twice: messages that are missing by their numbers, and that came again.
        vitals: dict of its last vitals.
        trouble, crash, event: the last one, for people.
        crashes, events: how many.
        crash_boot: number of the start that crashed last.
        unreadable: messages that made no sense.
    """

    heard_s: float
    is_online: bool | None = None
    since_s: float | None = None
    births: int = 0
    version: str = ""
    name: str = ""
    data: str = ""
    data_s: float | None = None
    boot: int | None = None
    seq: int | None = None
    lost: int = 0
    twice: int = 0
    vitals: dict = field(default_factory=dict)
    trouble: str = ""
    trouble_s: float | None = None
    crashes: int = 0
    crash_boot: int | None = None
    crash: str = ""
    crash_s: float | None = None
    events: int = 0
    event: str = ""
    event_s: float | None = None
    unreadable: int = 0


class Fleet:
    """All devices that were heard.

    What takes something in returns a list of dicts, one for each thing that has changed: `at_s`, `what` and,
    unless it is about none, `device`.

    Args:
        devices_max: of more than so many the longest silent is forgotten.

    Attributes:
        devices: dict of name -> Device.
    """

    def __init__(self, devices_max=DEVICES_MAX):
        self.devices = {}  # the longest silent first
        self._devices_max = devices_max
        self._starts = {}  # name -> {boot: Series}, the last used one last
        self._unsure = set()  # names of those that may have sent something that nobody listened to

    def as_dict(self):
        """dict of name -> what is known, in values of JSON."""
        return {name: asdict(device) for name, device in sorted(self.devices.items())}

    # --- what comes ---

    def listening(self, at_s):
        """From now on it is listened. Who has left before is not known, nor what was sent before."""
        self._unsure = set(self.devices)
        for device in self.devices.values():
            device.is_online = device.since_s = None
        return [_change(at_s, "listening")]

    def status(self, at_s, name, payload, is_retained):
        """A birth, a farewell or a last will."""

        def read(device):
            is_online, version = reading.status(payload)
            device.version = version or device.version
            if is_online and not is_retained:
                device.births += 1
            elif is_online == device.is_online:
                return []
            return [_present(device, at_s, name, is_online, is_retained)]

        return self._heard(at_s, name, read)

    def telemetry(self, at_s, name, payload, is_retained):
        """A message with a number. A retained one is old: it says nothing of numbers and presence."""

        def read(device):
            message = reading.telemetry(payload)
            if is_retained:
                return [_said(device, at_s, name, message)]
            changes = [] if device.is_online else [_present(device, at_s, name, True, False)]
            missing = self._series(name, message["boot"]).take(message["seq"])
            changes += _counted(device, at_s, name, message, missing)
            return changes if missing is None else [*changes, _said(device, at_s, name, message)]

        return self._heard(at_s, name, read)

    def event(self, at_s, name, event):
        """A report of the hub's, an Event of the firmware. name: of the device, None if it is about none."""
        details = {"code": event.code, "severity": event.severity, "message": event.message}
        change = _change(at_s, "event", name, object_id=event.object_id, **details)

        def read(device):
            device.events += 1
            device.event = reading.short(": ".join(filter(None, (event.code, event.message))))
            device.event_s = at_s
            return [change]

        return self._heard(at_s, name, read) if name else [change]

    # --- of one device ---

    def _heard(self, at_s, name, read):
        """What read(its Device) returns; the device is now the one that was heard last."""
        if not 0 < len(name.encode()) <= _NAME_LEN:
            return [_change(at_s, "unreadable", reason=f"name of {len(name.encode())} bytes")]
        device = self.devices.pop(name, None) or Device(at_s)
        self.devices[name], device.heard_s = device, at_s
        try:
            changes = read(device)
        except reading.Unreadable as error:
            device.unreadable += 1
            changes = [_change(at_s, "unreadable", name, reason=str(error))]
        if len(self.devices) > self._devices_max:
            changes.append(self._forget(at_s, next(iter(self.devices))))
        return changes

    def _forget(self, at_s, name):
        silent_s = at_s - self.devices.pop(name).heard_s
        self._starts.pop(name, None)
        self._unsure.discard(name)
        return _change(at_s, "forgotten", name, silent_s=silent_s, devices_max=self._devices_max)

    def _series(self, name, boot):
        """The Series of a start."""
        starts = self._starts.setdefault(name, {})
        is_sure = bool(starts) and name not in self._unsure
        if not is_sure:
            self._unsure.discard(name)
            for each in starts.values():
                each.skip()
        # A start that was listened to from its beginning has number 1 first.
        begins = is_sure and boot > next(reversed(starts))
        starts[boot] = starts.pop(boot, None) or Series(0 if begins else None)
        if len(starts) > _STARTS_MAX:
            del starts[next(iter(starts))]
        return starts[boot]


# --- a Device, and what has changed with it ---


def _present(device, at_s, name, is_online, is_retained):
    device.is_online, device.since_s = is_online, None if is_retained else at_s
    return _change(at_s, "online" if is_online else "offline", name)


def _counted(device, at_s, name, message, missing):
    """Count what a number tells. missing: of Series.take."""
    boot, seq = message["boot"], message["seq"]
    if missing is None:
        device.twice += 1
        return [_change(at_s, "twice", name, boot=boot, seq=seq)]
    device.lost += missing
    if missing > 0:
        return [_change(at_s, "lost", name, boot=boot, first=seq - missing, last=seq - 1)]
    return [_change(at_s, "late", name, boot=boot, seq=seq)] if missing else []


def _said(device, at_s, name, message):
    """Note what a message says; what arrives last counts, whatever its number."""
    kind, data = message["name"], message["data"]
    device.boot, device.seq = message["boot"], message["seq"]
    if kind == "vitals":
        device.vitals = reading.vitals(data)
    elif kind == "troubles":
        device.trouble, device.trouble_s = reading.troubles(data), at_s
    elif kind == "crash":
        boot, text = reading.crash(data)
        if boot is None or boot != device.crash_boot:  # a report may come again, renumbered
            device.crashes += 1
        device.crash_boot, device.crash, device.crash_s = boot, text, at_s
    else:
        device.name, device.data, device.data_s = kind, reading.short(data), at_s
        kind = "telemetry"
    return _change(at_s, kind, name, **message)


def _change(at_s, what, device=None, /, **details):
    about = {} if device is None else {"device": device}
    return {"at_s": at_s, "what": what, **about, **details}
