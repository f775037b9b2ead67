"""`hublink run`: the board on the desk. A device process, and around it what hardware gives a board.

That is power, a console, a reset, and a watchdog that bites from outside the process and therefore
even when the interpreter hangs. One thread per power-on starts the process, hears it and ends it; other
threads give orders and read what was heard. Nothing here knows what the firmware does.
"""

import atexit
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import click

from . import paths
from .build import compile_firmware
from .errors import DeskError
from .servers import end_with_parent

INTERPRETERS = ("micropython", "micropython32", "cpython")
CAUSES = ("power_on", "watchdog", "reset")

_EXIT_RESET = 75  # how boards/unix does machine.reset()
_STOP_MAX_S = 3  # from SIGINT to SIGKILL: time to disconnect in good order
_LOOK_EVERY_S = 0.02  # how late an order or a death may be noticed
_READ_MAX_LEN = 64 * 1024
_LINE_MAX_LEN = 64 * 1024  # longer lines are cut
_LINES_KEPT = 50_000  # at least; bounded, so that a board may run for weeks
_LINES_QUOTED = 20
_NOTHING_KEPT = "0 0"  # the two numbers that a reset leaves alone, after power loss
_HEAP = re.compile(r"[1-9][0-9]*[kKmM]?")


def nearest_to_board():
    """Which of INTERPRETERS is most like a board here: the one of 32 bits, where set-up could provide it."""
    return "micropython32" if paths.has_program("micropython32") else "micropython"


def _board_heap(interpreter):
    """A Pico W's heap. In 64 bits most of what lies there takes twice the room."""
    return "400k" if interpreter == "micropython" else "200k"


