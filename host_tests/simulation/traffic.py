"""What the device's program sends and hears under a plan: each message has a number of its own."""

import random

from host_tests.fakes.clock import WorldError

UP, DOWN = "up", "down"
READING = "n"
_SLOW_MS = 4000  # with a TLS handshake in the same turn it stays below the watchdog
_HANG_MAX_MS = 30_000
_DOWN_EVERY_MS = 10_000
_PADDING_MAX_LEN = 120
_KEEPS_ONLINE, _KEEPS_OFFLINE = 0.03, 0.5  # share of the readings


class Traffic:
    """The program of one device, over all its starts.

    Attributes that the weather sets:
        fault: what the sensor does instead of measuring: None, "raises", "no memory", "no number", "too long"
            or "slow".
        handler_fault: what handlers do when they have the message: None, "raises" or "no memory".
        stopped: nothing is sent any more.

    Attributes that tell what happened:
        boot: how often it was started; telemetry_boot: the number that the last start gave itself.
        made: topic -> how many messages were sent there since the last start; they are numbered from 1.
        promised: [(topic, number of the start, number)] of what is to survive whatever comes.
        published: [(QoS, number, number of the hub's session)] of what the hub sent down.
        heard: QoS -> numbers that arrived, in order.
        hanging: the sensor hangs, or will at the next reading.
    """

    def __init__(self, world, plan):
        self.fault = self.handler_fault = None
        self.stopped = self.hanging = False
        self.boot = self.telemetry_boot = 0
        self.made = {}
        self.promised = []
        self.published = []
        self.heard = {0: [], 1: [], 2: []}
        self._world = world
        self._plan = plan
        self._chance = random.Random(plan.seed)
        self._waiting = 0
        self._down = {0: 0, 1: 0, 2: 0}

    def program(self, node):
        """What main.py of this device adds to its node."""
        self.boot += 1
        self.telemetry_boot = node._telemetry.boot
        self.made = {f"{UP}/{qos}": 0 for qos in self._plan.qos}
        self._flushed = dict(self.made)
        hub = node.hub
        hub.CLEAN_SESSION = not self._plan.keeps_session
        hub.MAX_QOS = hub.SUBSCRIBE_QOS = 2
        node.uplink.session._last_id = self._plan.first_id - 1
        for qos in self.heard:
            node.on(f"{DOWN}/{qos}", qos)(lambda _, payload, qos=qos: self._hear(qos, int(payload)))
        node.on(f"{DOWN}/long", 2)(lambda topic, payload: None)
        node.telemetry(every_s=self._plan.every_s)(self._named_reading(node))

    def _named_reading(self, node):
        def n():
            return self._reading(node)

        return n

    # -- up ----------------------------------------------------------------------------------------

    def burst(self, times):
        """So many messages to each topic with the next reading, above the usual one."""
        self._waiting += times

    def _reading(self, node):
        if self.stopped:
            return None
        if self.hanging:
            self._hang()
        for _ in range(1 + self._waiting):
            self._send(node)
        self._waiting = 0
        self._keep(node)
        return self._measure()

    def _send(self, node):
        for qos in self._plan.qos:
            topic = f"{UP}/{qos}"
            self.made[topic] += 1
            padding = "x" * self._chance.randrange(_PADDING_MAX_LEN)
            node.publish(topic, f"{self.boot} {self.made[topic]} {padding}", qos)

    # Now and then it does not leave to chance what survives a power cut.
    def _keep(self, node):
        if self._chance.random() > (_KEEPS_ONLINE if self._world.online() else _KEEPS_OFFLINE):
            return
        if self._chance.random() < 0.5:
            if node.flush() and set(node._spool.lost) <= {"too_long"}:
                self._promise_all()
        elif node.send("kept", 1, durable=True):
            self.promised.append((node._topic("").decode(), node._telemetry.boot, node._telemetry.seq))

    def _promise_all(self):
        for topic, count in self.made.items():
            if topic != f"{UP}/0":
                numbers = range(self._flushed[topic] + 1, count + 1)
                self.promised += [(topic, self.boot, number) for number in numbers]
            self._flushed[topic] = count

    def _measure(self):
        if self.fault == "raises":
            raise ValueError("no probe on the bus")
        if self.fault == "no memory":
            raise MemoryError("memory allocation failed, allocating 4000 bytes")
        if self.fault == "slow":
            self._world.clock.wait(_SLOW_MS)
        return {"no number": float("nan"), "too long": "x" * 70_000}.get(self.fault, 1)

    def hang(self):
        """The next reading does not come back."""
        self.hanging = True

    def _hang(self):
        clock = self._world.clock
        self._world.may_bite = True
        began_ms = clock.now_ms
        while clock.now_ms - began_ms < _HANG_MAX_MS:
            self._world.modules["time"].sleep_ms(100)
        raise WorldError("watchdog: the loop hangs, and it does not bite")

    # -- down --------------------------------------------------------------------------------------

    def begin(self):
        """The hub sends something every few seconds, with each QoS in turn."""
        if not self.stopped:
            self.publish_down(self._chance.randrange(3))
            self._world.clock.after(_DOWN_EVERY_MS, self.begin)

    def publish_down(self, qos):
        """The hub sends the device the next message of that QoS."""
        hub = self._world.hub
        self._down[qos] += 1
        if hub.publish(f"{DOWN}/{qos}", b"%d" % self._down[qos], qos) and not hub.mute:
            self.published.append((qos, self._down[qos], hub.sessions))

    def _hear(self, qos, number):
        heard = self.heard[qos]
        if number in heard and qos != 1:
            raise WorldError(f"twice: message {number} of QoS {qos} from the hub was delivered again")
        if number not in heard and heard and number < max(heard):
            raise WorldError(f"order: message {number} of QoS {qos} from the hub came after {max(heard)}")
        heard.append(number)
        if self.handler_fault == "raises":
            raise KeyError("handler")
        if self.handler_fault == "no memory":
            raise MemoryError("memory allocation failed, allocating 200 bytes")
