# What the interpreter says about itself on a Pico W.
import sys


class Implementation:
    name = "micropython"
    version = sys.implementation.version
    _machine = "Raspberry Pi Pico W with RP2040"
    _mpy = sys.implementation._mpy
    _build = "RPI_PICO_W"


class Sys:
    """Stands for the module sys."""

    platform = "rp2"
    implementation = Implementation

    def __getattr__(self, name):
        return getattr(sys, name)
