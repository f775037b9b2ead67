"""Eight checks in a row, their table, and those among them that make sense with every hub."""

import time
from typing import ClassVar

from rich.table import Table
from rich.text import Text

from ..errors import DeskError
from ..wire import Wire
from ..workshop import HUB_NAME
from .waiting import STEP_S

_CUT_S = 2.0  # short, because the wait of the device for its next try grows with it
_ENOUGH = 4  # messages, before telemetry is judged
_CLOCK_S = 5  # how far telemetry's time may be from the desk's


class Demo:
    """One kind of hub, and a device on it; the base of one class for each.

    Args:
        stage: Stage.

    Attributes:
        HUB: word of `--hub`, and type of the hub in configurations.
        DEVICE: name of the device.
        PROGRAM: what the device runs.
        PER_S: how many messages it sends a second, at least.
        SECTIONS: further sections of its configuration.
        REFUSED: regular expression, what a device calls it that its proof is refused.
        stage: Stage.
        log: what the hub says, with `mark`, `proof(device)` and `refusal(since)`.
        telemetry: Seen, of each message of the device as a dict.
        wire: Wire, from the device to the hub.
        board: DeskBoard, the device.
        results: text of a check -> (whether it held, what was seen).
    """

    DEVICE = "sensor-1"
    PROGRAM = "demo"
    PER_S = 2
    SECTIONS: ClassVar[dict] = {}

    def __init__(self, stage):
        self.stage = stage
        self.telemetry = stage.seen()
        self.results = {}
        self.log, self._port = self._start_hub()
        self.wire = stage.enter(Wire(self._port))
        self.board = stage.enter(self._board(self.wire.port, self.DEVICE))

    # -- what a hub has of its own -----------------------------------------------------------

    def _start_hub(self):
        """Start the hub, and who listens behind it. Returns its log, and its TCP port."""
        raise NotImplementedError

    def _settings(self):
        """dict: the section "hub" of the device's configuration, without type, host and port."""
        raise NotImplementedError

    def _impostor(self, identity, log):
        """Context manager: a DeskHub that would take the device in, with that Identity."""
        raise NotImplementedError

    def _checks(self):
        """Eight pairs of a text and a method; it returns what was seen, or raises DeskError."""
        raise NotImplementedError

    # -- running them ------------------------------------------------------------------------

    def run(self):
        """Do all checks in order; one that does not hold does not stop the rest. True if all held."""
        for number, (text, check) in enumerate(self._checks(), start=1):
            self.stage.interrupt.check()
            self.stage.announce(f"{number}. {text}")
            try:
                self.results[text] = (True, check())
            except (DeskError, TimeoutError) as error:
                self.stage.interrupt.check()
                self.results[text] = (False, str(error))
            held, seen = self.results[text]
            self.stage.say("demo", f"{'ok' if held else 'FAILED'}: {seen}")
        return all(held for held, _ in self.results.values())

    def table(self):
        """The results as a rich Table."""
        table = Table("", "check", "what was seen", title=f"hublink demo, {self.HUB}", title_justify="left")
        for text, (held, seen) in self.results.items():
            table.add_row("[green]ok[/]" if held else "[red]FAILED[/]", text, Text(seen.split("\n", 1)[0]))
        return table

    def _board(self, port, name, **options):
        """The DeskBoard of the device, configured for the hub on that port, under that name."""
        hub = {"type": self.HUB, **self._settings()}
        config = self.stage.device(self.DEVICE, hub, port, folder=name, **self.SECTIONS, **options)
        return self.stage.board(config, self.PROGRAM, name)

    # -- checks ------------------------------------------------------------------------------

    def proves_itself(self):
        self.board.start()
        self.board.wait_line("link HUB -> ONLINE", STEP_S)
        return f"TLS 1.2, hub verified as {HUB_NAME}; device proved by {self.log.proof(self.DEVICE)}"

    def sends_telemetry(self):
        self.telemetry.wait("enough telemetry", lambda m: m["seq"] >= _ENOUGH)
        messages = self.telemetry.items()
        _expect_all_in_order(messages)
        last = messages[-1]
        expect(last["boot"] == 1, f"boot is {last['boot']}, expected 1")
        expect(abs(last["time"] - time.time()) < _CLOCK_S, f"time {last['time']} is not now")
        return f"boot 1, seq 1..{last['seq']}, time set by SNTP"

    def survives_a_cut(self):
        self.telemetry.wait("telemetry", lambda _: True)
        before = self.telemetry.items()[-1]["seq"]
        mark = self.telemetry.mark()
        self.wire.cut()
        self.stage.say("demo", f"cable pulled for {_CUT_S:g} s")
        self.board.wait_line("link ONLINE -> DOWN", STEP_S)
        self.stage.interrupt.sleep(_CUT_S)
        arrived = self.telemetry.mark() - mark
        self.wire.restore()
        wanted = before + int(self.PER_S * _CUT_S) + 4
        self.telemetry.wait("what was queued", lambda m: m["seq"] >= wanted, mark, 2 * STEP_S)
        _expect_all_in_order(self.telemetry.items())
        return f"{arrived} arrived during the cut, seq {before}..{wanted} all there, in order"

    def comes_back(self):
        mark = self.telemetry.mark()
        self.board.start()
        message = self.telemetry.wait("a reading", lambda m: m["boot"] == 2, mark)
        return f"boot 2, first message seq {message['seq']}"

    def refuses_a_wrong_hub(self):
        seen = self.stage.seen()
        wrong = self.stage.workshop.foreign.issue("hub", kind="hub", hosts=[HUB_NAME])
        with self._impostor(wrong, seen.add) as impostor, self._board(impostor.port, "misled") as board:
            board.start()
            board.wait_line("trouble untrusted_hub", STEP_S)
            seen.wait("the refusal at the impostor", lambda record: record["what"] == "refuse")
        expect(not any(r["what"] == "connect" for r in seen.items()), "the device connected to it")
        return "untrusted_hub; the impostor got no MQTT byte"

    def is_refused_with_a_foreign_key(self):
        mark = self.log.mark()
        identity = self.stage.workshop.foreign.issue(self.DEVICE)
        with self._board(self._port, "foreigner", identity=identity) as board:
            board.start()
            said = board.wait_line(f"trouble ({self.REFUSED})", STEP_S)
        return f"hub: {self.log.refusal(mark)}; device: {said.group(1)}"


def expect(holds, message):
    """Raise DeskError with that message unless it holds."""
    if not holds:
        raise DeskError(message)


def _expect_all_in_order(messages):
    """Messages of one boot. At QoS 1 one may come twice, if its acknowledgement was cut off."""
    numbers = list(dict.fromkeys((message["boot"], message["seq"]) for message in messages))
    boot, first = numbers[0]
    wanted = [(boot, seq) for seq in range(first, first + len(numbers))]
    expect(numbers == wanted, f"messages arrived as {numbers}, expected each of them, in order")
