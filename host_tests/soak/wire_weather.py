"""The simulator's plans, shortened, as a real process can have them: faults of a proxy, and power cuts."""

from dataclasses import dataclass

from host_tests.simulation.forecast import forecast

_DELAY_MAX_MS = 3000
_LASTS_MIN_S = 0.5
_MOMENTS = ("drop", "corrupt", "half-open")  # what else begins also ends
# What each element of the weather becomes here; what is not listed has no meaning for a proxy.
_FAULTS = {
    **dict.fromkeys(("stall", "interference", "no lease", "deaf", "mute", "no acks", "dns"), "stall"),
    **dict.fromkeys(("wifi off", "hub off", "distrust", "connack", "no sockets"), "cut"),
    **dict.fromkeys(("latency", "slow"), "delay"),
    **dict.fromkeys(("drop", "session lost", "oversized", "burst"), "drop"),
    **dict.fromkeys(("garbage", "raw"), "corrupt"),
    **dict.fromkeys(("power cut", "flash cut", "hang"), "power"),
    "hub forgets": "half-open",
}


@dataclass(frozen=True, order=True)
class Change:
    """at_s: seconds after the start; fault: of _FAULTS' values; begins: or it ends; value: delay in ms."""

    at_s: float
    fault: str
    begins: bool
    value: int = 0


def changes(seed, for_s, sooner=20, longest_s=60):
    """What happens in the next for_s seconds: Changes in order of time; all that begins also ends.

    Args:
        seed: of the first plan; where it is over, the next seed's begins.
        sooner: by which factor faults come sooner than in the plan.
        longest_s: how long one lasts at most.
    """
    found, begin_s = [], 0.0
    while begin_s < for_s:
        plan = forecast(seed)
        for event in plan.events:
            at_s = begin_s + event.at_s / sooner
            if event.kind in _FAULTS and at_s < for_s:
                found += _both(event, at_s, min(event.for_s, longest_s))
        begin_s += plan.end_s / sooner
        seed += 1
    return sorted(found)


def _both(event, at_s, lasts_s):
    fault = _FAULTS[event.kind]
    value = min(event.value, _DELAY_MAX_MS) if fault == "delay" else 0
    yield Change(at_s, fault, True, value)
    if fault not in _MOMENTS:
        yield Change(at_s + max(lasts_s, _LASTS_MIN_S), fault, False, value)
