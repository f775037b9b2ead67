# The watchdog, fed only by the loop. Once started nothing stops it; maintenance mode keeps it from
# being started.


class Watchdog:
    """board: the board module."""

    def __init__(self, board, timeout_ms):
        self._board = board
        self._timeout_ms = min(timeout_ms, board.WATCHDOG_MAX_MS)
        self._wdt = None

    def start(self):
        self._wdt = self._board.watchdog(self._timeout_ms)

    # The loop has done a turn.
    def feed(self):
        if self._wdt:
            self._wdt.feed()
