"""`hublink demo`: the firmware on a real MicroPython against a hub on this desk, with eight checks.

Everything is real but the radio: certificates, TLS, DNS, SNTP, the hub, a second party that listens. What
is seen is printed as it happens; what is checked is checked from outside the device.
"""

import contextlib
import json
import signal
import ssl
import tempfile
import threading
import time
from pathlib import Path

import click
import paho.mqtt.client as paho
from rich.console import Console
from rich.table import Table

from .build import compile_firmware
from .errors import DeskError
from .hub import DeskHub, Device
from .hub.lines import line
from .run import INTERPRETERS, DeskBoard
from .servers import DnsServer, SntpServer
from .wire import Wire
from .workshop import HUB_NAME, Workshop, device_id

PROGRAM = Path(__file__).parent / "programs" / "demo.py"

_SENSOR, _GUEST, _OPERATOR = "sensor-1", "sensor-2", "operator"
_STEP_S = 15.0  # for any one thing to happen; the whole demo takes well under a minute
_CUT_S = 4.0
_ENOUGH = 4  # messages, before telemetry is judged
_CLOCK_S = 5  # how far telemetry's time may be from the desk's
_CHECKS = (
    "device verified the hub and proved itself by certificate",
    "telemetry arrives with time, boot and sequence",
    "device without certificate refused; the other one handles the hub's event",
    "hub cut off: readings queue, and all arrive in order after",
    "device killed: its last will is seen",
    "device restarted: online again",
    "device refuses a hub with a wrong certificate",
    "hub refuses a device of another authority",
)


class _Interrupt:
    """Ctrl-C and SIGTERM, which end the demo at its next wait.

    Python raises KeyboardInterrupt wherever the main thread is, also between taking a lock and entering
    its `with` block: the lock then stays taken and whoever else needs it waits for ever. So the handler
    only notes the signal, and the waits look at the note.
    """

    LOOK_EVERY_S = 0.1

    def __init__(self):
        self._received = False
        self._boards = []

    def __enter__(self):
        self._before = {n: signal.signal(n, self._note) for n in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number, _frame):
        self._received = True
        for board in self._boards:
            board.ask_to_stop()  # so that waiting for its next line ends

    def watch(self, board):
        self._boards.append(board)
        return board

    def check(self):
        if self._received:
            raise KeyboardInterrupt

    def sleep(self, duration_s):
        end_s = time.monotonic() + duration_s
        while (left_s := end_s - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left_s, self.LOOK_EVERY_S))


class _Seen:
    """Things that happened, in order, from any thread; and waiting for one."""

    def __init__(self, interrupt):
        self._interrupt = interrupt
        self._items = []
        self._changed = threading.Condition()

    def add(self, item):
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def items(self):
        with self._changed:
            return list(self._items)

    def wait(self, what, matches, since=0, limit_s=_STEP_S):
        """The first item from index `since` on that matches. Raises DeskError after limit_s seconds."""
        deadline = time.monotonic() + limit_s
        with self._changed:
            while True:
                for item in self._items[since:]:
                    if matches(item):
                        return item
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise DeskError(f"{what} was not seen within {limit_s:g} s.")
                self._interrupt.check()
                self._changed.wait(min(left_s, self._interrupt.LOOK_EVERY_S))

    def mark(self):
        return len(self.items())


class _Operator:
    """A second party with a certificate of its own: sees what the hub passes on, as a person would."""

    def __init__(self, workshop, port, interrupt):
        identity = workshop.ca.issue(_OPERATOR)
        self.telemetry, self.status = _Seen(interrupt), _Seen(interrupt)
        self._client = _client(workshop, device_id(_OPERATOR), identity)
        self._client.on_message = self._message
        self._client.on_connect = lambda client, *_: client.subscribe(f"{_SENSOR}/#", 0)
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        if not subscribed.wait(_STEP_S):
            raise DeskError("the operator could not subscribe at the desk hub.")

    def _message(self, _client, _userdata, message):
        seen = self.status if message.topic.endswith("/status") else self.telemetry
        seen.add(json.loads(message.payload))

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


def _client(workshop, client_id, identity=None):
    context = ssl.create_default_context(cafile=workshop.ca.cert_pem)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if identity:
        context.load_cert_chain(identity.cert_pem, identity.key_pem)
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id)
    client.tls_set_context(context)
    return client


