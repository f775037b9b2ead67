"""The serial port of the board on the desk: a pseudo-terminal, and the thread that reads it."""

import contextlib
import fcntl
import os
import select
import signal
import struct
import termios
import threading
import tty

import psutil

_CTRL_C = b"\x03"
_READ_LEN = 1024
_WAITING_LEN = 4096
_HOST_READS_S = 1.0  # a host that has not read for so long is not there: what comes next is dropped
_BUSY_S = 0.3  # for so long a Ctrl-C waits for the device to wait
_LOOK_EVERY_S = 0.002


class Port:
    """A port from its plugging in to its pulling out, for one life of a device; a context manager.

    What is printed before a host has opened the port waits for it, as in the FIFO of a Pico's USB.

    Args:
        path: str, where the port is: a link to the pseudo-terminal.

    Attributes:
        stdin: descriptor that the device reads.
    """

    def __init__(self, path):
        self._path = path
        self._has_host = True
        self._waiting = b""  # None once a host has opened it
        self._writing = threading.Lock()
        self._thread = None

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._ours, theirs = os.openpty()
            stack.callback(os.close, self._ours)
            stack.callback(os.close, theirs)  # held open, so that it stays as it is set
            tty.setraw(theirs)
            # What we read says also when the other side has discarded its input, as it does when it opens.
            fcntl.ioctl(self._ours, termios.TIOCPKT, struct.pack("i", 1))
            os.set_blocking(self._ours, False)
            self.stdin, self._input = os.pipe()
            stack.callback(os.close, self.stdin)
            stack.callback(os.close, self._input)
            self._ended, self._end = os.pipe()
            stack.callback(os.close, self._ended)
            stack.callback(os.close, self._end)
            stack.callback(self._stop)
            os.symlink(os.ttyname(theirs), self._path)
            stack.callback(os.unlink, self._path)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.close()

    def serve(self, process):
        """Give what the host sends to a Popen, until the port is pulled out."""
        self._thread = threading.Thread(target=self._run, args=(process,), name="Port", daemon=True)
        self._thread.start()

    def write(self, data):
        """To the host, if there is one that reads. Lines end as a board ends them."""
        data = data.replace(b"\n", b"\r\n")
        with self._writing:
            if self._waiting is None:
                self._send(data)
            else:
                self._waiting = (self._waiting + data)[-_WAITING_LEN:]

    def _opened(self):
        with self._writing:
            self._send(self._waiting or b"")
            self._waiting = None

    def _send(self, data):
        while data:
            try:
                data = data[os.write(self._ours, data) :]
                self._has_host = True
            except BlockingIOError:
                poll = select.poll()
                poll.register(self._ours, select.POLLOUT)
                self._has_host = bool(self._has_host and poll.poll(_HOST_READS_S * 1000))
                if not self._has_host:
                    return

    def _stop(self):
        os.write(self._end, b".")
        if self._thread:
            self._thread.join()

    def _run(self, process):
        poll = select.poll()
        poll.register(self._ours, select.POLLIN)
        poll.register(self._ended, select.POLLIN)
        while self._ended not in dict(poll.poll()):
            data = os.read(self._ours, _READ_LEN)
            if data[0] & termios.TIOCPKT_FLUSHREAD:
                self._opened()
            before, *after = data[1:].split(_CTRL_C)
            self._give(before)
            for data in after:
                _interrupt(process)
                self._give(data)

    def _give(self, data):
        poll = select.poll()
        poll.register(self._input, select.POLLOUT)
        poll.register(self._ended, select.POLLIN)
        while data and self._ended not in dict(poll.poll()):
            data = data[os.write(self._input, data[: select.PIPE_BUF]) :]


def _interrupt(process):
    """Ctrl-C on a board comes between two steps of its program; here a signal may end a C function half-way.

    So it is sent when the device waits, which it does not do while it changes its flash or its heap. A
    program that never waits gets it nevertheless.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        device = psutil.Process(process.pid)
        for _ in range(int(_BUSY_S / _LOOK_EVERY_S)):
            if device.status() == psutil.STATUS_SLEEPING:
                break
            threading.Event().wait(_LOOK_EVERY_S)
        device.send_signal(signal.SIGINT)
