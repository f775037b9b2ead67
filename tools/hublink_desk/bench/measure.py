"""Runs a contender of the benchmark on the reference interpreter, against a broker behind a counting wire.

What a message costs is the difference between a run with many of them and one with one, so start-up and
connecting are not in it.
"""

import json
import re
import ssl
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from ..build import compile_firmware
from ..errors import DeskError
from ..mosquitto import Mosquitto
from ..reference import build, count_instructions
from ..wire import Wire
from ..workshop import Workshop
from .gate import Gate

PROGRAM = Path(__file__).parents[1] / "programs" / "bench.py"
CONTENDERS = ("hublink", "umqtt", "limit")
TRANSPORTS = ("tls", "plain")
# (work, QoS) of each message that is measured.
MESSAGES = (("publish", 0), ("publish", 1), ("publish", 2), ("receive", 0), ("receive", 1))
WINDOWS = (1, 8, 16)
DELAY_MS = 25  # each way
RTT_S = 2 * DELAY_MS / 1000

_COUNT = 64
_ROUNDS = 20  # how many windows full are sent
# So that an acknowledgement never comes while the program is still busy with what it acknowledges.
_COUNTING_DELAY_MS = 10
_LIMIT_S = 60
_TOPIC, _PAYLOAD = "plant/7/telemetry", b"x" * 100  # as the program has them
_PACKET_LEN = 2 + 2 + len(_TOPIC) + len(_PAYLOAD)
_TLS_LEN = 29  # what AES-GCM adds to a record
_RESULT = re.compile(r"^bench: (\{.*\})$", re.MULTILINE)


def is_possible(contender, work, qos):
    """umqtt.simple has no QoS 2."""
    return (contender, work, qos) != ("umqtt", "publish", 2)


class Bench:
    """A broker of each transport, and the interpreter. Use it in a `with` block.

    Args:
        folder: Path for certificates, configurations and the compiled firmware.

    Raises:
        Unavailable: this machine cannot have the reference interpreter.
    """

    def __init__(self, folder):
        self._interpreter = build()
        workshop = Workshop(folder / "desk")
        device = workshop.identity("bench")
        self._files = {"ca": workshop.ca.cert_der, "cert": device.cert_der, "key": device.key_der}
        self._context = ssl.create_default_context(cafile=workshop.ca.cert_pem)
        self._context.load_cert_chain(device.cert_pem, device.key_pem)
        self._mpy = folder / "mpy"
        self._sizes = compile_firmware(self._mpy)
        # All that is asked for at once, and without Nagle's waiting, which would be measured as ours.
        options = "max_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true"
        self._brokers = {
            "tls": Mosquitto(folder / "tls", workshop.ca, workshop.hub, extra=options),
            "plain": Mosquitto(folder / "plain", plain=True, extra=options),
        }

    def __enter__(self):
        for broker in self._brokers.values():
            broker.start()
        return self

    def __exit__(self, *_):
        for broker in self._brokers.values():
            broker.kill()

    def message(self, contender, transport, work, qos):
        """What each message costs but instructions.

        Returns:
            dict: writes, records, bytes that the contender sends; heap, bytes. No records if not TLS.
        """
        one, many = (self._sent(contender, transport, work, qos, count) for count in (1, 1 + _COUNT))
        # A signature in a handshake may be a byte or two longer than in another.
        sent = {name: round((many[name] - one[name]) / _COUNT, 1) + 0.0 for name in one}
        with self._way(transport, qos) as way:
            heap = self._run(contender, transport, work, qos, way, measure="heap")["heap"]
        return sent | {"heap": heap}

    def instructions(self, contender, transport, work, qos):
        """How many instructions each message takes."""
        with self._way(transport, qos) as way:
            if work == "publish" and qos:
                way.wire.delay(_COUNTING_DELAY_MS)
            command = self._command(contender, transport, work, qos, way, measure="instructions")
            counts = count_instructions(command, self._env)
        return (counts[4] - counts[2]) / _COUNT

    def first_publish(self, contender, transport):
        """What it takes from nothing to the first message acknowledged (QoS 1).

        Returns:
            dict: round_trips, TCP's own among them; records, both ways, of no meaning if it is not TLS.
        """
        with self._way(transport, 1) as way:
            self._run(contender, transport, "publish", 1, way, measure="first")
        return way.gate.seen

    def rate(self, contender, window):
        """QoS 1 messages per second over TLS and a way of RTT_S, so many at a time."""
        count = window * _ROUNDS
        with self._way("tls", 1) as way:
            way.wire.delay(DELAY_MS)
            options = {"measure": "rate", "count": count, "window": window}
            found = self._run(contender, "tls", "publish_at_once", 1, way, **options)
        return count * 1000 / found["ms"]

    def footprint(self, contender):
        """dict: mpy, bytes of the modules that it needs; heap, bytes after their import."""
        found = self._run(contender, "plain", "import", 0, None, measure="import")
        loaded = set(found["modules"]) & set(self._sizes)
        return {"mpy": sum(self._sizes[name] for name in loaded), "heap": found["heap"]}

    @property
    def _env(self):
        return {"MICROPYPATH": f"{self._mpy}:.frozen"}

    @contextmanager
    def _way(self, transport, qos):
        """A new wire to the broker, and the gate of those who receive."""
        broker_port = self._brokers[transport].port
        is_tls = transport == "tls"
        message_len = _PACKET_LEN + (2 if qos else 0) + (_TLS_LEN if is_tls else 0)
        context = self._context if is_tls else None
        with Wire(broker_port) as wire:
            with Gate(wire, broker_port, context, _TOPIC, _PAYLOAD, qos, message_len) as gate:
                yield _Way(wire, gate)

    def _sent(self, contender, transport, work, qos, count):
        with self._way(transport, qos) as way:
            found = self._run(contender, transport, work, qos, way, measure="wire", count=count)
            wire = way.wire_at_its_end()
        sent = {"writes": found["writes"], "bytes": wire.bytes_up}
        return sent | ({"records": wire.records_up} if transport == "tls" else {})

    def _command(self, contender, transport, work, qos, way, measure, count=_COUNT, window=8):
        options = {
            "contender": contender,
            "transport": transport,
            "work": work,
            "qos": qos,
            "port": way.wire.port if way else 0,
            "gate_port": way.gate.port if way else 0,
            "measure": measure,
            "count": count,
            "window": window,
        }
        words = [f"{name}={value}" for name, value in (options | self._files).items()]
        return [str(self._interpreter), "-X", "heapsize=2m", str(PROGRAM), *words]

    def _run(self, *arguments, **options):
        """The result that the program prints."""
        command = self._command(*arguments, **options)
        done = subprocess.run(
            command, env=self._env, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
        if done.returncode:
            said = done.stdout + done.stderr
            raise DeskError(f"The benchmark's program ended with code {done.returncode}:\n{said}")
        return json.loads(_RESULT.search(done.stdout)[1])


class _Way:
    """What lies between a contender and its messages."""

    def __init__(self, wire, gate):
        self.wire = wire
        self.gate = gate

    def wire_at_its_end(self):
        """The wire, once all that the program left in it has gone through."""
        deadline_s = time.monotonic() + _LIMIT_S
        while self.wire.open_connections:
            if time.monotonic() > deadline_s:
                raise DeskError(f"The broker kept a connection for {_LIMIT_S} s that its client had ended.")
            time.sleep(0.002)
        return self.wire
