# Raspberry Pi Pico W: RP2040, about 205 kB of heap, CYW43 radio.
from chip_rp2 import *

NAME = "RPI_PICO_W"
WATCHDOG_MAX_MS = 8388
SCRATCH_ADDRESS = 0x4005800C
