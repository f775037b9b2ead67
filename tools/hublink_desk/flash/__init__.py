"""`hublink flash`: puts MicroPython onto a board.

targets.py       what the boards differ in
image.py         a firmware file, and the board it is meant for
esp_image.py     is a file a whole image for an ESP32 board? Pure
uf2.py           is a file a whole UF2 for a Pico? Pure
esp.py           the way onto an ESP32 board: esptool
boot_drive.py    the way onto a Pico: the drive that its boot ROM shows
"""
