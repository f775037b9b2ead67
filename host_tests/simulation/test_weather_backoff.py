"""Backoff in time: 1 s doubling to 32 s with full jitter, from 1 s again after 60 s of good connection."""


import re
from contextlib import contextmanager

import pytest

from host_tests.fakes import World
from host_tests.simulation.weather import CONNECT_S, counting, online_world

CEILINGS_MS = [1000, 2000, 4000, 8000, 16000, 32000]
CAP_MS = CEILINGS_MS[-1]


def delays_ms(world):
    """The waits that the log announces, in order."""
    return [int(re.search(r"again in (\d+) ms", line)[1]) for line in world.logged("again in")]


def random30(byte):
    """The 30 random bits that the node makes of entropy in which every byte is this one."""
    return int.from_bytes(bytes([byte]) * 4, "big") >> 2


@contextmanager
def refused_world(seed=0, entropy=None):
    """A World whose hub listens to nobody. On unix, where no joining of Wi-Fi takes time in between."""
    with World("unix", seed=seed) as world:
        if entropy:
            world.entropy = entropy
        world.hub.stop()
        world.boot(counting)
        yield world


def times_down(world):
    """(ms when the link went down, ms when it tried again) for each failure."""
    marks = [(ms, line) for ms, line in world.lines if "-> DOWN" in line or "DOWN -> WIFI" in line][1:]
    return [(down[0], up[0]) for down, up in zip(marks[::2], marks[1::2], strict=False)]


def test_ceiling_doubles_to_its_cap():
    for seed in range(20):
        with refused_world(seed) as world:
            world.run(for_s=200)
            for delay_ms, ceiling_ms in zip(delays_ms(world), [*CEILINGS_MS, *[CAP_MS] * 100], strict=False):
                assert 0 <= delay_ms <= ceiling_ms


def test_jitter_is_full_and_even():
    with refused_world() as world:
        world.run(for_s=2 * 3600)
        delays = delays_ms(world)[len(CEILINGS_MS) :]
        assert len(delays) > 300
        assert 0.45 * CAP_MS < sum(delays) / len(delays) < 0.55 * CAP_MS
        fifths = [sum(i * CAP_MS / 5 <= delay < (i + 1) * CAP_MS / 5 for delay in delays) for i in range(5)]
        assert min(fifths) > 0.13 * len(delays), fifths


@pytest.mark.parametrize("byte", [0x00, 0x5A, 0xFF])
def test_delays_are_what_chance_says(byte):
    with refused_world(entropy=lambda n: bytes([byte]) * n) as world:
        world.run(until=lambda: len(times_down(world)) > 8, limit_s=400)
        expected = [random30(byte) % (ceiling_ms + 1) for ceiling_ms in [*CEILINGS_MS, CAP_MS, CAP_MS]]
        assert delays_ms(world)[:8] == expected
        waited = [up_ms - down_ms for down_ms, up_ms in times_down(world)]
        for wait_ms, delay_ms in zip(waited, expected, strict=False):
            assert delay_ms <= wait_ms <= delay_ms + 2, "it waits as long as it says"


@pytest.mark.parametrize(("stable_s", "resets"), [(62, True), (50, False)])
def test_stable_connection_resets_the_backoff(stable_s, resets):
    with online_world("unix") as world:
        world.entropy = lambda n: b"\x5a" * n
        world.hub.stop()
        world.run(until=lambda: len(delays_ms(world)) >= 4, limit_s=60)
        world.hub.start()
        world.run(until=world.online, limit_s=CAP_MS / 1000 + CONNECT_S)
        world.run(for_s=stable_s)
        tries = len(delays_ms(world))
        world.hub.drop()
        world.run(until=lambda: len(delays_ms(world)) > tries, limit_s=5)
        ceiling_ms = CEILINGS_MS[0] if resets else CEILINGS_MS[tries]
        assert delays_ms(world)[-1] == random30(0x5A) % (ceiling_ms + 1)


def test_refused_connect_waits_up_to_the_cap_at_once():
    with World("unix", seed=3) as world:
        world.entropy = lambda n: b"\x5a" * n
        world.hub.connack = 5
        world.boot(counting)
        world.run(until=lambda: len(delays_ms(world)) >= 3, limit_s=200)
        assert delays_ms(world)[:3] == [random30(0x5A) % (CAP_MS + 1)] * 3
