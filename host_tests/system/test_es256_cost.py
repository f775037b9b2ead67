"""What a token costs a board: operations, instructions and heap, each counted for every slice.

Milliseconds are those of an RP2040 at 125 MHz. Measured there: a doubling 1.7, a mixed addition 2.3. The
reference interpreter takes 159,000 and 219,000 instructions for them: 94,000 for each millisecond.
"""

import os
import subprocess
from collections import Counter

import pytest
from hublink_desk.reference import Unavailable, build, count_instructions

from host_tests.shim import install

with install():
    from hublink.protocol import es256, hmac

SLICE_MAX_MS = 200
INSTRUCTIONS_PER_MS = 94_000
# The inversions, of which the slower one counts, and HMAC by their instructions.
COST_MS = {"_double": 1.7, "_add": 2.3, "_inverse": 100, "sha256": 1.3}
# What 16 doublings and additions leave on the heap, at most, until it is collected.
GARBAGE_MAX_LEN = 44_000
# The modules as .mpy take 5,300 bytes of heap, a signature at work about 3,000.
HEAP_LEN = 12 * 1024
LIMIT_S = 30

PROGRAM = """
import gc, time
from hublink.protocol import jwt
making = jwt.make(0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, "project", 1, 3601)
token = None
while not token:
    gc.collect()
    before = gc.mem_alloc()
    time.clock()
    token = next(making)
    time.clock()
    print(gc.mem_alloc() - before)
"""


@pytest.fixture(scope="module")
def reference():
    try:
        return build()
    except Unavailable as reason:
        pytest.skip(reason.message)


@pytest.fixture
def command(reference, tmp_path):
    """command(heap size): the interpreter with a program that makes a token and collects between slices."""
    script = tmp_path / "token.py"
    script.write_text(PROGRAM)
    return lambda heap_len: [reference, "-X", f"heapsize={heap_len}", script]


@pytest.fixture
def counter(monkeypatch):
    """The operations done, by the name of their function."""
    done = Counter()

    def count(module, name):
        function = getattr(module, name)

        def counted(*args):
            done[name] += 1
            return function(*args)

        monkeypatch.setattr(module, name, counted)

    for name in ("_double", "_add", "_inverse"):
        count(es256, name)
    count(hmac, "sha256")
    return done


@pytest.mark.parametrize("key", [1, es256.N // 3, es256.N - 1])
@pytest.mark.parametrize("digest", [bytes(32), b"\xff" * 32, bytes(range(32))], ids=["0", "ff", "mixed"])
def test_each_signature_is_the_same_operations_in_slices_short_enough(counter, key, digest):
    slices = []
    for _ in es256.sign(key, digest):
        slices.append(dict(counter))
        counter.clear()
    rows = [{"sha256": 5, "_double": 7, "_add": 7}, *[{"_double": 8, "_add": 8}] * 7]
    assert slices == [*rows, {"_inverse": 1}, {"_inverse": 1}]
    for each in slices:
        assert sum(COST_MS[name] * count for name, count in each.items()) <= SLICE_MAX_MS


def test_the_instructions_of_each_slice_fit_the_limit(command, mpy):
    counts = count_instructions(command("200k"), {"MICROPYPATH": f"{mpy}:.frozen"})
    slices_ms = [count / INSTRUCTIONS_PER_MS for count in counts[::2]]  # the others are between slices
    rows_ms, inversions_ms = slices_ms[:8], slices_ms[8:]
    row_ms = 8 * (COST_MS["_double"] + COST_MS["_add"])
    assert rows_ms == pytest.approx([row_ms] * 8, rel=0.2)
    assert len(inversions_ms) == 2
    assert max(inversions_ms) <= COST_MS["_inverse"]
    assert max(slices_ms) <= SLICE_MAX_MS


def run(command, mpy):
    """Bytes that each slice left on the heap."""
    done = subprocess.run(
        command,
        env=os.environ | {"MICROPYPATH": f"{mpy}:.frozen"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [int(line) for line in done.stdout.split()]


def test_what_a_slice_leaves_behind_is_bounded(command, mpy):
    assert max(run(command("200k"), mpy)) <= GARBAGE_MAX_LEN


def test_a_token_is_made_in_a_small_heap(command, mpy):
    assert len(run(command(HEAP_LEN), mpy)) == 10
