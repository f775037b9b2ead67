"""One MicroPython process that runs the cases of one file, and what it reported about each."""

import linecache
import re
import signal
import subprocess
from pathlib import Path

from . import interpreters

_RUNNER = Path(__file__).with_name("device_runner.py")
_MARK = "\x1e"
_TAIL_LEN = 4000
_PLACE = re.compile(r'^  File "(?P<path>.+)", line (?P<line>\d+), in .+$', re.MULTILINE)


class DeviceFailure(Exception):
    """A case failed on the device, or the device failed before it could tell. The text says which."""


class DeviceRun:
    """The verdicts on cases; the process has run when this is made.

    Args:
        interpreter: one of interpreters.DEVICES.
        path: the case file.
        cases: names of the functions to run, in this order.
        deadline_s: the process is killed after this long, seconds.
    """

    def __init__(self, interpreter, path, cases, deadline_s):
        self._interpreter = interpreter
        self._deadline_s = deadline_s
        command, env = interpreters.command(interpreter, _RUNNER, path.stem, *cases, folder=path.parent)
        output, self._ending = self._run(command, env)
        self._verdicts, self._tail, self._running = _parse(output)

    def check(self, case):
        """Returns if the case passed.

        Raises:
            DeviceFailure: it failed, with the device's own traceback; or nothing was heard of it.
        """
        if case not in self._verdicts:
            raise DeviceFailure(self._silence(case))
        passed, output = self._verdicts[case]
        if not passed:
            raise DeviceFailure(f"{case} on {self._interpreter}:\n{_with_source(output)}")

    # Returns (all output, how the process ended).
    def _run(self, command, env):
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            output, _ = process.communicate(timeout=self._deadline_s)
            ending = f"ended with {_code(process.returncode)}"
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            ending = f"was killed, having taken more than {self._deadline_s} s,"
        return output.decode("utf-8", "backslashreplace"), ending

    def _silence(self, case):
        if self._running is None:
            where = "outside any case"
        else:
            where = "in this case" if self._running == case else f"in {self._running}, before this case"
        words = _with_source(self._tail[-_TAIL_LEN:])
        return f"{self._interpreter} {self._ending} {where}. Its last words:\n{words}"


# The device's tracebacks name lines but do not show them.
def _with_source(output):
    def with_line(place):
        line = linecache.getline(place["path"], int(place["line"])).strip()
        return f"{place[0]}\n    {line}" if line else place[0]

    return _PLACE.sub(with_line, output)


def _code(returncode):
    return signal.Signals(-returncode).name if returncode < 0 else f"exit code {returncode}"


# (case -> (passed, what it printed), last words, case that was running at the end or None)
def _parse(output):
    verdicts, running = {}, None
    pieces = output.split(_MARK)
    tail = printed = pieces[0]
    for piece in pieces[1:]:
        head, _, tail = piece.partition("\n")
        word, case = head.split()
        if word == "begin":
            running, printed = case, tail
        else:
            verdicts[case] = (word == "ok", printed)
            running = None
    return verdicts, tail, running
