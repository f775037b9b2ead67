"""`hublink watch` as a process, and what it says."""

import contextlib
import json
import signal
import subprocess
import threading

from host_tests.system.node_parts import STEP_S, Feed
from host_tests.verbs import ENVIRONMENT, TOOL


class Watching(contextlib.AbstractContextManager):
    """`hublink watch` for the length of a `with` block.

    Attributes:
        lines, problems: Feeds of its lines on standard output and standard error.
    """

    def __init__(self, *arguments, stdout=subprocess.PIPE):
        command = [*TOOL, "watch"]
        command += map(str, arguments)
        self.process = subprocess.Popen(
            command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        self.lines, self.problems = Feed(), Feed()
        self._threads = [threading.Thread(target=_read, args=(self.process.stderr, self.problems))]
        if self.process.stdout:
            self._threads.append(threading.Thread(target=_read, args=(self.process.stdout, self.lines)))
        for thread in self._threads:
            thread.start()

    def change(self, what, **details):
        """The next change of that kind with those details."""
        wanted = {"what": what, **details}
        return json.loads(self.lines.next(lambda line: wanted.items() <= json.loads(line).items()))

    def end(self, number=signal.SIGTERM):
        """Ask it to. Returns what it knew of the fleet."""
        self.process.send_signal(number)
        return self.last()

    def last(self):
        """Wait for its end. Returns what it knew of the fleet."""
        assert self.process.wait(STEP_S) == 0, self.problems.items()
        for thread in self._threads:
            thread.join()
        return json.loads(self.lines.items()[-1])["devices"]

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in filter(None, (self.process.stdout, self.process.stderr)):
            pipe.close()


def _read(pipe, feed):
    for line in pipe:
        feed.put(line.rstrip("\n"))
