"""What is to be said of a board that was examined: findings, as `hublink config check` has them."""

import time
from dataclasses import replace

from cryptography import x509

from .. import device_code
from ..check.files import complaint, dates, parsed
from ..check.finding import ERROR, OK, WARNING, Finding
from ..deploy import plan, versions

_CLOCK_OFF_S = 60  # certificates are judged by the board's clock
_FLASH_LOW = 0.1  # of the whole, free
_REDEPLOY = "hublink deploy"


def report(found, now_s=None):
    """Yield the Findings about a board.

    Args:
        found: Examined.
        now_s: Unix seconds; by default the desk's.
    """
    about, health = found.about, found.health
    yield Finding(OK, "board", f"{about['build'] or 'unknown build'}, {about['machine']}")
    yield from _micropython(about)
    yield _hublink(found)
    yield Finding(OK, "reset", _reset(found))
    yield from _crash(found.notes)
    yield _heap(health)
    yield _flash(about)
    yield from _files(found)
    yield from _config(found.config)
    yield from _certificates(found)
    yield _radio(health)
    yield _clock(health["time_s"] - (time.time() if now_s is None else now_s))


def _micropython(about):
    version = versions.text(about["version"])
    if tuple(about["version"])[:2] < versions.FLOOR:
        text = f"{version}, expected {versions.text(versions.FLOOR)} or later"
        yield Finding(ERROR, "micropython", text, "`hublink flash` puts a newer one on it", "too_old")
        return
    yield Finding(OK, "micropython", version)
    for warning in versions.warnings(about):
        yield Finding(WARNING, "micropython", warning, code="known_hang")


def _hublink(found):
    if not found.hublink:
        return Finding(ERROR, "hublink", "cannot be imported", _REDEPLOY, "no_hublink")
    if found.mode is None:
        return Finding(ERROR, "hublink", "its board module cannot be imported", _REDEPLOY, "no_board")
    if found.mode:
        hint = "to leave it: import hublink; hublink.maintenance(False)"
        return Finding(WARNING, "hublink", f"{found.hublink}, in maintenance mode", hint, "maintenance")
    return Finding(OK, "hublink", found.hublink)


def _reset(found):
    cause = found.health.get("cause", "unknown cause")
    return f"{cause}, boot {found.notes.get('boot', 'unknown')}"


def _crash(notes):
    bad = notes.get("bad", 0)
    if bad:
        yield Finding(WARNING, "crash", f"{bad} starts in a row were over too soon", code="crashes")
    crash = notes.get("crash")
    if not (crash and isinstance(crash, dict)):
        yield Finding(OK, "crash", "none that the hub was not told of")
        return
    detail = ", ".join(f"{name} {value}" for name, value in crash.items() if name != "error")
    error = str(crash.get("error") or "").strip()
    text = f"{detail}\n{error}" if error else detail
    yield Finding(WARNING, "crash", text, code="crash")


def _heap(health):
    free, used = health["heap_free"], health["heap_used"]
    text = f"{free:,} bytes free of {free + used:,}"
    largest = health.get("largest_block")
    return Finding(OK, "heap", text if largest is None else f"{text}; largest block for TLS {largest:,}")


def _flash(about):
    free, total = about["flash_free"], about["flash_len"]
    level = WARNING if free < total * _FLASH_LOW else OK
    return Finding(
        level, "flash", f"{free:,} bytes free of {total:,}", code="" if level == OK else "flash_full"
    )


def _files(found):
    about = found.about
    if plan.PLAN in about["files"]:
        text = "a new version is half in place"
        yield Finding(ERROR, "files", text, "`hublink logs` says what boot.py complains of", "half_deployed")
    if not found.deployed:
        yield Finding(
            WARNING, "files", f"{len(about['files'])}, not put there by {_REDEPLOY}", code="by_hand"
        )
        return
    for path in found.changed:
        what = "was changed" if path in about["files"] else "is missing"
        yield Finding(WARNING, "files", f"{path} {what} since it was deployed", _REDEPLOY, "changed")
    places = plan.sources(found.deployed, about["files"], about["folders"], about["path"], found.image)
    for name, place in places.items():
        if place not in found.deployed:
            yield Finding(WARNING, "files", f"module {name} is loaded from {place}", _REDEPLOY, "hidden")
    yield Finding(OK, "files", f"{len(found.deployed)} deployed, {len(found.changed)} changed since")


def _config(data):
    if data is None:
        yield Finding(ERROR, "config", "there is no config.json", "hublink deploy --config", "no_config")
        return
    try:
        settings = device_code.parse(data)
    except device_code.Refused as refused:
        yield from (_without_secret(complaint(text)) for text in refused.complaints)
        return
    hub = settings["hub"]
    yield Finding(OK, "config", f"{settings['device']} at {hub['type']} {hub['host']}:{hub['port']}")


def _without_secret(finding):
    """The checker says what was given, and a password may be among it."""
    _, comma, expected = finding.text.rpartition(", expected ")
    if comma and ("password" in finding.what or finding.what.startswith("wifi.networks")):
        return replace(finding, text=f"not shown here, expected {expected}")
    return finding


def _certificates(found):
    for name, data in found.certificates.items():
        if data is None:
            yield _missing(name)
            continue
        complaints = []
        cert = parsed(name, data, x509.load_der_x509_certificate, complaints)
        yield from complaints
        if cert:
            yield dates(name, cert, "renew it: hublink device renew")
    for name, is_there in found.keys.items():
        yield Finding(OK, name, "is there") if is_there else _missing(name)


def _missing(name):
    return Finding(
        ERROR, name, "is missing, though config.json names it", "hublink deploy --config", "missing"
    )


def _radio(health):
    radio = health.get("radio")
    if not radio:
        return Finding(ERROR, "radio", health["radio_trouble"], "take the power away for a moment", "radio")
    if not radio["joined"]:
        text = f"not joined, status {radio['status']}"
        return Finding(WARNING, "radio", text, "`hublink logs` says why", "not_joined")
    return Finding(OK, "radio", f"joined, {radio['address']}, {radio.get('rssi')} dBm")


def _clock(off_s):
    text = f"{abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} this desk's"
    if abs(off_s) > _CLOCK_OFF_S:
        return Finding(WARNING, "clock", text, "the board sets it when it is on its network", "clock")
    return Finding(OK, "clock", text)
