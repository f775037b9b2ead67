"""DeskBoard: one thread per power-on starts the device, hears it and ends it.

Other threads give orders and read what was heard.
"""

import atexit
import re
import signal
import subprocess
import threading
from pathlib import Path

from .. import paths
from ..errors import DeskError
from ..servers import end_with_parent
from . import life
from .interpreters import command_line, environment
from .life import Device, read, watchdog_fifo
from .log import Log

CAUSES = ("power_on", "watchdog", "reset")

_EXIT_RESET = 75  # how boards/unix does machine.reset()
_NOTHING_KEPT = "0 0"  # the two numbers that a reset leaves alone, after power loss


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
        self._command = command_line(interpreter, heap, script)
        self._env = environment(interpreter, config_path.name) | (env or {})
        self._on_line = on_line
        self._output = output
        self.resets = []
        self.exit_code = None
        self._log = Log()
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
            with watchdog_fifo() as (path, fifo):
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
        read(fifo)  # what an earlier life left in it
        device = Device(self._spawn(cause, path), fifo, self._printed)
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
        return f"did not stop within {life.STOP_MAX_S} s, killed"
    if why == "stop":
        return "stopped"
    if exit_code == _EXIT_RESET:
        return "machine.reset(), restarting"
    return f"ended with code {exit_code}" if exit_code >= 0 else f"ended by {signal.Signals(-exit_code).name}"
