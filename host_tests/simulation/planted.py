"""Sixteen bugs, each a small change of the firmware's text: the simulator must find every one.

Nothing of this reaches a device. A change that no longer fits the firmware's text is an error, so that the
list cannot quietly become empty.
"""

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from hublink_desk import paths

from .forecast import forecast
from .simulate import simulate

_SESSION, _UPLINK, _OUTBOX = "protocol/session.py", "uplink.py", "outbox.py"

# What is wrong: (file below firmware/hublink, text, what stands in its place).
BUGS = {
    "acknowledge before sending": (
        _SESSION,
        "        outbox.sent(record)\n",
        "        outbox.sent(record)\n"
        "        if buf[at] & 6:\n"
        "            self._leave(self._slot(packets.publish_id(buf, at)))\n"
        "            self.in_flight -= 1\n",
    ),
    "forget DUP": (
        _SESSION,
        "packets.set_publish_id(outbox.buf, at, packet_id, again)",
        "packets.set_publish_id(outbox.buf, at, packet_id, False)",
    ),
    "wrong id wrap": (_SESSION, "self._last_id % 65535 + 1", "self._last_id % 65536 + 1"),
    "reuse an id in flight": (
        _SESSION,
        "self._last_id = self._last_id % 65535 + 1\n            if not self._is_used(self._last_id):",
        "self._last_id = self._last_id % 4 + 1\n            if self._last_id:",
    ),
    "skip the ping deadline": (
        _SESSION,
        'left = self._deadline("ping_timeout", self._ping_ms, limits.PING_REPLY_MS, left, now_ms)',
        "pass",
    ),
    "feed the watchdog from a timer": (
        "device/watchdog.py",
        "self._wdt = self._board.watchdog(self._timeout_ms)",
        # The simulated boards have no timer of their own: this one is the world's (unix has none at all).
        "self._wdt = self._board.watchdog(self._timeout_ms)\n"
        "        world = getattr(self._wdt, '_world', None)\n"
        "        def feed():\n"
        "            world.arm_watchdog(self._timeout_ms)\n"
        "            world.clock.after(1000, feed)\n"
        "        if world:\n"
        "            feed()",
    ),
    "forget to rewind the outbox": (_OUTBOX, "        self.waiting = self.count\n", "        return\n"),
    "retry without backoff": (
        "backoff.py",
        "delay_ms = random % (self.ceiling_ms + 1)",
        "delay_ms = 0",
    ),
    "deliver QoS 2 twice": (
        _SESSION,
        "if is_held and (message.dup or not self._in_doubt):",
        "if False:",
    ),
    "keep paused after a reconnect": (
        _UPLINK,
        "            self._pause()\n            return self._go(link.HUB_UP, now_ms)",
        "            if not self.link.online_count:\n"
        "                self._pause()\n"
        "            return self._go(link.HUB_UP, now_ms)",
    ),
    "trust DNS for ever": (
        "net/resolver.py",
        "if cached and uptime_s < cached[1]:",
        "if cached:",
    ),
    "ignore the window": (_SESSION, "if used and used + cost > self._unacked_max_len:", "if False:"),
    "flush nothing": (
        "spool.py",
        "        self._failed = False\n        return self._spill()",
        "        return True",
    ),
    "forget what is on flash too early": (
        "spool.py",
        "if self._sending.done() >= self._checked:",
        "if True:",
    ),
    "lose the torn tail": (
        "journal.py",
        "                        at += 1\n                        damage += 1\n",
        "                        self._next_seq = first\n                        return\n",
    ),
    "compare ticks as numbers": (
        "ticks.py",
        "    d = (a - b) & MASK\n    return d if d < _HALF else d - MASK - 1",
        "    return a - b",
    ),
}


@contextmanager
def planted(name):
    """While it lasts, the simulated devices run firmware with that bug."""
    file, text, instead = BUGS[name]
    original = paths.FIRMWARE
    folder = Path(tempfile.mkdtemp(prefix="hublink-planted-"))
    try:
        firmware = folder / "firmware"
        shutil.copytree(original, firmware, ignore=shutil.ignore_patterns("__pycache__"))
        path = firmware / "hublink" / file
        source = path.read_text("utf-8")
        if source.count(text) != 1:
            raise ValueError(
                f"{name}: {file} holds the text {source.count(text)} times, expected once: {text!r}"
            )
        path.write_text(source.replace(text, instead), "utf-8")
        paths.FIRMWARE = firmware
        yield
    finally:
        paths.FIRMWARE = original
        shutil.rmtree(folder)


def seeds_until_found(name, most):
    """How many seeds, from 0 on, the simulator takes to find that bug; None if it is more than most."""
    with planted(name):
        return next((seed + 1 for seed in range(most) if simulate(forecast(seed)).failure), None)
