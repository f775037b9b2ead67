"""The far end of a serial line: what a program writes to a pseudo-terminal is answered by a thread."""

import os
import select
import threading
import tty


class SerialPeer:
    """A context manager; a subclass answers in `received(data)` with `send(data)`.

    Attributes:
        name: path of the port that the program under test opens.
    """

    def __enter__(self):
        self._ours, self._theirs = os.openpty()  # theirs stays open, so that the line never hangs up
        tty.setraw(self._theirs)
        self.name = os.ttyname(self._theirs)
        self._end, self._wake = os.pipe()
        self._problem = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_):
        os.close(self._wake)
        self._thread.join()
        for descriptor in (self._ours, self._theirs, self._end):
            os.close(descriptor)
        if self._problem:
            raise self._problem

    def send(self, data):
        while data:
            data = data[os.write(self._ours, data) :]

    def received(self, data):
        """Bytes came in. What it raises ends the peer, and is raised where the block ends."""
        raise NotImplementedError

    def _serve(self):
        try:
            while self._end not in (ready := select.select([self._ours, self._end], [], [])[0]):
                assert ready
                self.received(os.read(self._ours, 65536))
        except Exception as problem:
            self._problem = problem
