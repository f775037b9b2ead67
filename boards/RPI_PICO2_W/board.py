# Raspberry Pi Pico 2 W: RP2350, about 457 kB of heap, CYW43 radio.
from chip_rp2 import *

NAME = "RPI_PICO2_W"
WATCHDOG_MAX_MS = 8388  # 16,777 from MicroPython 1.29
SCRATCH_ADDRESS = 0x400D800C
