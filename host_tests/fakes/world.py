"""One device and everything round it, in virtual time: what a test boots, runs, and does harm to."""

import importlib
import json
import os
import random
import shutil
import tempfile

from hublink_desk import paths

from host_tests.shim import Reset, install
from host_tests.shim.world import port_of

from . import certificates, ports
from .clock import NEVER, Clock, EndOfRun, WorldError
from .device import Device, Memory, change_folder
from .flash import Flash
from .hub import ADDRESS as HUB_ADDRESS
from .hub import NAME as HUB_NAME
from .hub import Hub
from .internet import Internet
from .radio import GATEWAY, AccessPoint, Radio
from .servers import Dns, Sntp
from .tls import Side

ONLINE = 4  # hublink.link.ONLINE
START_S = 1_795_248_000  # 2026-11-21T08:00:00Z: when every world begins
SSID, PASSWORD = "home", "correct horse"
TIME_NAME, TIME_ADDRESS = "time.example.test", "10.0.0.9"
# No turn of the loop takes so long: a run that has not ended by then hangs.
_GRACE_MS = 60_000
_GOODBYE_MS = 1000
_LINES_SHOWN = 30
# The device's files need not outlive a test, and a disk is slow.
_IN_MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None


class World:
    """A device, its radio, and the internet behind it. A context manager; leaving it checks the promises.

    Args:
        board: folder name below `boards/`.
        seed: of everything that is left to chance.
        ticks_start_ms: what `time.ticks_ms()` says at each boot, so that its wrap may be near.

    Attributes:
        clock, radio, net, dns, sntp, hub, tls, flash: the parts, to be scripted (see their classes).
        node: the Node, once booted. device, modules: the hardware of this boot, and what its programs
            import. folder: its file system.
        bites: ms of each bite of the watchdog; resets: (ms, cause) of each other reset.
        lines: (ms, text) of everything the device printed.
        turns: how often the loop came round. entropy: f(n) -> n bytes, what os.urandom() gives.
        may_bite, may_reset: True for a test that provokes a bite of the watchdog, or a reset.
        unchecked: True for a test that breaks the rules itself.
    """

    def __init__(self, board="RPI_PICO_W", seed=0, ticks_start_ms=0):
        self.board = board
        self.random = random.Random(seed)
        self.limits = ports.port(port_of(board))
        self.clock = Clock(START_S)
        self.radio = Radio(self.clock)
        self.radio.access_points[SSID] = AccessPoint(PASSWORD)
        self.net = Internet(self.clock, self.random, self.radio, self.limits)
        self.tls = Side(self.clock, self.limits, self._device_s)
        self.flash = Flash(self.clock, self.limits.erase_ms, random.Random(seed))
        self.dns = Dns(self.net.host(GATEWAY), {HUB_NAME: [HUB_ADDRESS], TIME_NAME: [TIME_ADDRESS]})
        self.sntp = Sntp(self.net.host(TIME_ADDRESS), self.clock)
        self.folder = tempfile.mkdtemp(prefix="hublink-device-", dir=_IN_MEMORY)
        shutil.copytree(certificates.device_files(), self.folder, dirs_exist_ok=True)
        self.authority, self.foreign_authority = certificates.authorities()
        self.hub = Hub(self.clock, self.net, self.tls, certificates.Certificate((HUB_NAME,), self.authority))
        self.device = self.node = self.modules = None
        self.bites = []
        self.resets = []
        self.lines = []
        self.turns = 0
        self.entropy = self.random.randbytes
        self.may_bite = self.may_reset = self.unchecked = False
        self._ticks_start_ms = ticks_start_ms
        self._memory = Memory()
        self._cause = "power_on"
        self._handle = None
        self._main = None
        self._until = None

    # -- the device's life -----------------------------------------------------------------------

    def config(self, **sections):
        """The usual configuration with these sections' settings changed (None: left out).

        A hub of another type is new.
        """
        config = {
            "device": certificates.DEVICE,
            "wifi": {"networks": [{"ssid": SSID, "password": PASSWORD}]},
            "clock": {"servers": [TIME_NAME]},
            "dns": {},
            "hub": {"type": "generic", "host": HUB_NAME, "errors_filter": "errors/#"},
            "tls": {"ca": ["ca.der"], "cert": "device.der", "key": "device.key.der"},
            "telemetry": {"vitals_s": 0},
            "memory": {},
            "flash": {},
        }
        if "type" in sections.get("hub", {}):
            config["hub"] = {"host": HUB_NAME}
        for name, settings in sections.items():
            config[name].update(settings)
            config[name] = {key: value for key, value in config[name].items() if value is not None}
        return config

    def boot(self, program=None, **sections):
        """Starts the device: boot.py, then a Node, to which program(node) adds what it measures.

        Args:
            program: f(node), or None.
            sections: settings that differ from `config()`; without any, the file stays as it is.

        Returns:
            The Node. An exception of its constructor comes out of here.
        """
        self._start(sections)
        self.node = importlib.import_module("hublink").Node()
        if program:
            program(self.node)
        return self.node

    def _start(self, sections):
        self._shut_down()
        self._write_config(sections)
        self.clock.wait(self.limits.boot_ms)
        self._install().run(paths.FIRMWARE / "boot.py")

    def switch_on(self, app, **sections):
        """Starts the device: boot.py, then what main.py does at the next run(), with app() for app.py.

        Args:
            app: f() that makes a Node and runs it, or raises. In safe mode it is not called.
            sections: as of `boot`.
        """
        self._start(sections)
        node = importlib.import_module("hublink.node")
        make = node.Node

        def make_ours():
            self.node = make()
            return self.node

        node.Node = make_ours
        self._main = lambda: node.start(app)

    def soft_reset(self):
        """What Ctrl-D does: the interpreter starts anew; radio, clock and watchdog carry on."""
        self._cause = "soft_reset"

    def lose_power(self):
        """Pulls the plug: the device falls silent, and only its files survive. boot() plugs it in again."""
        self._fall("power_on")
        self._memory = Memory()

    # The program is gone, and says goodbye to nobody. The next boot() tells the cause.
    def _fall(self, cause):
        self._memory = self.device.keep()
        self._cause = cause
        self.node = self._main = None
        self.device.stack.lose_power()
        if cause != "soft_reset":
            self.radio.stop()
            self.clock.deadline_ms = NEVER

    def _shut_down(self):
        if self.node or self._main:  # still running: it is switched off
            self._fall(self._cause)
        if self._handle:
            self._handle.uninstall()
            self._handle = None

    def _write_config(self, sections):
        path = f"{self.folder}/config.json"
        if sections or self.device is None:
            with open(path, "w", encoding="utf-8") as file:
                json.dump(self.config(**sections), file)

    def _install(self):
        soft, before = self._cause == "soft_reset", self.device
        device = Device(
            *(self.board, self.clock, self.net, self.flash),
            *(self._memory, self._cause, self._ticks_start_ms),
        )
        if soft:
            device.carry_on(before)
        if self.board == "unix":
            self.radio.plug_in()
        device.on_fed = self._fed
        self.device = device
        self.modules = device.modules(self.radio, self._resolve, self.tls, self._entropy, self._print)
        stand_ins = {"print": self._print, "open": device.open_file}
        self._handle = install(self.board, modules=self.modules, builtins=stand_ins)
        change_folder(self.folder)
        self._cause = "power_on"
        return self._handle

    def _print(self, *values):
        self.lines.append((self.clock.now_ms, " ".join(str(value) for value in values)))

    def _device_s(self):
        return self.device.device_s()

    def _entropy(self, n):
        return self.entropy(n)

    # getaddrinfo: blocks until an answer is there, or for as long as the board's stack tries.
    def _resolve(self, host):
        if host.replace(".", "").isdigit():
            return [host]
        raise WorldError(f"getaddrinfo({host!r}) takes 7 s, or for ever (platform-facts 2.3)")

    # -- running -----------------------------------------------------------------------------------

    def run(self, for_s=None, until=None, limit_s=120):
        """Runs the node's own loop.

        Args:
            for_s: how long, in virtual seconds; or
            until: f() -> bool, asked once a turn of the loop, and
            limit_s: after how many seconds it is an error that it is still not so.

        Returns:
            str: why it ended: "time", "condition", "returned", "watchdog", "reset" or "soft_reset".

        Raises:
            AssertionError: the device broke a rule, was reset unexpectedly, or until() did not come true.
        """
        assert self.node or self._main, "the device is off: boot() it"
        self._until = until
        self.clock.end_ms = self.clock.now_ms + int((limit_s if until else for_s) * 1000)
        self.clock.give_up_ms = self.clock.end_ms + _GRACE_MS
        try:
            reason = self._ended(self.node.run if self.node else self._main)
        except WorldError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from error
        finally:
            self.clock.end_ms = self.clock.give_up_ms = NEVER
        allowed = {"time": not until, "watchdog": self.may_bite, "reset": self.may_reset}
        assert allowed.get(reason, True), f"the run ended by: {reason}\n{self.tail()}"
        return reason

    def call(self, function):
        """Calls function() as if typed at the REPL. Returns why it ended, as run() does."""
        return self._ended(function)

    def _ended(self, function):
        try:
            function()
            return "returned"
        except EndOfRun as end:
            if end.reason == "watchdog":
                self.bites.append(self.clock.now_ms)
                self._fall("watchdog")
            return end.reason
        except SystemExit as end:  # also the unix board's way to ask for a reset
            cause = end.cause if isinstance(end, Reset) else "reset"
            self.resets.append((self.clock.now_ms, cause))
            self._fall(cause)
            return cause

    # Once a turn of the loop.
    def _fed(self):
        self.turns += 1
        if self.clock.now_ms >= self.clock.end_ms:
            raise EndOfRun("time")
        if self._until and self._until():
            raise EndOfRun("condition")

    def press_ctrl_c(self):
        """KeyboardInterrupt at the device's next wait."""

        def interrupt():
            raise KeyboardInterrupt

        self.clock.after(0, interrupt)

    # -- asking ------------------------------------------------------------------------------------

    def online(self):
        """Whether the node says that it is ONLINE."""
        return self.node.uplink.link.state == ONLINE

    def logged(self, text):
        """Lines that hold this text."""
        return [line for _, line in self.lines if text in line]

    def tail(self):
        """The last lines of the log, for error messages."""
        return "\n".join(f"{ms / 1000:10.3f} {line}" for ms, line in self.lines[-_LINES_SHOWN:])

    # -- the end -----------------------------------------------------------------------------------

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.device and not self.unchecked:
                self.check()
        finally:
            if self._handle:
                self._handle.uninstall()
            shutil.rmtree(self.folder, ignore_errors=True)

    def check(self):
        """The promises that hold whatever happened. Raises AssertionError."""
        assert not self.hub.violations, self.hub.violations
        limit_ms = importlib.import_module("hublink.limits").WATCHDOG_MS
        slow = {kind: ms for kind, ms in self.clock.longest_ms.items() if ms >= limit_ms}
        assert self.may_bite or not slow, f"calls longer than the watchdog: {slow}"
        stack = self.device.stack
        assert stack.most_streams <= 1, "more than one connection at a time"
        assert stack.most_datagrams <= 1, "more than one question at a time"
        if self.node:
            self._check_close()

    # A node that is closed leaves nothing open.
    def _check_close(self):
        try:
            self.node.close()
        except WorldError as error:
            raise AssertionError(str(error)) from error
        self.clock.wait(_GOODBYE_MS)
        assert not self.device.stack.sockets, f"sockets left open: {self.device.stack.sockets}"
