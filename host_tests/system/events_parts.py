"""What the tests of `hublink events` share: the verb as a process whose lines are read as they come."""

import contextlib
import json
import queue
import re
import subprocess
import threading

from host_tests.system.desk_hub_parts import PATIENCE_S
from host_tests.verbs import ENVIRONMENT, TOOL

_START_S = 4 * PATIENCE_S  # the first line waits for the imports


class Following(contextlib.AbstractContextManager):
    """`hublink events` for the length of a `with` block.

    Args:
        arguments: of the verb, besides --json.
        is_json: False for lines as people read them.
        environment: variables that it gets besides its own.

    Attributes:
        process: Popen.
    """

    def __init__(self, *arguments, is_json=True, **environment):
        command = [*TOOL, "events"]
        command += ["--json"] if is_json else []
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**ENVIRONMENT, **environment},
        )
        self._queues = [queue.Queue(), queue.Queue()]
        pipes = zip((self.process.stdout, self.process.stderr), self._queues, strict=True)
        self._threads = [threading.Thread(target=_read, args=both) for both in pipes]
        for thread in self._threads:
            thread.start()

    def line(self):
        """The next one on standard output."""
        return self._queues[0].get(timeout=PATIENCE_S)

    def record(self):
        """The same as the record it is."""
        return json.loads(self.line())

    def records(self):
        """All records that were not read yet, of a process that has ended."""
        return [json.loads(text) for text in iter(self._queues[0].get_nowait, None)]

    def said(self, pattern, limit_s=_START_S):
        """The match of the next line on standard error that matches."""
        while True:
            match = re.fullmatch(f"events: {pattern}", self._queues[1].get(timeout=limit_s))
            if match:
                return match

    def port(self):
        """Where its webhook listens."""
        return int(self.said(r"listens on http://127\.0\.0\.1:(\d+)/")[1])

    def end(self):
        """Ask it to; what it says at last, a dict."""
        self.process.terminate()
        said = self.said(r"(\d+ shown, .*)")[1]
        assert self.process.wait(PATIENCE_S) == 0
        for thread in self._threads:
            thread.join()
        return {what: int(count) for count, what in (each.split() for each in said.split(", "))}

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()
        self.process.stdout.close()
        self.process.stderr.close()


def _read(pipe, into):
    for line in pipe:
        into.put(line.rstrip("\n"))
    into.put(None)
