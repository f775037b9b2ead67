"""Runs a plan: the real node, its traffic, its weather, and whoever looks on. Start at `simulate`."""

import re
from dataclasses import dataclass

from host_tests.fakes import World
from host_tests.fakes.clock import EndOfRun, WorldError
from host_tests.fakes.hub import Hub

from .elements import ELEMENTS, IMPOSTOR_ADDRESS, Spell
from .invariants import ONLINE_WITHIN_MS, Watch, unacked_max_len
from .traffic import Traffic

TICKS = 1 << 30
_SETTLE_S = ONLINE_WITHIN_MS / 1000 + 60  # after the last event
_DRAIN_S = 60


@dataclass(frozen=True)
class Outcome:
    """What came of a plan.

    Attributes:
        plan: it.
        failure: None, or which invariant did not hold, and the last lines of the log.
        virtual_s: how long the run took by its own clock.
        boots: how often the device was started.
    """

    plan: object
    failure: str | None
    virtual_s: float
    boots: int

    @property
    def rule(self):
        """The failure's first words, without figures: the same for the same bug, as a rule."""
        return re.sub(r"\d+", "", self.failure.partition("\n")[0].partition(":")[0]) if self.failure else None


def simulate(plan):
    """The Outcome of a plan."""
    failure = None
    scene = Scene(plan)
    try:
        with scene:
            scene.live()
    except AssertionError as error:
        failure = str(error)
    except WorldError as error:  # between two runs of the node's loop
        failure = f"{error}\n{scene.tail()}"
    return Outcome(plan, failure, scene.clock.now_ms / 1000, scene.traffic.boot)


class Scene(World):
    """A World with a plan's weather in it.

    Attributes, beside those of World:
        plan, weather, traffic.
        good_certificate: the hub's own.
        impostor: a Hub where lying name servers send the device.
        unacked_max_len: how many bytes the board lets be unacknowledged.
    """

    def __init__(self, plan):
        super().__init__(plan.board, plan.seed, (TICKS - plan.wraps_s * 1000) % TICKS)
        self.plan = plan
        self.good_certificate = self.hub.certificate
        foreign = self.good_certificate.but(authority=self.foreign_authority)
        self.impostor = Hub(self.clock, self.net, self.tls, foreign, IMPOSTOR_ADDRESS)
        self.traffic = Traffic(self, plan)
        self.weather = Weather(self)
        self._watch = Watch(self)

    def live(self):
        """The whole run. AssertionError for an invariant that does not hold."""
        plan = self.plan
        memory = {"outbox_len": plan.outbox_len, "window": plan.window}
        self.boot(self.traffic.program, memory=memory, telemetry={"qos": 0 if 0 in plan.qos else 1})
        self.unacked_max_len = unacked_max_len()
        self.weather.begin(plan.events)
        self.traffic.begin()
        self._watch.look()
        end_ms = int((plan.end_s + _SETTLE_S) * 1000)
        while self.clock.now_ms < end_ms:
            reason = self.run(for_s=(end_ms - self.clock.now_ms) / 1000)
            if reason != "time":
                self._start_again(reason)
        self.traffic.stopped = True
        self.run(for_s=_DRAIN_S)
        self._watch.nothing_lost()

    def _start_again(self, reason):
        if reason == "power":
            self.lose_power()
            while self.weather.has("power cut"):
                self.clock.wait(100)
        self.may_bite = self.traffic.hanging = False
        # A device that lost its memory would begin a new session; no hub of today's asks it to keep one.
        self.hub.forget_sessions()
        while not self._boots():
            self.lose_power()
        self._watch.booted()

    # False if the power fails again before the node is there.
    def _boots(self):
        try:
            self.boot(self.traffic.program)
        except EndOfRun:
            return False
        return True


class Weather:
    """What is the matter at the moment.

    Attributes:
        calm_ms: since when nothing is; None while something is.
    """

    def __init__(self, scene):
        self.calm_ms = 0
        self._scene = scene
        self._values = {}  # kind -> values of the spells under way, in order of their beginning

    def begin(self, events):
        """Sets the clock for all of them."""
        for event in events:
            self._at(event.at_s, lambda event=event: self._begin(event))

    def has(self, kind):
        return bool(self._values.get(kind))

    def _at(self, at_s, run):
        self._scene.clock.after(max(0, at_s * 1000 - self._scene.clock.now_ms), run)

    def _begin(self, event):
        element = ELEMENTS[event.kind]
        if isinstance(element, Spell):
            self._values.setdefault(event.kind, []).append(event.value)
            self.calm_ms = None
            self._at(event.end_s, lambda: self._end(event))
            element.set(self._scene, event.value)
        else:
            self._note_calm()
            element.do(self._scene, event.value)

    def _end(self, event):
        values = self._values[event.kind]
        values.remove(event.value)
        self._note_calm()
        element = ELEMENTS[event.kind]
        element.set(self._scene, values[-1] if values else element.calm)

    def _note_calm(self):
        if not any(self._values.values()):
            self.calm_ms = self._scene.clock.now_ms
