# The connection as a table of (state, event) -> state. Pure: it decides nothing else.
# A pair that is not listed is a bug: it changes nothing and raises.
from micropython import const

from . import ticks

DOWN = const(0)  # waiting for the backoff to pass
WIFI = const(1)  # joining a network
CLOCK = const(2)  # asking for the time
HUB = const(3)  # resolve, TCP, TLS, CONNECT, SUBSCRIBE
ONLINE = const(4)
NAMES = ("DOWN", "WIFI", "CLOCK", "HUB", "ONLINE")

DUE = const(0)
WIFI_UP = const(1)
CLOCK_SET = const(2)
HUB_UP = const(3)
FAILED = const(4)
RENEW = const(5)  # a connection that is well ends, for a new one with a new token

_TABLE = {
    (DOWN, DUE): WIFI,
    (WIFI, WIFI_UP): CLOCK,
    (CLOCK, CLOCK_SET): HUB,
    (HUB, HUB_UP): ONLINE,
    (ONLINE, RENEW): CLOCK,
    (WIFI, FAILED): DOWN,
    (CLOCK, FAILED): DOWN,
    (HUB, FAILED): DOWN,
    (ONLINE, FAILED): DOWN,
}


class Link:
    """Where the connection stands and when to try next. Owner calls event(); reads state, due_in()."""

    def __init__(self, backoff, stable_ms, now_ms):
        self._backoff = backoff
        self._stable_ms = stable_ms
        self.state = DOWN
        self.since_ms = now_ms
        self._stable = False
        self.delay_ms = 0  # of the present wait in DOWN
        self.reason = "start"  # why the link last went down
        self.online_count = 0
        self.failed_count = 0

    # random is used by FAILED alone. Returns the new state.
    def event(self, event, now_ms, reason=None, random=0):
        state = _TABLE.get((self.state, event))
        if state is None:
            raise ValueError("link: no event %d in state %s" % (event, NAMES[self.state]))
        if event == FAILED:
            self.delay_ms = self._backoff.next_ms(random)
            self.reason = reason
            self.failed_count += 1
        elif state == ONLINE:
            self.online_count += 1
            self._stable = False
        self.state = state
        self.since_ms = now_ms
        return state

    # To be called at least every six days while ONLINE (ticks wrap): the backoff starts from its
    # base once the connection has held for stable_ms.
    def tick(self, now_ms):
        if self.state == ONLINE and not self._stable:
            if ticks.diff(now_ms, self.since_ms) >= self._stable_ms:
                self._stable = True
                self._backoff.reset()

    # Milliseconds until DUE may be raised; 0 when it may be raised now. Only in DOWN.
    def due_in(self, now_ms):
        return max(0, self.delay_ms - ticks.diff(now_ms, self.since_ms))
