"""What the tests of verbs that talk to a board share: the board on the desk, and versions to put on it."""

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager

from hublink_desk import paths
from hublink_desk.deploy.remote import Remote
from hublink_desk.desk_board import SerialBoard

from host_tests.both.interpreters import needs
from host_tests.verbs import hublink

BOARD = "RPI_PICO_W"  # what it is
LIMIT_S = 20
UP = "hublink: link version "
# A program whose modules say their version: a mixture of two would show.
MODULES = ("one.py", "inner/two.py", "three.py")
MAIN = f"""
import one, inner.two, three
print("{UP}%d %d %d" % (one.N, inner.two.N, three.N))
"""


def version(folder, n, **more):
    """Make a build of version n in a folder (Path); more: name of a .py -> its text. Returns the folder."""
    texts = {name: f"N = {n}\n" + "# fills more than a piece of what is copied\n" * 30 for name in MODULES}
    texts |= {"main.py": MAIN} | {f"{name}.py": text for name, text in more.items()}
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    shutil.copy(paths.FIRMWARE / "boot.py", folder)
    return folder


@contextmanager
def switched_on(folder, interpreter="micropython", **more):
    """A SerialBoard in a folder, ready for commands; more: as it has it."""
    needs(interpreter)
    with SerialBoard(folder, interpreter, **more) as board:
        board.start()
        board.wait_line("Type .help", LIMIT_S)
        yield board


def mpremote(board, *words):
    """What mpremote prints, called as a person calls it."""
    done = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", board.port, *map(str, words)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def stopped(board):
    """A Remote in the raw REPL of a board."""
    with Remote(board.port) as remote:
        remote.stop()
        yield remote
        remote.leave()


def deploy(board, built, *more):
    """Deploy what was built, as `hublink` of the verbs tells it. more: further options."""
    return hublink("deploy", "--board", BOARD, "--port", board.port, "--build", built, *more)


def deployed(board, built, *more):
    """What a deploy that ends well tells, as a dict."""
    done = deploy(board, built, *more, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)
