"""One life of the device, from one reset to the next: its process, its console, its watchdog."""

import os
import re
import select
import shutil
import signal
import tempfile
import time
from contextlib import contextmanager

STOP_MAX_S = 3  # from SIGINT to SIGKILL: time to disconnect in good order
_LOOK_EVERY_S = 0.02  # how late an order or a death may be noticed
_READ_MAX_LEN = 64 * 1024
_LINE_MAX_LEN = 64 * 1024  # longer lines are cut


class Device:
    """One life of the device: its process, its console, its watchdog."""

    def __init__(self, process, fifo, on_output):
        self.process = process
        self._fifo = fifo
        self._on_output = on_output
        self._console = process.stdout.fileno()
        os.set_blocking(self._console, False)
        self._is_silent = False  # its console is closed
        self._splitter = Splitter()
        self._watchdog = Watchdog()
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
        data = read(self._console)
        self._is_silent = data == b""
        return self._take(data or b"")

    def last_lines(self):
        """What is left when it has ended."""
        lines = []
        while data := read(self._console):
            lines += self._take(data)
        return lines + self._splitter.rest()

    def _take(self, data):
        self._on_output(data)
        return self._splitter.split(data)

    def hear_feeding(self):
        """Take in what it told its watchdog. Returns a line of complaint, mostly none."""
        rubbish = self._watchdog.hear(read(self._fifo) or b"", time.monotonic())
        return [b"board: watchdog: cannot read %r\n" % rubbish] if rubbish else []

    def is_starved(self):
        return self._watchdog.left_s(time.monotonic()) <= 0

    def ask_to_end(self):
        if self._asked_s is None:
            self._asked_s = time.monotonic()
            self.process.send_signal(signal.SIGINT)

    def has_ignored_sigint(self):
        return self._asked_s is not None and time.monotonic() - self._asked_s > STOP_MAX_S

    def end(self):
        """End it and what it may have started, if it has not ended. Returns its exit code."""
        if self.is_alive():
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()


class Watchdog:
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


class Splitter:
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


def read(descriptor):
    """What is there to read: bytes, none at the end of the stream, None if there is nothing yet."""
    try:
        return os.read(descriptor, _READ_MAX_LEN)
    except BlockingIOError:
        return None


@contextmanager
def watchdog_fifo():
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
