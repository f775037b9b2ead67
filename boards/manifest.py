# What every board freezes: the package, and umqtt.simple where the port does not bring it.
# Used by each board's manifest.py: make BOARD=RPI_PICO_W FROZEN_MANIFEST=<checkout>/boards/RPI_PICO_W/manifest.py
metadata(version="0.1.0")
package("hublink", base_path="../firmware")
