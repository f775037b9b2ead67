"""Waiting for what happens, which Ctrl-C ends."""

import signal
import threading
import time

from ..errors import DeskError

STEP_S = 15.0  # for any one thing to happen; a whole demo takes well under a minute


class Interrupt:
    """Ctrl-C and SIGTERM, which end the demo at its next wait.

    Python raises KeyboardInterrupt wherever the main thread is, also between taking a lock and entering
    its `with` block: the lock then stays taken and whoever else needs it waits for ever. So the handler
    only notes the signal, and the waits look at the note.
    """

    LOOK_EVERY_S = 0.1

    def __init__(self):
        self._received = False
        self._boards = []

    def __enter__(self):
        self._before = {n: signal.signal(n, self._note) for n in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number, _frame):
        self._received = True
        for board in self._boards:
            board.ask_to_stop()  # so that waiting for its next line ends

    def watch(self, board):
        """Let the signal stop a DeskBoard, too. Returns it."""
        self._boards.append(board)
        return board

    def check(self):
        """Raise KeyboardInterrupt if the signal came."""
        if self._received:
            raise KeyboardInterrupt

    def sleep(self, duration_s):
        """Sleep for so many seconds, or until the signal comes."""
        end_s = time.monotonic() + duration_s
        while (left_s := end_s - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left_s, self.LOOK_EVERY_S))


class Seen:
    """Things that happened, in order, from any thread; and waiting for one."""

    def __init__(self, interrupt):
        self._interrupt = interrupt
        self._items = []
        self._changed = threading.Condition()

    def add(self, item):
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def items(self):
        with self._changed:
            return list(self._items)

    def mark(self):
        """Where the next item will be, as `since` of `wait`."""
        return len(self.items())

    def wait(self, what, matches, since=0, limit_s=STEP_S):
        """The first item from index `since` on that matches. Raises DeskError after limit_s seconds."""
        deadline = time.monotonic() + limit_s
        with self._changed:
            while True:
                for item in self._items[since:]:
                    if matches(item):
                        return item
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise DeskError(f"{what} was not seen within {limit_s:g} s.")
                self._interrupt.check()
                self._changed.wait(min(left_s, self._interrupt.LOOK_EVERY_S))