class DeskBoard:
    """A board that is switched on with `start` and off with `kill` or `stop`, or by leaving its block.

    Args:
        config_path: the device's configuration file; its folder is the device's file system.
        interpreter: one of INTERPRETERS, or the Path of another MicroPython.
        heap: size of MicroPython's heap in bytes, as in "200k", by default a Pico W's; CPython ignores it.
        on_line: called with each line (str), on the board's thread: it must return soon, for nobody
            watches the watchdog meanwhile. What it raises ends the board and is raised again by
            `wait_line`, `wait_exit` and the end of the block.
        env: further environment variables of the device, name -> value.
        script: what to run instead of the firmware's main.py.
        output: a binary file that gets every line exactly as it was printed.

    Attributes:
        resets: causes of the restarts so far, oldest first.
        exit_code: of the process that ended last, negative for a signal; None before that.

    Raises:
        DeskError: an argument is wrong, or set-up has not provided the interpreter.
    """

    def __init__(
        self,
        config_path,
        interpreter="micropython",
        heap=None,
        on_line=None,
        env=None,
        script=None,
        output=None,
    ):
        config_path = Path(config_path).absolute()
        if not config_path.is_file():
            raise DeskError(f"{config_path} is not a file: a device's configuration is expected.")
        script = Path(script or paths.FIRMWARE / "main.py").absolute()
        self._folder = config_path.parent
        self._command = _command(interpreter, heap or _board_heap(interpreter), script)
        self._env = _environment(interpreter, config_path.name) | (env or {})
        self._on_line = on_line
        self._output = output
        self.resets = []
        self.exit_code = None
        self._log = _Log()
        self._order = None  # "stop" or "kill"
        self._failure = None
        self._kept = _NOTHING_KEPT
        self._is_on = False
        self._process = self._thread = None

    def __enter__(self):
        return self

    def __exit__(self, error_type, *_):
        self.kill()
        if error_type is None:
            self._raise_failure()

    # --- for every thread ---

    @property
    def lines(self):
        r"""Everything printed, by the device and by its board ("board: ..."), as a new list of str.

        Bytes that are not UTF-8 read \xNN. Of a board that prints for weeks the oldest lines are gone.
        """
        return self._log.lines()

    @property
    def running(self):
        """True from `start` until the board is off, through all its resets."""
        return self._is_on

    @property
    def pid(self):
        """Process id of the device; None while there is none."""
        process = self._process
        return process.pid if process else None

    def start(self, cause="power_on"):
        """Switch it on; returns when the device's process exists.

        Args:
            cause: what the device is told as the cause of its reset, one of CAUSES; "power_on" clears the
                numbers that it keeps over a reset.
        """
        if self._is_on:
            raise DeskError("The board is on already.", "switch it off first")
        if cause not in CAUSES:
            raise DeskError(f"Reset cause {cause!r}: one of {', '.join(CAUSES)} is expected.")
        self._order = self._failure = self.exit_code = None
        if cause == "power_on":
            self._kept = _NOTHING_KEPT
        self._is_on = True
        atexit.register(self.kill)
        self._thread = threading.Thread(target=self._supervise, args=(cause,), name="DeskBoard", daemon=True)
        self._thread.start()
        self._log.wait_for(lambda: self._process or not self._is_on, None)
        self._raise_failure()

    def kill(self):
        """Cut the power: SIGKILL, no restart. Does nothing to a board that is off."""
        self._switch_off("kill")

    def stop(self):
        """Ask the device to end (SIGINT, as Ctrl-C) and cut the power if it has not within 3 s."""
        self._switch_off("stop")

    def ask_to_stop(self):
        """As `stop`, but does not wait; a signal handler may call it."""
        self._order = self._order or "stop"

    def wait_line(self, regex, timeout_s):
        """The next line that matches, looking on from the line after the last one found by this method.

        Args:
            regex: searched for in each line (`re.search`).
            timeout_s: how long to wait for it to be printed, in seconds.

        Returns:
            re.Match; its `string` is the line.

        Raises:
            DeskError: no such line in time, or the board went off before; quotes the last 20 lines.
        """
        search = self._log.search(re.compile(regex))
        found = self._log.wait_for(lambda: next(search) or not self._is_on, timeout_s)
        if isinstance(found, re.Match):
            return found
        self._raise_failure()
        when = "before the board was off" if found else f"within {timeout_s} s"
        raise DeskError(f"No line matched {regex!r} {when}. The last lines:\n{self._log.quote()}")

    def wait_exit(self, timeout_s=None):
        """Wait until the board is off, by itself or by order. Returns `exit_code`.

        Raises:
            DeskError: it is still on after timeout_s seconds.
        """
        if not self._log.wait_for(lambda: not self._is_on, timeout_s):
            message = f"The board is still on after {timeout_s} s. The last lines:"
            raise DeskError(f"{message}\n{self._log.quote()}")
        self._raise_failure()
        return self.exit_code

    def _switch_off(self, order):
        self._order = order
        if self._thread and self._thread is not threading.current_thread():  # on_line may give orders too
            self._thread.join()

    def _raise_failure(self):
        if self._failure:
            raise self._failure

    # --- on the board's thread ---

    def _supervise(self, cause):
        try:
            with _fifo() as (path, fifo):
                while cause:
                    cause = self._life(cause, path, fifo)
        except BaseException as error:  # for the thread that waits
            self._failure = error
        finally:
            atexit.unregister(self.kill)
            self._is_on = False
            self._log.tell()

    def _life(self, cause, path, fifo):
        """The device from one reset to the next; returns the cause of the next, or None for no next."""
        _read(fifo)  # what an earlier life left in it
        device = _Device(self._spawn(cause, path), fifo, self._printed)
        self._process = device.process
        self._log.tell()
        try:
            why = self._accompany(device)
            device.end()
            self._hear(device.last_lines())
            self._hear(device.hear_feeding())
        finally:
            self._process = None
            self._kept = device.kept or self._kept
            self.exit_code = device.end()
            device.process.stdout.close()
        self._hear([f"board: {_verdict(why, self.exit_code, device.timeout_ms)}\n".encode()])
        return self._next_cause(why)

    def _spawn(self, cause, watchdog_path):
        return subprocess.Popen(
            self._command,
            cwd=self._folder,
            env=self._env
            | {"HUBLINK_WATCHDOG": watchdog_path, "HUBLINK_RESET_CAUSE": cause, "HUBLINK_KEPT": self._kept},
            stdin=self._stdin(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # a board has one console
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for us, and we pass it on, once
            preexec_fn=end_with_parent(),  # noqa: PLW1509 - the child calls one C function, which takes no lock
        )

    # What a board with more than a console changes.

    def _stdin(self):
        """What the device reads, as Popen takes it."""
        return subprocess.DEVNULL

    def _printed(self, data):
        """The device has printed these bytes, which need not be a line."""

    def _accompany(self, device):
        """Hear the device until it ends or has to be ended; returns why."""
        while device.is_alive():
            device.wait_a_little()
            self._hear(device.lines())
            self._hear(device.hear_feeding())
            if self._order == "kill":
                return "kill"
            if device.has_ignored_sigint():
                return "ignored"
            if device.is_starved():
                return "watchdog"
            if self._order == "stop":
                device.ask_to_end()
        return self._order or "exit"

    def _next_cause(self, why):
        if self._order:
            return None
        if why == "watchdog":
            cause = "watchdog"
        elif self.exit_code == _EXIT_RESET:
            cause = "reset"
        else:
            return None
        self.resets.append(cause)
        return cause

    def _hear(self, lines):
        texts = [line.removesuffix(b"\n").decode("utf-8", "backslashreplace") for line in lines]
        self._log.add(texts)
        for line, text in zip(lines, texts, strict=True):
            if self._output:
                self._output.write(line)
                self._output.flush()
            if self._on_line:
                self._on_line(text)


def _verdict(why, exit_code, timeout_ms):
    """How a life ended, for the console."""
    if why == "watchdog":
        return f"watchdog: not fed for {timeout_ms} ms, resetting"
    if why == "kill":
        return "power cut"
    if why == "ignored":
        return f"did not stop within {_STOP_MAX_S} s, killed"
    if why == "stop":
        return "stopped"
    if exit_code == _EXIT_RESET:
        return "machine.reset(), restarting"
    return f"ended with code {exit_code}" if exit_code >= 0 else f"ended by {signal.Signals(-exit_code).name}"


class _Device:
    """One life of the device: its process, its console, its watchdog."""

    def __init__(self, process, fifo, on_output):
        self.process = process
        self._fifo = fifo
        self._on_output = on_output
        self._console = process.stdout.fileno()
        os.set_blocking(self._console, False)
        self._is_silent = False  # its console is closed
        self._splitter = _Splitter()
        self._watchdog = _Watchdog()
        self._asked_s = None

    @property
    def timeout_ms(self):
        return self._watchdog.timeout_ms

    @property
    def kept(self):
        return self._watchdog.kept

    def is_alive(self):
        return self.process.poll() is None

    def wait_a_little(self):
        """Until there is something to hear or to decide."""
        poll = select.poll()
        poll.register(self._fifo, select.POLLIN)
        if not self._is_silent:
            poll.register(self._console, select.POLLIN)
        left_s = self._watchdog.left_s(time.monotonic())
        poll.poll(max(0, min(_LOOK_EVERY_S, left_s)) * 1000)

    def lines(self):
        """The lines (bytes, with their ends) that a piece of its output completes."""
        data = _read(self._console)
        self._is_silent = data == b""
        return self._take(data or b"")

    def last_lines(self):
        """What is left when it has ended."""
        lines = []
        while data := _read(self._console):
            lines += self._take(data)
        return lines + self._splitter.rest()

    def _take(self, data):
        self._on_output(data)
        return self._splitter.split(data)

    def hear_feeding(self):
        """Take in what it told its watchdog. Returns a line of complaint, mostly none."""
        rubbish = self._watchdog.hear(_read(self._fifo) or b"", time.monotonic())
        return [b"board: watchdog: cannot read %r\n" % rubbish] if rubbish else []

    def is_starved(self):
        return self._watchdog.left_s(time.monotonic()) <= 0

    def ask_to_end(self):
        if self._asked_s is None:
            self._asked_s = time.monotonic()
            self.process.send_signal(signal.SIGINT)

    def has_ignored_sigint(self):
        return self._asked_s is not None and time.monotonic() - self._asked_s > _STOP_MAX_S

    def end(self):
        """End it and what it may have started, if it has not ended. Returns its exit code."""
        if self.is_alive():
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()


class _Watchdog:
    """What the device writes into the FIFO: lines `start <timeout in ms>`, then dots, its feed.

    Lines `keep <number> <number>` are for whoever remembers them over a reset.
    """

    _WORD = re.compile(rb"start ([1-9][0-9]{0,8})\n|keep ([0-9]{1,10} [0-9]{1,10})\n|\.+")
    _WORD_MAX_LEN = len("keep 1234567890 1234567890\n")

    def __init__(self):
        self.timeout_ms = None
        self.kept = None
        self._fed_s = 0.0
        self._unread = b""

    def hear(self, data, now_s):
        """Take in bytes, in any pieces. Returns those that make no sense, mostly none."""
        self._unread += data
        rubbish = b""
        while self._unread:
            word = self._WORD.match(self._unread)
            if word and word[2]:
                self.kept = word[2].decode()
            elif word:
                self.timeout_ms = int(word[1]) if word[1] else self.timeout_ms
                self._fed_s = now_s
            elif len(self._unread) < self._WORD_MAX_LEN and b"\n" not in self._unread:
                break
            else:
                word = re.match(rb"[^\n]*\n?", self._unread)
                rubbish += word[0]
            self._unread = self._unread[word.end() :]
        return rubbish

    def left_s(self, now_s):
        """Seconds until it bites, not above 0 when it does; without end before it was started."""
        return float("inf") if self.timeout_ms is None else self._fed_s + self.timeout_ms / 1000 - now_s


class _Splitter:
    """Cuts output into lines; an unfinished one waits until `rest`."""

    def __init__(self):
        self._unfinished = b""

    def split(self, data):
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        lines = [line + b"\n" for line in lines]
        if len(self._unfinished) >= _LINE_MAX_LEN:
            lines += self.rest()
        return lines

    def rest(self):
        line, self._unfinished = self._unfinished, b""
        return [line + b"\n"] if line else []


class _Log:
    """The lines of a board, for several threads: one adds, others look and wait."""

    def __init__(self):
        self._lines = []
        self._forgotten = 0  # how many lines were dropped before the first of _lines
        self._found = 0  # number of the line after the last one found
        self._changed = threading.Condition()

    def add(self, lines):
        with self._changed:
            self._lines += lines
            if len(self._lines) >= 2 * _LINES_KEPT:
                drop = len(self._lines) - _LINES_KEPT
                del self._lines[:drop]
                self._forgotten += drop
            self._changed.notify_all()

    def tell(self):
        """Something else has changed that somebody may wait for."""
        self.add([])

    def lines(self):
        with self._changed:
            return list(self._lines)

    def quote(self):
        return "\n".join("  " + line for line in self.lines()[-_LINES_QUOTED:])

    def wait_for(self, predicate, timeout_s):
        """Wait until predicate() is true, called with the log locked; returns what it returned last."""
        with self._changed:
            return self._changed.wait_for(predicate, timeout_s)

    def search(self, pattern):
        """At each `next`, the first match in lines not looked at before, or None. Log locked."""
        number = self._found
        while True:
            number = max(number, self._forgotten)
            for line in self._lines[number - self._forgotten :]:
                number += 1
                match = pattern.search(line)
                if match:
                    self._found = number
                    break
            else:
                match = None
            yield match


def _read(descriptor):
    """What is there to read: bytes, none at the end of the stream, None if there is nothing yet."""
    try:
        return os.read(descriptor, _READ_MAX_LEN)
    except BlockingIOError:
        return None


@contextmanager
def _fifo():
    """(path, descriptor) of a FIFO that neither side waits at: we hold both its ends open."""
    folder = tempfile.mkdtemp(prefix="hublink-")
    try:
        path = os.path.join(folder, "watchdog")
        os.mkfifo(path, 0o600)
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        try:
            yield path, descriptor
        finally:
            os.close(descriptor)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _command(interpreter, heap, script):
    if interpreter not in INTERPRETERS and not isinstance(interpreter, Path):
        raise DeskError(f"Interpreter {interpreter!r}: one of {', '.join(INTERPRETERS)} is expected.")
    if not script.is_file():
        raise DeskError(f"{script} is not a file: the device's program is expected.")
    if interpreter == "cpython":
        return [sys.executable, "-u", "-m", "host_tests.shim", "--board", "unix", script]
    if not _HEAP.fullmatch(heap):
        raise DeskError(f"Heap {heap!r}: a number of bytes is expected, as in 200k.")
    program = interpreter if isinstance(interpreter, Path) else paths.program(interpreter)
    return [program, "-X", f"heapsize={heap}", script]


def _environment(interpreter, config_name):
    if interpreter == "cpython":
        name, folders = "PYTHONPATH", [paths.ROOT, paths.ROOT / "tools"]
    else:  # .frozen: the modules in the interpreter itself, asyncio among them
        umqtt = paths.umqtt_dir().absolute()
        name, folders = "MICROPYPATH", [paths.FIRMWARE, paths.BOARDS / "unix", umqtt, ".frozen"]
    return os.environ | {name: ":".join(map(str, folders)), "HUBLINK_CONFIG": config_name}


# --- the command ---

# Ctrl-C ends with the code that shells expect of it; a service manager expects 0 of what it stopped.
_SIGNAL_CODES = {signal.SIGINT: 130, signal.SIGTERM: 0, signal.SIGHUP: 0}


interpreter_option = click.option(
    "--interpreter", type=click.Choice(INTERPRETERS), default=nearest_to_board,
    show_default="micropython32, else micropython",
)  # fmt: skip


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@interpreter_option
@click.option("--heap", help="MicroPython's heap in bytes.  [default: 200k, or 400k in 64 bits]")
def command(config, interpreter, heap):
    """Run the firmware on this desk, with the configuration file CONFIG.

    The folder of CONFIG is the device's file system. The watchdog and machine.reset() restart the
    device; when it ends otherwise, this ends with its exit code. Ctrl-C lets it disconnect first.
    """
    # What goes onto a board is compiled before, and a board's heap has no room for compiling it.
    firmware = paths.BUILD / "run"
    compile_firmware(firmware)
    env = {} if interpreter == "cpython" else {"MICROPYPATH": f"{firmware}:.frozen"}
    with DeskBoard(config, interpreter, heap, env=env, output=sys.stdout.buffer) as board:
        with _signals_stop(board) as received:
            board.start()
            if received:  # before there was a board to stop
                board.ask_to_stop()
            code = board.wait_exit()
    if received:
        code = _SIGNAL_CODES[received[0]]
    sys.exit(code if code >= 0 else 128 - code)


@contextmanager
def _signals_stop(board):
    """Signals stop the board instead of us; yields the list of those received."""
    received = []

    def stop(number, _frame):
        received.append(number)
        board.ask_to_stop()

    before = {number: signal.signal(number, stop) for number in _SIGNAL_CODES}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
