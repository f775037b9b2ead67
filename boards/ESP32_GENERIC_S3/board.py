# ESP32-S3, 64 kB of heap at first, and PSRAM where it is fitted.
import esp32
from chip_esp32 import *

NAME = "ESP32_GENERIC_S3"


def temperature_c():
    return esp32.mcu_temperature()
