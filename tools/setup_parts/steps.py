"""The steps of the set-up, and which of them are still to do.

Each step may be killed and run again: what it makes is built beside its place and moved there when whole.
A step whose inputs are unchanged and whose product is in place is not run again. Nothing outside the checkout
is changed, except that brew, where there is brew, installs what is missing.
"""

import fcntl
import functools
import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from . import apt, programs, python_packages, umqtt
from .checkout import Checkout, digest
from .commands import SetupError, say, which

ROOT = Path(__file__).resolve().parents[2]
APT_SETTINGS = Path("/etc/apt")


class Step(NamedTuple):
    name: str
    do: Callable  # takes the checkout
    inputs: str  # what the product is made of: when it differs, the step is run again
    product: Path


def steps(checkout):
    """The steps in their order. Another lock file, Python or place makes another virtual environment."""
    venv = digest(checkout.lock.read_text(), platform.python_version_tuple()[:2], str(checkout.root))
    project = digest(venv, (checkout.root / "pyproject.toml").read_text())
    yield Step("venv", python_packages.make_venv, venv, checkout.python)
    yield Step("project", python_packages.install_project, project, checkout.venv / "bin" / "hublink")
    for program in programs.WANTED:
        do = functools.partial(programs.provide, program)
        yield Step(program.name, do, places(program, checkout), checkout.bin / program.name)
    own = os.environ.get("HUBLINK_UMQTT")
    file = Path(own or checkout.lib) / "umqtt" / "simple.py"
    yield Step("umqtt", python_packages.provide_umqtt, digest(own), file)


def places(program, checkout):
    """What decides where a program comes from, so that set-up looks again when a person has installed it."""
    files = [APT_SETTINGS / "sources.list", *sorted(APT_SETTINGS.glob("sources.list.d/*"))]
    sources = [file.read_bytes() for file in files if file.is_file()]
    commands = [which(name, but_not=checkout.bin) for name in (program.package, "brew", "apt-get")]
    return digest(sources, apt.keyring(), commands)


def code():
    """The text of this program: a change of it runs every step again."""
    return digest(*(file.read_text() for file in sorted(Path(__file__).parent.glob("*.py"))))


def to_do(checkout):
    """Yields each step that is still to be done, with the stamp it gets when it is done."""
    stamps, missing, made_by = checkout.stamps(), checkout.missing(), code()
    for step in steps(checkout):
        here = step.product.exists() or step.name in missing
        stamp = f"{step.inputs}-{made_by}"
        if not here or stamps.get(step.name) != stamp:
            yield step, stamp


def set_up(checkout):
    """Does what is still to do, and says what this machine cannot have."""
    waiting = list(to_do(checkout))
    for step, stamp in waiting:
        checkout.stamp(step.name, "")
        shutil.rmtree(checkout.part, ignore_errors=True)
        step.do(checkout)
        checkout.stamp(step.name, stamp)
    shutil.rmtree(checkout.part, ignore_errors=True)
    for name, reason in checkout.missing().items():
        print(f"setup: without {name}: {reason}.", file=sys.stderr)
    if waiting:
        say(f"ready: {', '.join(versions(checkout))}")


def versions(checkout):
    yield f"Python {platform.python_version()}"
    for program in programs.WANTED:
        if program.name not in checkout.missing():
            yield f"{program.name} {program.version(checkout.bin / program.name)}"
    yield f"umqtt.simple {os.environ.get('HUBLINK_UMQTT') or umqtt.VERSION}"


def main():
    checkout = Checkout(ROOT)
    checkout.deps.mkdir(exist_ok=True)
    try:
        with open(checkout.deps / "lock", "w") as lock:  # a second set-up waits for the first
            fcntl.flock(lock, fcntl.LOCK_EX)
            set_up(checkout)
    except SetupError as error:
        sys.exit(f"setup: {error}")
    except KeyboardInterrupt:
        sys.exit("setup: interrupted; run it again to go on where it stopped.")
