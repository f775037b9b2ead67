"""The world round a device, simulated: the real firmware runs in it on CPython, in virtual time.

Start at `World`. A discrete-event world: no threads, no real sleeping, nothing random but what its
seed says. The fakes are stricter than the hardware: what a board punishes with a crash, a hang or
lost data raises here (`clock.WorldError`), and the hub notes every byte that MQTT 3.1.1 forbids.
"""

from .world import World

__all__ = ["World"]
