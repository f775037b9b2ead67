"""Where every demo plays: files, names and time for devices, boards and hubs, and a voice for each."""

import contextlib
import tempfile
from pathlib import Path

from ..build import compile_firmware
from ..hub import DeskHub
from ..run import DeskBoard
from ..servers import DnsServer, SntpServer
from ..workshop import HUB_NAME, Workshop
from .waiting import Seen

_PROGRAMS = Path(__file__).parent.parent / "programs"


class Stage:
    """Leaving its `with` block ends everything that was started on it, and removes its files.

    Args:
        console: rich Console.
        interpreter: of the boards, one of INTERPRETERS.
        interrupt: Interrupt.

    Attributes:
        folder: Path of a folder for files.
        workshop: Workshop.
    """

    def __init__(self, console, interpreter, interrupt):
        self.interrupt = interrupt
        self._console = console
        self._interpreter = interpreter
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hublink-demo-")))
            self.workshop = Workshop(self.folder / "desk")
            self._mpy = self.folder / "mpy"
            compile_firmware(self._mpy)
            self._dns = stack.enter_context(DnsServer({HUB_NAME: ["127.0.0.1"]}))
            self._sntp = stack.enter_context(SntpServer())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def enter(self, context):
        """Enter a context manager until the end of the stage. Returns what it enters."""
        return self._stack.enter_context(context)

    def seen(self):
        """A new Seen."""
        return Seen(self.interrupt)

    def desk_hub(self, dialect, devices, identity=None, **options):
        """Context manager: a running DeskHub, by default with the identity that devices expect of it."""
        identity = identity or self.workshop.hub
        hub = DeskHub(
            dialect=dialect,
            server_cert=identity.cert_pem,
            server_key=identity.key_pem,
            ca=self.workshop.ca.cert_pem,
            devices=devices,
            **options,
        )
        return hub.in_thread()

    def device(self, name, hub, port, **options):
        """Path of a new device's configuration.

        Args:
            name: of the device.
            hub: settings of the section "hub", without host and port.
            port: TCP port of the hub on this machine.
            options: as Workshop.device has them.
        """
        return self.workshop.device(
            name,
            {"host": HUB_NAME, "port": port, **hub},
            dns={"servers": [f"127.0.0.1:{self._dns.port}"]},
            clock={"servers": [f"127.0.0.1:{self._sntp.port}"]},
            **options,
        )

    def board(self, config, program, name):
        """A DeskBoard, which speaks under that name; `program` is the name of its file."""

        def say(text):
            self.say(name, text.removeprefix("hublink: "))

        env = {"MICROPYPATH": str(self._mpy)}
        script = _PROGRAMS / f"{program}.py"
        board = DeskBoard(config, interpreter=self._interpreter, on_line=say, script=script, env=env)
        return self.interrupt.watch(board)

    def say(self, who, text):
        """Print a line; any thread may."""
        self._console.print(f"{who:>9} | {text}", highlight=False, markup=False, soft_wrap=True)

    def announce(self, text):
        """Print the heading of what comes now."""
        self._console.rule(text, align="left", style="dim")
