"""`hublink bench`: hublink, umqtt.simple and a hand-written minimum, on the same interpreter and broker.

Counts, not times: writes, TLS records, bytes, heap bytes and instructions for each publish. A count is the
difference between a run of 2 N and one of N publishes, so start-up and connecting are not in it.
"""

import csv
import re
import subprocess
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from . import paths
from .build import compile_firmware
from .errors import DeskError
from .mosquitto import Mosquitto
from .reference import build, count_instructions
from .wire import Wire
from .workshop import Workshop

PROGRAM = Path(__file__).parent / "programs" / "bench.py"
CONTENDERS = ("hublink", "umqtt", "limit")
TRANSPORTS = ("tls", "plain")
_COUNTED = ("TLS records", "bytes", "heap bytes", "instructions")
COLUMNS = ("transport", "qos", "contender", *_COUNTED, "x umqtt", "x limit")
_COUNT = 100
_LIMIT_S = 60


class Bench:
    """A broker of each transport behind a counting wire, and the interpreter. Use it in a `with` block.

    Args:
        folder: Path for certificates, configurations and the compiled firmware.
    """

    def __init__(self, folder):
        self._workshop = Workshop(folder / "desk")
        self._device = self._workshop.identity("bench")
        self._interpreter = build()
        self._mpy = folder / "mpy"
        compile_firmware(self._mpy)
        self._brokers = {
            "tls": Mosquitto(folder / "tls", self._workshop.ca, self._workshop.hub),
            "plain": Mosquitto(folder / "plain", plain=True),
        }

    def __enter__(self):
        for broker in self._brokers.values():
            broker.start()
        return self

    def __exit__(self, *_):
        for broker in self._brokers.values():
            broker.kill()

    def row(self, contender, transport, qos):
        """Measure one contender.

        Returns:
            dict with the keys of COLUMNS but the ratios.
        """
        records, length, heap = self._count_wire(contender, transport, qos)
        port = self._brokers[transport].port
        counts = count_instructions(self._command(contender, transport, port, qos), self._env)
        counted = (records, length, heap, (counts[1] - counts[0]) // _COUNT)
        head = {"transport": transport, "qos": qos, "contender": contender}
        return head | dict(zip(_COUNTED, counted, strict=True))

    @property
    def _env(self):
        return {"MICROPYPATH": f"{self._mpy}:.frozen"}

    def _command(self, *arguments, count=_COUNT):
        """arguments: contender, transport, port, QoS."""
        files = (self._workshop.ca.cert_der, self._device.cert_der, self._device.key_der)
        return [self._interpreter, "-X", "heapsize=2m", PROGRAM, *arguments, count, *files]

    # What goes up the wire for each publish: the difference of two runs.
    def _count_wire(self, contender, transport, qos):
        seen = []
        for count in (_COUNT, 2 * _COUNT):
            with Wire(self._brokers[transport].port) as wire:
                said = self._run(self._command(contender, transport, wire.port, qos, count=count))
                seen.append((wire.records_up, wire.bytes_up))
        (records, length), (records_2, length_2) = seen
        heap = int(re.search(r"bench: heap (\d+)", said)[1])
        records = (records_2 - records) / (3 * _COUNT) if transport == "tls" else 0
        return records, (length_2 - length) / (3 * _COUNT), heap

    def _run(self, command):
        words = [str(word) for word in command]
        done = subprocess.run(
            words, env=self._env, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
        if done.returncode:
            said = done.stdout + done.stderr
            raise DeskError(f"The benchmark's program ended with code {done.returncode}:\n{said}")
        return done.stdout


def add_ratios(rows):
    """Adds to each row how many times the instructions of umqtt.simple and of the limit it takes."""
    for row in rows:
        kind = (row["transport"], row["qos"])
        same = {r["contender"]: r for r in rows if (r["transport"], r["qos"]) == kind}
        for other in ("umqtt", "limit"):
            row[f"x {other}"] = row["instructions"] / same[other]["instructions"]


def _text(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@click.command("bench")
@click.option("--qos", "qualities", multiple=True, type=click.IntRange(0, 1), default=(0, 1))
def command(qualities):
    """Compare hublink with umqtt.simple and with the least that can be done, for each publish."""
    console = Console()
    rows = []
    with tempfile.TemporaryDirectory(prefix="hublink-bench-") as folder, Bench(Path(folder)) as bench:
        for transport in TRANSPORTS:
            for qos in qualities:
                for contender in CONTENDERS:
                    rows.append(bench.row(contender, transport, qos))
                    console.print(f"bench: {transport}, QoS {qos}, {contender}", highlight=False)
    add_ratios(rows)
    table = Table(*COLUMNS, title="each publish: 17 bytes of topic, 100 of payload", title_justify="left")
    for row in rows:
        table.add_row(*(_text(row[name]) for name in COLUMNS))
    console.print(table)
    path = paths.BUILD / "bench.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    click.echo(f"bench: written to {path.relative_to(paths.ROOT)}")
