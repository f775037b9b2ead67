# What every board freezes. Each board's manifest.py includes it and adds what is its own; build with
# upstream's make: make BOARD=RPI_PICO_W FROZEN_MANIFEST=<checkout>/boards/RPI_PICO_W/manifest.py
metadata(version="0.1.0")
package("hublink", base_path="../firmware")
