# ESP32 (classic), 56 kB of heap at first, growing into what ESP-IDF leaves.
import esp32
from chip_esp32 import *

NAME = "ESP32_GENERIC"


def temperature_c():
    return round((esp32.raw_temperature() - 32) / 1.8, 1)  # the sensor counts in Fahrenheit
