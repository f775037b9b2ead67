"""A real MicroPython process, through a proxy with faults, against Mosquitto, for as long as one likes.

The weather is the simulator's (see `wire_weather`), the time is real. What is asked at the end: is all that
was promised behind the broker, in order; did the device ever reset itself; how low was the heap, how full the
flash.
"""

import threading
import time
from dataclasses import dataclass

from hublink_desk.build import compile_firmware
from hublink_desk.mosquitto import Mosquitto
from hublink_desk.run import DeskBoard
from hublink_desk.wire import Wire
from hublink_desk.workshop import Workshop

from host_tests.system.listener import Listener
from host_tests.system.node_parts import PROGRAMS

from .account import Account
from .wire_weather import changes

NAME = "soaked-1"
HEAP = "200k"
_KEEPALIVE_S = 30
_ARRIVES_WITHIN_S = 120.0  # after the last fault: a ping, a backoff, and all that has piled up
_LOOK_EVERY_S = 1.0


@dataclass(frozen=True)
class Report:
    """What came of it.

    Attributes:
        seed, seconds: what was asked for.
        faults: kind -> how often it came; resets: causes of those that were not asked for.
        messages: figures of `account.Account.settle`.
        heap_low: bytes free at the least; files_most, files_left: of messages on flash, ever and at the end.
    """

    seed: int
    seconds: float
    faults: dict
    resets: list
    messages: dict
    heap_low: int | None
    files_most: int
    files_left: int

    @property
    def is_good(self):
        bad = self.messages["lost"] or self.messages["out of order"] or self.resets or not self.heap_low
        return not bad and self.messages["promised"] > 0

    def __str__(self):
        def listed(counts):
            return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"

        return (
            f"soak: seed {self.seed}, {self.seconds / 60:.1f} minutes; faults: {listed(self.faults)}\n"
            f"      messages: {listed(self.messages)}\n"
            f"      heap: {self.heap_low} bytes of {HEAP} free at the least; files of messages: at most "
            f"{self.files_most}, {self.files_left} left; resets: {', '.join(self.resets) or 'none'}"
        )


def soak(folder, seed, seconds, interpreter="micropython", **pace):
    """Runs it in an empty folder. pace: of `wire_weather.changes`. Returns the Report."""
    mpy = folder / "mpy"
    compile_firmware(mpy)
    workshop = Workshop(folder / "desk")
    account = Account()
    with (
        Mosquitto(folder / "mosquitto", workshop.ca, workshop.hub, extra="max_queued_messages 0") as broker,
        Wire(broker.port) as wire,
        Listener(workshop, broker.port, f"{NAME}/telemetry") as listener,
    ):
        hub = {"type": "generic", "host": "127.0.0.1", "port": wire.port, "keepalive_s": _KEEPALIVE_S}
        config = workshop.device(NAME, hub, telemetry={"vitals_s": 60})
        env = {"MICROPYPATH": f"{mpy}:.frozen"}
        with DeskBoard(config, interpreter, HEAP, account.read, env, PROGRAMS / "soaked.py") as board:
            weather = _Weather(wire, board, lambda: _take_over(workshop, broker.port))
            outbox = config.parent / "outbox"
            board.start()
            files_most = weather.live(changes(seed, seconds, **pace), seconds, lambda: _files(outbox))
            due = Account()
            due.promised = set(account.promised)
            _wait(lambda: not due.lost(listener.messages(f"{NAME}/telemetry")))
            _wait(lambda: not _files(outbox))
            board.stop()
        return Report(
            seed=seed,
            seconds=seconds,
            faults=weather.faults,
            resets=board.resets,
            messages=due.settle(listener.messages(f"{NAME}/telemetry")),
            heap_low=account.heap_low,
            files_most=files_most,
            files_left=_files(outbox),
        )


# A client of the same name: the broker ends the device's connection (MQTT 3.1.1, 3.1.4), and where nothing
# passes the device does not hear of it.
def _take_over(workshop, port):
    with Listener(workshop, port, "nothing", client_id=NAME):
        pass


def _files(outbox):
    return len(list(outbox.iterdir())) if outbox.is_dir() else 0


# Until is_so(), or for as long as it may take.
def _wait(is_so):
    deadline_s = time.monotonic() + _ARRIVES_WITHIN_S
    while not is_so() and time.monotonic() < deadline_s:
        threading.Event().wait(_LOOK_EVERY_S)


class _Weather:
    # What is the matter with the wire and the power at the moment. faults: kind -> how often it came.
    def __init__(self, wire, board, take_over):
        self.faults = {}
        self._wire = wire
        self._board = board
        self._take_over = take_over
        self._spells = []  # Changes that have begun

    # Lets them happen, and calm follow. Returns the most that count() ever was; it is asked all the time.
    def live(self, coming, seconds, count):
        most, began_s = 0, time.monotonic()
        coming = list(coming)
        while coming or time.monotonic() - began_s < seconds:
            while coming and coming[0].at_s <= time.monotonic() - began_s:
                self._change(coming.pop(0))
            most = max(most, count())
            next_s = coming[0].at_s if coming else seconds
            left_s = began_s + next_s - time.monotonic()
            threading.Event().wait(max(0.0, min(_LOOK_EVERY_S, left_s)))
        return most

    def _change(self, change):
        if change.begins:
            self.faults[change.fault] = self.faults.get(change.fault, 0) + 1
        getattr(self, f"_{change.fault.replace('-', '_')}")(change)

    # -- faults of a moment ------------------------------------------------------------------------

    def _drop(self, change):
        self._wire.cut(reset=bool(int(change.at_s * 1000) % 2))
        self._set_wire()

    def _corrupt(self, _):
        self._wire.corrupt_next()

    def _half_open(self, _):
        self._wire.stall()
        self._take_over()
        self._set_wire()

    # -- faults that last --------------------------------------------------------------------------

    def _stall(self, change):
        self._note(change)
        self._set_wire()

    _cut = _delay = _stall

    def _power(self, change):
        self._note(change)
        off = self._has("power")
        if off or change.begins:
            self._board.kill()
        if not off and not self._board.running:
            self._board.start()

    def _note(self, change):
        if change.begins:
            self._spells.append(change)
        else:
            begun = (c for c in self._spells if (c.fault, c.value) == (change.fault, change.value))
            self._spells.remove(next(begun))

    def _has(self, fault):
        return any(spell.fault == fault for spell in self._spells)

    def _set_wire(self):
        delays = [spell.value for spell in self._spells if spell.fault == "delay"]
        self._wire.delay(delays[-1] if delays else 0)
        if self._has("cut"):
            self._wire.cut()
        elif self._has("stall"):
            self._wire.stall()
        else:
            self._wire.restore()
