"""The board behind a serial port: mpremote's raw REPL, used as a library, with errors for people."""

import ast
import base64
import codecs
import contextlib
import io
import struct
import time
from pathlib import Path

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from .. import ports
from ..errors import DeskError

PROGRAMS = Path(__file__).parent / "programs"
CHUNK_LEN = 1024  # bytes of a file at a time: small beside an ESP32's heap
PROMPT = ">>> "

_ANSWER_S = 10  # a board that says nothing for so long is lost
_HASHED_AT_ONCE = 16
_RAW_S = 3  # for one try to stop the program; a TLS handshake cannot be stopped
_RAW_TRIES = 5
_RESTART_S = 20
_LOOK_EVERY_S = 0.02
_ENDED = "\x04"  # what the raw REPL prints when a program has ended
_RESET_HINT = "press its reset button, or take it off and plug it in again"
# The host hears that the program has begun before its port goes.
_PAUSE = "import time\ntime.sleep_ms(100)\n"


class Raised(DeskError):
    """A program has raised an exception on the board.

    Attributes:
        text: its traceback.
    """

    def __init__(self, text):
        super().__init__(f"The board says: {(text.strip() or 'nothing').splitlines()[-1]}.")
        self.text = text


class Lost(DeskError):
    """The board does not answer any more."""


class Remote:
    """A board; a context manager, which closes the port.

    Args:
        port: path of its serial port.

    Attributes:
        port: the same.

    Raises:
        DeskError: by all methods, if the port cannot be opened, or the board does not answer.
    """

    def __init__(self, port):
        self.port = port
        self._transport = None
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def __enter__(self):
        try:
            self._open()
        except TransportError as error:
            raise ports.refusal(self.port) from error
        return self

    def __exit__(self, *_):
        self._close()

    def _open(self):
        self._transport = SerialTransport(self.port, timeout=_ANSWER_S)

    def _close(self):
        self._transport.serial.close()  # the transport's own close() fails where the port is gone

    @property
    def transport(self):
        """mpremote's own."""
        return self._transport

    def stop(self, soft_reset=False):
        """Stop the program that runs, and get the raw REPL.

        soft_reset: forget all it has made, too, and run boot.py alone.
        """
        for _ in range(_RAW_TRIES):
            with contextlib.suppress(TransportError), contextlib.redirect_stdout(io.StringIO()):
                try:
                    # Prints what it cannot read.
                    self._transport.enter_raw_repl(soft_reset, timeout_overall=_RAW_S)
                    return
                except OSError:  # the watchdog, perhaps
                    self._reopen(time.monotonic() + _RESTART_S)
        raise Lost(f"The board at {self.port} does not give its REPL.", _RESET_HINT)

    def leave(self):
        """Go back to the friendly REPL."""
        with self._errors():
            self._transport.exit_raw_repl()

    def run(self, program, **names):
        """Run a program of the folder `programs` on the board.

        Args:
            program: its name.
            names: global names that it finds, with values that Python can write down.

        Returns:
            What it prints last, read as a Python literal.

        Raises:
            Raised: it has raised an exception.
        """
        return ast.literal_eval(self.output(program, **names).splitlines()[-1])

    def output(self, program, **names):
        """The same, but all that it prints, str."""
        assignments = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        return self.execute(assignments + _source(program))

    def read(self, path):
        """Contents of a small file, bytes."""
        with self._errors():
            return bytes(self._transport.fs_readfile(path, CHUNK_LEN))

    def execute(self, source):
        """Run a source on the board; returns what it prints, str. Raises Raised."""
        with self._errors():
            return self._transport.exec(source).decode()

    def hashes(self, paths):
        """dict of path -> SHA-256 as text, of files on the board."""
        found = []
        for start in range(0, len(paths), _HASHED_AT_ONCE):
            found += self.run("hashes", paths=paths[start : start + _HASHED_AT_ONCE])
        return dict(zip(paths, found, strict=True))

    def write(self, path, data, on_progress=lambda length: None):
        """Write a file.

        Args:
            path: on the board; its folder is there.
            data: bytes.
            on_progress: called with the number of bytes that each step has written.
        """
        self.execute(f"import binascii\ndecode = binascii.a2b_base64\nfile = open({path!r}, 'wb')")
        for start in range(0, len(data), CHUNK_LEN):
            chunk = data[start : start + CHUNK_LEN]
            self.execute(f"file.write(decode({base64.b64encode(chunk).decode()!r}))")
            on_progress(len(chunk))
        self.execute("file.close()")

    def begin(self, program):
        """Have the board begin with a program that ends in a reset."""
        with self._errors(), contextlib.suppress(OSError):  # the port may go before mpremote has heard all
            self._transport.exec_raw_no_follow(_PAUSE + _source(program))

    def restart(self, program):
        """Run a program that resets the board into the REPL, and wait for that.

        Raises:
            Raised: it has raised an exception instead.
        """
        self.begin(program)
        end_s, text = time.monotonic() + _RESTART_S, ""
        while time.monotonic() < end_s:
            try:
                text += self._read()
            except OSError:
                self._reopen(end_s)
                return
            if _ENDED in text:
                raise Raised(text.replace(_ENDED, ""))
            if text.endswith(PROMPT):
                return
        raise Lost(f"The board at {self.port} was not reset within {_RESTART_S} s.", _RESET_HINT)

    def try_to_leave(self):
        """Let the board start as it is, if it can still be told."""
        with contextlib.suppress(DeskError):
            self.stop()
            self.begin("leave")

    def lines_after(self, program, limit_s):
        """Run a program that resets the board, and yield the lines that follow, as `lines` does."""
        self.begin(program)
        yield from self.lines(limit_s)

    def lines(self, limit_s=None, to_prompt=True):
        """Yield each line that the board prints, without its end; for limit_s seconds at most.

        What has no end yet is the last line, before Ctrl-C and Lost, too. The port is opened anew when it has
        gone, as a Pico's does at a reset. to_prompt: a prompt of the REPL is the last line.
        """
        end_s = time.monotonic() + limit_s if limit_s else float("inf")
        text, cut = "", None
        try:
            while time.monotonic() < end_s and not (to_prompt and text == PROMPT):
                try:
                    *lines, text = (text + self._read()).split("\n")
                except OSError:
                    self._reopen(end_s)
                    continue
                yield from (line.rstrip("\r") for line in lines)
        except (KeyboardInterrupt, Lost) as error:
            cut = error
        if text:
            yield text
        if cut:
            raise cut

    def _read(self):
        """What the board has printed, str; after a little while nothing. OSError if the port has gone."""
        serial = self._transport.serial
        if not serial.in_waiting:
            time.sleep(_LOOK_EVERY_S)
        return self._decode(serial.read(serial.in_waiting))

    def _reopen(self, end_s):
        self._close()
        while time.monotonic() < end_s:
            with contextlib.suppress(TransportError):
                self._open()
                return
            time.sleep(_LOOK_EVERY_S)
        raise Lost(f"The board at {self.port} has gone and not come back.", _RESET_HINT)

    @contextlib.contextmanager
    def _errors(self):
        try:
            yield
        except TransportExecError as error:
            raise Raised(error.error_output) from error
        except (TransportError, OSError, struct.error) as error:
            raise Lost(f"The board at {self.port} does not answer any more.", _RESET_HINT) from error


def _source(program):
    return (PROGRAMS / f"{program}.py").read_text("utf-8")
