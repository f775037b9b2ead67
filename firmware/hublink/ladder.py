# What to try next when Wi-Fi does not come up: the recovery ladder of the radio (pure).
# Each network is tried once per rung; the rungs get rougher: join, then restart the radio.
from micropython import const

JOIN = const(0)  # disconnect, connect
RESTART = const(1)  # radio off, on, connect (CYW43 keeps a dead association for ever otherwise)

# Rounds through all networks between two restarts of the radio.
_ROUNDS = const(2)


# Does nothing work any more, so that a reset is all that is left to try? reason: of the link's last failure.
# With Wi-Fi up and memory to spare the trouble is behind the access point, where a reset mends nothing.
def is_at_end(reason):
    return reason.startswith("wifi_") or reason in ("network", "out_of_memory")


class Ladder:
    """Order of joining tries. networks: how many are configured (>= 1)."""

    def __init__(self, networks):
        self._networks = networks
        self._tries = 0

    # Returns (rung, index of the network).
    def next(self):
        tries = self._tries
        self._tries = tries + 1
        network = tries % self._networks
        rough = tries and network == 0 and (tries // self._networks) % _ROUNDS == 0
        return (RESTART if rough else JOIN), network

    # A network was joined: it is tried first the next time the ladder starts.
    def joined(self):
        self._tries = (self._tries - 1) % self._networks
