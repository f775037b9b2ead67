"""What a board has printed."""

import threading

_LINES_KEPT = 50_000  # at least; bounded, so that a board may run for weeks
_LINES_QUOTED = 20


class Log:
    """The lines of a board, for several threads: one adds, others look and wait."""

    def __init__(self):
        self._lines = []
        self._forgotten = 0  # how many lines were dropped before the first of _lines
        self._found = 0  # number of the line after the last one found
        self._changed = threading.Condition()

    def add(self, lines):
        with self._changed:
            self._lines += lines
            if len(self._lines) >= 2 * _LINES_KEPT:
                drop = len(self._lines) - _LINES_KEPT
                del self._lines[:drop]
                self._forgotten += drop
            self._changed.notify_all()

    def tell(self):
        """Something else has changed that somebody may wait for."""
        self.add([])

    def lines(self):
        with self._changed:
            return list(self._lines)

    def quote(self):
        return "\n".join("  " + line for line in self.lines()[-_LINES_QUOTED:])

    def wait_for(self, predicate, timeout_s):
        """Wait until predicate() is true, called with the log locked; returns what it returned last."""
        with self._changed:
            return self._changed.wait_for(predicate, timeout_s)

    def search(self, pattern):
        """At each `next`, the first match in lines not looked at before, or None. Log locked."""
        number = self._found
        while True:
            number = max(number, self._forgotten)
            for line in self._lines[number - self._forgotten :]:
                number += 1
                match = pattern.search(line)
                if match:
                    self._found = number
                    break
            else:
                match = None
            yield match
