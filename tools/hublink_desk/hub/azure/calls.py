"""Calls of direct methods that wait for their answer (hub-dialects 5.2)."""

import itertools
import json
from concurrent.futures import Future

from ...errors import DeskError


class Calls:
    """Future answers by device and request ID. A call that is given up is forgotten."""

    def __init__(self):
        self._waiting, self._numbers = {}, itertools.count(1)

    def open(self, device):
        """(request ID, Future of the answer)."""
        rid, answer = f"{next(self._numbers):x}", Future()
        self._waiting[device, rid] = answer
        answer.add_done_callback(lambda _: self._waiting.pop((device, rid), None))
        return rid, answer

    def answer(self, device, rid, status, payload):
        """Take an answer. Returns False if nobody waits for it, or no longer."""
        waiting = self._waiting.get((device, rid))
        if waiting is None or not waiting.set_running_or_notify_cancel():
            return False
        try:
            waiting.set_result({"status": status, "payload": json.loads(payload) if payload else None})
        except (ValueError, RecursionError):
            waiting.set_exception(DeskError(f"{device!r} answered with {payload!r}; expected JSON."))
        return True
