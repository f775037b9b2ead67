"""`gc`: the calls, and a heap as large as the world says (CPython's own memory tells nothing)."""

import gc

_HEAP_LEN = 205_000  # a Pico W


class Gc:
    def __init__(self, world):
        self._world = world
        self._threshold = -1
        self.enable = gc.enable
        self.disable = gc.disable

    def collect(self):
        gc.collect()

    def mem_free(self):
        return self._world.heap_free

    def mem_alloc(self):
        return _HEAP_LEN - self._world.heap_free

    def threshold(self, *length):
        if not length:
            return self._threshold
        self._threshold = length[0]
