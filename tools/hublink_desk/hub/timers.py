"""The times a connection may take: to speak next, to do something, to live. None runs while frozen."""

import asyncio
import time


class Timer:
    """Calls `ended(reason)` once, when its time is up.

    Args:
        gate: Gate; while it is shut no time runs.
        ended: called with the reason.
    """

    def __init__(self, gate, ended):
        self._gate, self._ended = gate, ended
        self._limit_s, self._reason, self._handle = 0.0, "", None

    def expect_within(self, limit_s, reason):
        """From now on there are `limit_s` seconds; 0: there is no limit."""
        self._limit_s, self._reason = limit_s, reason
        self.restart()

    def restart(self):
        """The whole time again."""
        self.pause()
        if self._limit_s and self._gate.is_open:
            self._handle = asyncio.get_running_loop().call_later(self._limit_s, self._ended, self._reason)

    def pause(self):
        if self._handle:
            self._handle.cancel()
            self._handle = None


class Timers:
    """The three of a connection.

    Args:
        gate: Gate.
        silent: called with a reason when the client has said nothing for too long.
        cut: called with a reason when it was idle, or has been there, for too long.
    """

    def __init__(self, gate, silent, cut):
        self.silence, self.idle = Timer(gate, silent), Timer(gate, cut)
        self._life, self._ends_at, self._is_over = Timer(gate, cut), None, False

    def live_until(self, ends_at):
        """The connection is cut at `ends_at`, Unix seconds, or never if that is None."""
        self._ends_at = ends_at
        if ends_at is not None:
            self._life.expect_within(max(ends_at - time.time(), 0.001), "its token has expired")

    def pause(self):
        for timer in (self.silence, self.idle, self._life):
            timer.pause()

    def restart(self):
        """Silence and idleness begin anew; a life ends when it would have ended."""
        if not self._is_over:
            self.silence.restart()
            self.idle.restart()
            self.live_until(self._ends_at)

    def stop(self):
        """For good."""
        self._is_over = True
        self.pause()

    def heard(self, is_activity):
        """The client has sent a packet."""
        if not self._is_over:
            self.silence.restart()
            if is_activity:
                self.idle.restart()
