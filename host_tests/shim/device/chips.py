"""`esp32`, `rp2` and `vfs`: the names that board code may use, with the answers of a board at rest."""


class Esp32:
    HEAP_DATA = 4
    HEAP_EXEC = 1

    def __init__(self, world):
        pass

    # Degrees Fahrenheit (classic ESP32).
    @staticmethod
    def raw_temperature():
        return 122

    # Degrees Celsius (S3, C3).
    @staticmethod
    def mcu_temperature():
        return 50

    # One (total, free, largest free block, least free ever) per region, bytes.
    @staticmethod
    def idf_heap_info(capabilities):
        return [(180_000, 110_000, 65_536, 90_000)]


class Rp2:
    def __init__(self, world):
        pass

    class Flash:
        pass


class Vfs:
    """There is no block device here: every mount fails as it does without one."""

    def __init__(self, world):
        self._world = world

    def mount(self, device, path):
        raise self._world.errno("ENODEV")

    def umount(self, path):
        raise self._world.errno("EINVAL")
