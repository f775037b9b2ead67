"""`select`: poll() over plain and TLS sockets. Poll the TLS object, never the raw one (facts 1.4).

A polled object says with `_polled(mask)` what to wait for:
(file number, mask, events known at once, events to add when the mask is met), or None when closed.
"""

import select

from ..numbers import os_error

_NVAL = 0x20


class Select:
    POLLIN = 1
    POLLOUT = 4
    POLLERR = 8
    POLLHUP = 16

    def __init__(self, world):
        self._world = world

    def poll(self):
        return Poll(self._world)


class Poll:
    def __init__(self, world):
        self._world = world
        self._masks = {}  # id -> [object, mask]: order of registration, and a reference like the device's

    def register(self, stream, mask=Select.POLLIN | Select.POLLOUT, /):
        if not hasattr(stream, "_polled"):
            raise os_error("stream operation not supported")
        self._masks[id(stream)] = [stream, mask]

    def modify(self, stream, mask, /):
        if id(stream) not in self._masks:
            raise self._world.errno("ENOENT")
        self._masks[id(stream)][1] = mask

    def unregister(self, stream, /):
        self._masks.pop(id(stream), None)

    def poll(self, timeout_ms=-1, /):
        self._world.look()
        wishes = [(stream, stream._polled(mask)) for stream, mask in self._masks.values()]
        at_once = any(wish is None or wish[2] for _, wish in wishes)
        met = self._wait(wishes, 0 if at_once else timeout_ms)
        self._world.look()
        answers = [(stream, _answer(wish, met)) for stream, wish in wishes]
        return [answer for answer in answers if answer[1]]

    # On the device the tuple is one and the same, changed in place.
    def ipoll(self, timeout_ms=-1, /):
        return iter(self.poll(timeout_ms))

    @staticmethod
    def _wait(wishes, timeout_ms):
        masks = {}
        for _, wish in wishes:
            if wish:
                masks[wish[0]] = masks.get(wish[0], 0) | wish[1]
        host = select.poll()
        for number, mask in masks.items():
            host.register(number, mask)
        return dict(host.poll(None if timeout_ms < 0 else timeout_ms))


def _answer(wish, met):
    if wish is None:
        return _NVAL
    number, mask, known, faked = wish
    got = met.get(number, 0) & (mask | Select.POLLERR | Select.POLLHUP | _NVAL)
    return got | known | (faked if got & mask else 0)
