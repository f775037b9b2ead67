"""What the tests of the whole node share: the board of a node program, and a station.

A station is a desk hub and a node that does what its hub tells it (programs/orders.py). All waiting is for
something to come, with a limit.
"""

import ast
import contextlib
import json
import threading
import time
from pathlib import Path

from hublink_desk.hub import DeskHub
from hublink_desk.run import DeskBoard

PROGRAMS = Path(__file__).parent / "programs"
STEP_S = 20.0


def board(config, interpreter, mpy, program="count", **env):
    """The DeskBoard of a program in `programs/`, over the compiled firmware unless it is CPython's."""
    if interpreter != "cpython":
        env["MICROPYPATH"] = f"{mpy}:.frozen"
    return DeskBoard(config, interpreter, script=PROGRAMS / f"{program}.py", env=env)


class Feed:
    """What comes from another thread, in order; each look goes on behind what the one before found."""

    def __init__(self):
        self._items, self._at = [], 0
        self._changed = threading.Condition()

    def put(self, item):
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def next(self, fits):
        """The next item that fits; fails after STEP_S."""
        with self._changed:
            found = self._changed.wait_for(lambda: self._look(fits), STEP_S)
            assert found, self._items[-10:]
            return found[0]

    def _look(self, fits):
        for number in range(self._at, len(self._items)):
            if fits(self._items[number]):
                self._at = number + 1
                return (self._items[number],)
        return None

    def seen(self, fits):
        """The first item ever that fits; fails after STEP_S."""
        with self._changed:
            assert self._changed.wait_for(lambda: any(map(fits, self._items)), STEP_S), self._items[-10:]

    def items(self):
        """All so far."""
        with self._changed:
            return list(self._items)


class Station:
    """A desk hub and a node on it, running inside a `with` block.

    Args:
        workshop: Workshop that has signed both.
        kind: what a test of a kind of hub knows about it: `dialect`, `device` (its ID at the hub), `name`,
            `settings(port)` of the device's configuration, `devices(workshop)` of the hub's, `topic(kind)`
            of the device's, `command(hub, name, payload)`.
        interpreter, mpy: as `board` has them.
        hub: settings of the desk hub.
        sections: further sections of the device's configuration.

    Attributes:
        hub, node: DeskHub and DeskBoard.
        log, received: Feeds of the hub's log records, and of (seconds, ID, Message) that clients got through.
    """

    def __init__(self, workshop, kind, interpreter, mpy, hub=None, sections=None):
        self.workshop, self.kind = workshop, kind
        self.log, self.received = Feed(), Feed()
        self.hub = DeskHub(
            dialect=kind.dialect,
            server_cert=workshop.hub.cert_pem,
            server_key=workshop.hub.key_pem,
            ca=workshop.ca.cert_pem,
            devices=kind.devices(workshop),
            log=self.log.put,
            received=lambda key, message: self.received.put((time.monotonic(), key, message)),
            **(hub or {}),
        )
        self._interpreter, self._mpy = interpreter, mpy
        files = {"ca": ["ca.der"], "cert": "device.der", "key": "device.key.der"}
        tls = {name: files[name] for name in kind.files}
        small = {"telemetry": {"vitals_s": 0}, "memory": {"outbox_len": 2048}}
        self._sections = {**small, "tls": tls, **(sections or {})}

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.hub.in_thread())
            config = self.workshop.device(self.kind.name, self.kind.settings(self.hub.port), **self._sections)
            self.folder = config.parent
            self.node = stack.enter_context(board(config, self._interpreter, self._mpy, "orders"))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.__exit__(*error)
        assert not any(record["what"] == "bug" for record in self.log.items())

    def online(self):
        """Start the node; returns itself when it is online."""
        self.node.start()
        self.wait_online()
        return self

    def wait_online(self):
        self.node.wait_line("link HUB -> ONLINE", STEP_S)

    def line(self, regex):
        """The next line of the node that matches."""
        return self.node.wait_line(regex, STEP_S)

    def do(self, expression):
        """Let the node evaluate it, where `node` is its Node. Returns the value, or the exception's text."""
        self.kind.command(self.hub, "do", expression)
        return ast.literal_eval(self.line("test: did (.*)").group(1))

    def arrived(self, topic):
        """The next Message on a topic that the node got through."""
        return self.received.next(lambda item: item[2].topic == topic)[2]

    def devices(self, **counts):
        """Wait until so many devices behind the node are ready, refused, waiting, and no others there."""
        self._until("node.gateway.status()", counts)

    def settled(self):
        """Wait until the node has nothing left to send or to hear of, still on its first connection."""
        self._until("(node.uplink.session.outbox.count, node.uplink.session.in_flight)", (0, 0))
        assert self.do("node.uplink.link.failed_count") == 0

    def _until(self, expression, value):
        deadline_s = time.monotonic() + STEP_S
        while (found := self.do(expression)) != value:
            assert time.monotonic() < deadline_s, found

    def troubles(self):
        """What the node reports next: reason -> how often."""
        while True:
            message = json.loads(self.arrived(self.kind.telemetry("")).payload)
            if message["name"] == "troubles":
                return message["data"]

    def logged(self, what, **details):
        """The next record of the hub's log with these details."""
        wanted = {"what": what, **details}
        return self.log.next(lambda record: wanted.items() <= record.items())
