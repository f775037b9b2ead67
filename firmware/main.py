# Runs the program of this device, app.py. After crashes in a row it is left out, so that the device stays
# reachable although app.py is broken (README, Safe mode).
from hublink import start


def program():
    import app  # noqa: F401


start(program)
