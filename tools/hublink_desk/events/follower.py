"""The one place where everything comes together: sources hand records in, and each new one is shown once.

Whoever hands in, in any thread, waits until its records are shown; so nothing piles up, and what a webhook
acknowledges was seen. What is known is kept in a file, so that it is known after a restart, too.
"""

import contextlib
import json
import queue
import threading
import time
from collections import Counter
from typing import NamedTuple

from ..errors import DeskError
from ..files import write
from .order import Order

COUNTED = ("shown", "filtered", "duplicate", "late", "unparsed")
_SAVE_S = 1.0  # what is known is written at most so often
_STEP_S = 0.2  # how soon those that wait see that all has ended


class _Batch(NamedTuple):
    records: list
    shown: threading.Event


class Follower:
    """
    Args:
        wants: called with a Record: is it to be shown?
        show: called with a Record and True if something newer is known already.
        path: Path of the file that keeps what is known; None: nothing is kept.

    Attributes:
        order: Order, what is known.
        counts: Counter of records, by COUNTED; each is one of the first three.

    Raises:
        DeskError: the file cannot be used.
    """

    def __init__(self, wants, show, path=None):
        self._wants, self._show, self._path = wants, show, path
        self.order, self.counts = _load(path), Counter()
        self._inbox = queue.SimpleQueue()  # whose `put` a signal handler may call
        self._has_ended = False
        # Seconds that only grow; None: there is nothing to write. Whether it can be written shows at once.
        self._save_at = None if path is None else 0.0
        self._save()

    def take(self, records):
        """Show them, in the thread that runs. Returns when they are, True, or when all has ended, False."""
        batch = _Batch(records, threading.Event())
        self._inbox.put(batch)
        while not batch.shown.wait(_STEP_S):
            if self._has_ended:
                return False
        return True

    def end(self):
        """Make `run` return; from any thread, or a signal handler."""
        self._inbox.put(None)

    def run(self):
        """Show what comes until `end`. Raises DeskError if the file cannot be written."""
        try:
            while True:
                batch = self._next()
                if batch is None:
                    return
                for record in batch.records:
                    self._take(record)
                batch.shown.set()
        finally:
            self._has_ended = True
            self._save()

    def _next(self):
        while True:
            wait_s = None
            if self._save_at is not None:
                wait_s = self._save_at - time.monotonic()
                if wait_s <= 0:
                    self._save()
                    continue
            with contextlib.suppress(queue.Empty):
                return self._inbox.get(timeout=wait_s)

    def _take(self, record):
        if self.order.knows(record):
            self.counts["duplicate"] += 1
            return
        is_late = self.order.is_late(record)
        is_wanted = self._wants(record)
        if is_wanted:
            self._show(record, is_late)
        self.order.note(record)  # now that it was shown
        self.counts["shown" if is_wanted else "filtered"] += 1
        self.counts["late"] += is_late
        self.counts["unparsed"] += record.event.code == "unparsed"
        if self._path is not None and self._save_at is None:
            self._save_at = time.monotonic() + _SAVE_S

    def _save(self):
        if self._save_at is not None:
            write(self._path, json.dumps(self.order.as_dict(), separators=(",", ":")).encode() + b"\n")
        self._save_at = None


def _load(path):
    if path is None or not path.exists():
        return Order()
    try:
        return Order.from_dict(json.loads(path.read_bytes()))
    except OSError as error:
        raise DeskError(f"{path} cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        hint = "name another file; it is made if it is not there"
        raise DeskError(f"{path} holds no state of `hublink events`.", hint) from error
