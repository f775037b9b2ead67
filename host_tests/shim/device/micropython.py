"""`micropython`: `const`, and the heap lock as a counter (CPython cannot show allocations)."""


class Micropython:
    def __init__(self, world):
        self._world = world
        self.schedule = world.schedule

    @staticmethod
    def const(value):
        return value

    def heap_lock(self):
        self._world.heap_locks += 1

    def heap_unlock(self):
        if not self._world.heap_locks:
            self._world.breaks("heap_unlock() without heap_lock()")
        self._world.heap_locks -= 1
        return self._world.heap_locks

    @staticmethod
    def mem_info(verbose=False):
        print("mem: unknown on this interpreter")

    @staticmethod
    def opt_level(level=0):
        return 0

    @staticmethod
    def alloc_emergency_exception_buf(length):
        pass

    @staticmethod
    def kbd_intr(character):
        pass
