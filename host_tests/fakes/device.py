"""The device itself: a world of the shim's whose time is virtual, and the device modules that go with it.

What survives a reset is in `Memory`; everything else is made anew at every boot.
"""

import io
import os
import traceback
from functools import partial
from types import SimpleNamespace

from host_tests.shim import world as shim
from host_tests.shim.device import build
from host_tests.shim.device.machine import Words
from host_tests.shim.device.socket import Socket
from host_tests.shim.numbers import os_error

from .clock import WorldError
from .polling import select_module
from .radio import GATEWAY, UP
from .sockets import Stack, socket_module
from .tls import tls_module
from .wlan import network_module

_TICKS_MASK = (1 << 30) - 1
# The SDK's mark of a watchdog that a program started: scratch register 4 of RP2040, of RP2350
# (platform-facts 4).
_BITE_AT, _BITE = (0x4005801C, 0x400D801C), 0x6AB73121
# What machine.reset_cause() says after each cause.
_CAUSES = {
    "rp2": {"power_on": 1, "reset": 3, "watchdog": 3, "soft_reset": 1},
    "esp32": {"power_on": 1, "reset": 2, "watchdog": 3, "soft_reset": 5},
    "unix": {"power_on": 1, "reset": 2, "watchdog": 3, "soft_reset": 5},
}
# Names that `boards/unix` reads from its environment.
_WATCHDOG_PIPE = "watchdog.pipe"
_WIFI_DOWN = "wifi.down"
# Where it finds the name server that DHCP gave.
_NAME_SERVERS = "/etc/resolv.conf"


class Memory:
    """What a reset leaves alone; losing power clears it."""

    def __init__(self):
        self.words = Words()
        self.rtc = b""
        self.kept = "0 0"  # by `hublink run`, for boards/unix


class Device(shim.World):
    """One start of the device.

    Attributes:
        stack: its IP stack; heap_free: bytes of the Python heap.
        on_fed: called whenever the watchdog was fed, that is once a turn of the loop.
    """

    def __init__(self, board, clock, net, flash, memory, cause, ticks_start_ms):
        causes = _CAUSES[shim.port_of(board)]
        super().__init__(board, clock=clock, ticks_start_ms=ticks_start_ms, reset_cause=causes[cause])
        self.limits = net.port
        self.stack = Stack(self, net, self.limits)
        self.on_fed = lambda: None
        self._flash = flash
        self.rtc_memory = memory.rtc
        self._memory = memory
        self._cause = cause
        self._timeout_ms = 0
        self._began_ms = clock.now_ms - ticks_start_ms

    def carry_on(self, before):
        """After a soft reset: the clocks and the watchdog run on."""
        self._wall_offset_ns = before._wall_offset_ns
        self._began_ms = before._began_ms
        self._timeout_ms = before._timeout_ms

    # A rule of the shim's that was broken; the firmware must not swallow it.
    def breaks(self, rule):
        raise WorldError(rule)

    # The bite is the clock's doing, at its very moment.
    def look(self):
        self.clock.look()
        while self.scheduled:
            function, argument = self.scheduled.pop(0)
            function(argument)

    def sleep_ns(self, ns):
        ms = max(0, ns // 1_000_000)
        self.clock.note("sleep", ms)
        self.clock.wait(ms)

    def arm_watchdog(self, timeout_ms):
        self._timeout_ms = timeout_ms
        self.clock.deadline_ms = self.clock.now_ms + timeout_ms
        self._mark(_BITE)

    def _mark(self, word):
        for address in _BITE_AT:
            self._memory.words[address] = word

    def feed_watchdog(self):
        self.clock.deadline_ms = self.clock.now_ms + self._timeout_ms
        self.on_fed()

    def ticks_ms(self):
        self.clock.look()
        return (self.clock.now_ms - self._began_ms) & _TICKS_MASK

    def device_s(self):
        """Unix seconds as the device's own clock has them."""
        return self.unix_ns() // 1_000_000_000

    def keep(self):
        """The memory that survives, before a reset."""
        self._memory.rtc = self.rtc_memory
        return self._memory

    # -- modules -----------------------------------------------------------------------------------

    def modules(self, radio, resolve, side, entropy, print_line):
        """Device module name -> module, for `shim.install`."""
        table = build(self)
        table["time"].ticks_ms = self.ticks_ms
        table["socket"] = socket_module(self.stack, self._socket_names(), resolve)
        table["select"] = select_module(self.clock, self.stack.net)
        table["tls"] = tls_module(side)
        table["network"] = network_module(self.port, radio, self.clock, self.limits)
        table["gc"].collect = lambda: self.clock.busy("gc.collect", self.limits.collect_ms)
        table["sys"].print_exception = partial(_print_exception, print_line)
        self._change_machine(table["machine"])
        self._change_os(table["os"], entropy, radio)
        return table

    def _socket_names(self):
        if self.port == "unix":
            return {"sockaddr": Socket.sockaddr}
        return {"IPPROTO_TCP": 6, "TCP_NODELAY": 1}

    # machine.reset() clears the SDK's mark, a bite leaves it.
    def _change_machine(self, machine):
        reset = machine.reset

        def marked_reset():
            self._mark(0)
            reset()

        machine.reset = marked_reset
        if hasattr(machine, "mem32"):
            machine.mem32 = self._memory.words

    def _change_os(self, module, entropy, radio):
        rename, remove, stat = module.rename, module.remove, module.stat

        def stat_with_radio(path):
            if path == _WIFI_DOWN:
                if radio.state == UP:
                    raise os_error(2)
                return (0,) * 10
            return stat(path)

        module.rename = lambda old, new: self._flash.change(lambda: rename(old, new))
        module.remove = lambda name: self._flash.change(lambda: remove(name))
        module.urandom = entropy
        if self.port == "unix":
            module.stat = stat_with_radio
            names = {"HUBLINK_WATCHDOG": _WATCHDOG_PIPE, "HUBLINK_WIFI_DOWN": _WIFI_DOWN}
            names |= {"HUBLINK_RESET_CAUSE": self._cause, "HUBLINK_KEPT": self._memory.kept}
            module.getenv = names.get

    # The unix board's watchdog listens at the other end of a pipe.
    def open_file(self, name, mode="r", buffering=-1):
        if name == _WATCHDOG_PIPE and self.port == "unix":
            return SimpleNamespace(write=self._watchdog_says)
        if name == _NAME_SERVERS:
            return io.StringIO(f"nameserver {GATEWAY}\n")
        try:
            return self._flash.open(name, mode)
        except OSError as error:
            raise self.error(error) from None

    def _watchdog_says(self, data):
        if data == b".":
            self.feed_watchdog()
        elif data.startswith(b"start "):
            self.arm_watchdog(int(data[6:]))
        elif data.startswith(b"keep "):
            self._memory.kept = data[5:-1].decode()
        else:
            raise WorldError(f"the watchdog's pipe got {data!r}")


# To the console one line, to a file all of it.
def _print_exception(print_line, error, file=None):
    if file:
        traceback.print_exception(error, file=file)
    else:
        print_line(f"{type(error).__name__}: {error}")


def change_folder(folder):
    """Makes folder the device's file system. The shim's handle goes back where it was."""
    os.chdir(folder)
