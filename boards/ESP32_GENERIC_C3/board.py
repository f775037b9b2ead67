# ESP32-C3, 64 kB of heap at first.
import esp32
from chip_esp32 import *

NAME = "ESP32_GENERIC_C3"


def temperature_c():
    return esp32.mcu_temperature()
