"""The device's `select`: poll() on simulated sockets. Waiting in it lets virtual time pass.

What is polled says with `_flags(mask)` what holds now; nothing becomes ready without a move in the
internet (`Internet.moves`).
"""

from types import SimpleNamespace

from .clock import WorldError

POLLIN, POLLOUT, POLLERR, POLLHUP, POLLNVAL = 1, 4, 8, 16, 32


class Poll:
    """`select.poll()`."""

    def __init__(self, clock, net):
        self._clock = clock
        self._net = net
        self._masks = {}  # id -> [object, mask]
        self._moves = 0

    def register(self, stream, mask=POLLIN | POLLOUT):
        self._masks[id(stream)] = [stream, mask]

    def modify(self, stream, mask):
        self._masks[id(stream)][1] = mask

    def unregister(self, stream):
        self._masks.pop(id(stream), None)

    def ipoll(self, timeout_ms=-1):
        if timeout_ms < 0:
            raise WorldError("poll() without a limit")
        clock = self._clock
        clock.look()
        found = self._found()
        if found or not timeout_ms:
            return found
        self._moves = self._net.moves
        began_ms = clock.now_ms
        met = clock.wait(max(0, min(timeout_ms, clock.end_ms - began_ms)), self._moved)
        clock.note("poll", clock.now_ms - began_ms)
        return self._found() if met else found

    poll = ipoll

    def _found(self):
        return [(stream, flags) for stream, mask in self._masks.values() if (flags := stream._flags(mask))]

    def _moved(self):
        if self._moves == self._net.moves:
            return False
        self._moves = self._net.moves
        return bool(self._found())


def select_module(clock, net):
    """The module `select`."""
    return SimpleNamespace(
        POLLIN=POLLIN, POLLOUT=POLLOUT, POLLERR=POLLERR, POLLHUP=POLLHUP, poll=lambda: Poll(clock, net)
    )