class Demo:
    """The desk of the demo and its checks. Leaving its `with` block ends everything it started."""

    def __init__(self, console, interpreter, interrupt):
        self._console = console
        self._interpreter = interpreter
        self._interrupt = interrupt
        self._stack = contextlib.ExitStack()
        self._hub_log = _Seen(interrupt)
        self.results = {}

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._set_up(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _set_up(self, stack):
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hublink-demo-"))
        self._workshop = Workshop(Path(folder) / "desk")
        self._mpy = Path(folder) / "mpy"
        compile_firmware(self._mpy)
        self._dns = stack.enter_context(DnsServer({HUB_NAME: ["127.0.0.1"]}))
        self._sntp = stack.enter_context(SntpServer())
        devices = [Device(device_id(name), name) for name in (_SENSOR, _GUEST, _OPERATOR)]
        self._hub = stack.enter_context(self._desk_hub(self._workshop.hub, devices, self._hub_says))
        self._wire = stack.enter_context(Wire(self._hub.port))
        self._operator = _Operator(self._workshop, self._hub.port, self._interrupt)
        stack.callback(self._operator.close)
        config = self._device(_SENSOR, self._wire.port)
        self._board = stack.enter_context(self._desk_board(config, _SENSOR))

    def _desk_hub(self, identity, devices, log):
        hub = DeskHub(
            dialect="scaleway",
            server_cert=identity.cert_pem,
            server_key=identity.key_pem,
            ca=self._workshop.ca.cert_pem,
            devices=devices,
            log=log,
        )
        return hub.in_thread()

    def _device(self, name, port, **options):
        return self._workshop.device(
            name,
            {"type": "scaleway", "host": HUB_NAME, "port": port, "device_id": device_id(name)},
            dns={"servers": [f"127.0.0.1:{self._dns.port}"]},
            clock={"servers": [f"127.0.0.1:{self._sntp.port}"]},
            **options,
        )

    def _desk_board(self, config, name):
        def say(text):
            self._say(name, text.removeprefix("hublink: "))

        env = {"MICROPYPATH": str(self._mpy)}
        board = DeskBoard(config, interpreter=self._interpreter, on_line=say, script=PROGRAM, env=env)
        return self._interrupt.watch(board)

    def _hub_says(self, record):
        self._hub_log.add(record)
        if record["what"] == "ready" or record.get("topic") == f"{_SENSOR}/telemetry":
            return
        text = line(record)
        for name in (_SENSOR, _GUEST, _OPERATOR):
            text = text.replace(device_id(name), name)
        self._say("hub", text)

    def _say(self, who, text):
        self._console.print(f"{who:>9} | {text}", highlight=False, markup=False, soft_wrap=True)

    def _hub_record(self, what, since=0, **wanted):
        return self._hub_log.wait(
            f"the hub's '{what}'",
            lambda record: record["what"] == what and all(record.get(k) == v for k, v in wanted.items()),
            since,
        )

    # -- the checks --------------------------------------------------------------------------

    def run(self):
        """Do all checks in order; one that does not hold does not stop the rest. True if all held."""
        for number, (text, check) in enumerate(zip(_CHECKS, self._checks(), strict=True), start=1):
            self._interrupt.check()
            self._console.rule(f"{number}. {text}", align="left", style="dim")
            try:
                self.results[text] = (True, check())
            except (DeskError, TimeoutError) as error:
                self._interrupt.check()
                self.results[text] = (False, str(error))
            self._say("demo", f"{'ok' if self.results[text][0] else 'FAILED'}: {self.results[text][1]}")
        return all(held for held, _ in self.results.values())

    def _checks(self):
        return (
            self._proves_itself,
            self._sends_telemetry,
            self._hears_of_the_guest,
            self._survives_a_cut,
            self._leaves_a_will,
            self._comes_back,
            self._refuses_a_wrong_hub,
            self._is_refused_with_a_foreign_certificate,
        )

    def _proves_itself(self):
        self._board.start()
        self._board.wait_line("link HUB -> ONLINE", _STEP_S)
        proof = self._hub_record("connect", client=device_id(_SENSOR))["proof"]
        _expect(proof.startswith("certificate"), f"the device was let in by {proof}")
        return f"TLS 1.2, hub verified as {HUB_NAME}; device proved by {proof}"

    def _sends_telemetry(self):
        self._operator.telemetry.wait("a third reading", lambda m: m["seq"] >= _ENOUGH)
        messages = self._operator.telemetry.items()
        _expect_contiguous(messages)
        last = messages[-1]
        _expect(last["boot"] == 1, f"boot is {last['boot']}, expected 1")
        _expect(abs(last["time"] - time.time()) < _CLOCK_S, f"time {last['time']} is not now")
        return f"boot 1, seq 1..{last['seq']}, time set by SNTP"

    def _hears_of_the_guest(self):
        codes = _Seen(self._interrupt)
        guest = _client(self._workshop, device_id(_GUEST))
        guest.on_connect = lambda _c, _u, _flags, code, _p: codes.add(code)
        guest.connect("127.0.0.1", self._hub.port)
        guest.loop_start()
        try:
            code = codes.wait("the guest's CONNACK", lambda _: True)
        finally:
            guest.loop_stop()
        _expect(code.is_failure, "the guest was let in")
        self._board.wait_line(f"demo: handled sec.mtls_required about {device_id(_GUEST)}", _STEP_S)
        return f"CONNACK: {code}; the handler of {_SENSOR} was called with sec.mtls_required"

    def _survives_a_cut(self):
        self._operator.telemetry.wait("telemetry", lambda _: True)
        before = self._operator.telemetry.items()[-1]["seq"]
        mark = self._operator.telemetry.mark()
        self._wire.cut()
        self._say("demo", f"cable pulled for {_CUT_S:g} s")
        self._board.wait_line("link ONLINE -> DOWN", _STEP_S)
        self._interrupt.sleep(_CUT_S)
        arrived = self._operator.telemetry.mark() - mark
        self._wire.restore()
        wanted = before + 2 * int(_CUT_S) + 4
        self._operator.telemetry.wait("what was queued", lambda m: m["seq"] >= wanted, mark, 2 * _STEP_S)
        _expect_contiguous(self._operator.telemetry.items())
        return f"{arrived} arrived during the cut, seq {before}..{wanted} all there, in order"

    def _leaves_a_will(self):
        mark = self._operator.status.mark()
        self._board.kill()
        self._say("demo", "SIGKILL")
        self._operator.status.wait("the last will", lambda m: m == {"online": False}, mark)
        return 'status {"online": false} published by the hub'

    def _comes_back(self):
        mark = self._operator.telemetry.mark()
        self._board.start()
        message = self._operator.telemetry.wait("a reading", lambda m: m["boot"] == 2, mark)
        return f"boot 2, first message seq {message['seq']}"

    def _refuses_a_wrong_hub(self):
        seen = _Seen(self._interrupt)
        wrong = self._workshop.foreign.issue("hub", kind="hub", hosts=[HUB_NAME, "127.0.0.1"])
        with self._desk_hub(wrong, [Device(device_id(_SENSOR), _SENSOR)], seen.add) as impostor:
            identity = self._workshop.ca.issue("sensor-1-again")
            config = self._device(_SENSOR, impostor.port, identity=identity, folder="misled")
            with self._desk_board(config, "misled") as board:
                board.start()
                board.wait_line("trouble untrusted_hub", _STEP_S)
            seen.wait("the refusal at the impostor", lambda record: record["what"] == "refuse")
        _expect(not any(r["what"] == "connect" for r in seen.items()), "the device connected to it")
        return "untrusted_hub; the impostor got no MQTT byte"

    def _is_refused_with_a_foreign_certificate(self):
        mark = self._hub_log.mark()
        identity = self._workshop.foreign.issue(_SENSOR)
        config = self._device(_SENSOR, self._hub.port, identity=identity, folder="foreigner")
        with self._desk_board(config, "foreigner") as board:
            board.start()
            said = board.wait_line("trouble (hub_refuses_certificate|reset_in_handshake)", _STEP_S)
        reason = self._hub_record("refuse", mark)["reason"]
        return f"hub: {reason}; device: {said.group(1)}"

    def table(self):
        """The results as a rich Table."""
        table = Table("", "check", "what was seen", title="hublink demo", title_justify="left")
        for text in _CHECKS:
            held, seen = self.results[text]
            table.add_row("[green]ok[/]" if held else "[red]FAILED[/]", text, seen.split("\n", 1)[0])
        return table


def _expect(holds, message):
    if not holds:
        raise DeskError(message)


def _expect_contiguous(messages):
    numbers = [(message["boot"], message["seq"]) for message in messages]
    first = numbers[0][1]
    wanted = [(numbers[0][0], seq) for seq in range(first, first + len(numbers))]
    _expect(numbers == wanted, f"messages arrived as {numbers}, expected each once and in order")


@click.command("demo")
@click.option("--interpreter", type=click.Choice(INTERPRETERS), default="micropython", show_default=True)
def command(interpreter):
    """Run the firmware against a hub on this desk and check eight things, in under a minute."""
    console = Console()
    started = time.monotonic()
    with _Interrupt() as interrupt, Demo(console, interpreter, interrupt) as demo:
        everything = demo.run()
        console.print()
        console.print(demo.table())
    held = sum(held for held, _ in demo.results.values())
    console.print(f"took {time.monotonic() - started:.0f} s", highlight=False)
    click.echo(f"demo: {held} of {len(_CHECKS)} ok")
    raise SystemExit(0 if everything else 1)
