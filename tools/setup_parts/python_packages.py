"""What comes from the Python package registry: the virtual environment, and umqtt.simple for the devices."""

import importlib.util
import itertools
import os
import platform
import re
import sys
from pathlib import Path

from . import apt, umqtt
from .commands import SetupError, Unavailable, run, say

_BY_HAND = "on Debian and Ubuntu: apt install python3-venv"


def make_venv(checkout):
    """A new virtual environment with exactly what the lock file names."""
    if importlib.util.find_spec("venv") is None:
        raise SetupError(f"this Python has no module venv; {_BY_HAND}.")
    say(f"python packages: making {checkout.venv.name} for Python {platform.python_version()}")
    if importlib.util.find_spec("ensurepip"):
        run(sys.executable, "-m", "venv", "--clear", checkout.venv)
    else:
        _make_with_packaged_pip(checkout)
    say(f"python packages: fetching what {checkout.lock.name} names")
    try:
        pip(checkout, "install", "--require-hashes", "-r", checkout.lock, seen=_progress(itertools.count(1)))
    except SetupError as error:
        told = f"pip cannot install {checkout.lock.name}: {error}; is the registry in reach?"
        raise SetupError(told) from None


def _make_with_packaged_pip(checkout):
    """The same for a Python without pip, as Debian and Ubuntu have it: there pip is a package of its own."""
    root = checkout.part / "pip"
    try:
        apt.own_apt(checkout).unpack("python3-pip-whl", "pip", root)
        wheel = next(root.glob("usr/share/python-wheels/pip-*.whl"))
        run(sys.executable, "-m", "venv", "--clear", "--without-pip", checkout.venv)
        run(checkout.python, wheel / "pip", "install", "--no-index", wheel)
    except (SetupError, Unavailable) as error:
        raise SetupError(f"this Python has no pip, and none can be fetched: {error}; {_BY_HAND}.") from None


def _progress(numbers):
    """Takes the lines that pip prints, and says how many packages it has come to, in tens."""

    def seen(line):
        if line.startswith("Collecting ") and (number := next(numbers)) % 10 == 0:
            say(f"python packages: fetched {number}")
        if line.startswith("Installing "):
            say("python packages: installing them")

    return seen


def install_project(checkout):
    """The checkout itself, in place, so that `.venv/bin/hublink` exists."""
    say("python packages: installing the tool `hublink`")
    pip(checkout, "install", "--no-deps", "--no-index", "--no-build-isolation", "-e", checkout.root)


def pip(checkout, *arguments, **options):
    return run(checkout.python, "-m", "pip", "--disable-pip-version-check", *arguments, **options)


def provide_umqtt(checkout):
    """`.deps/lib/umqtt/simple.py`, unless HUBLINK_UMQTT names a folder with another."""
    own = os.environ.get("HUBLINK_UMQTT")
    if own and not (Path(own) / "umqtt" / "simple.py").is_file():
        raise SetupError(f"HUBLINK_UMQTT is {own}, which holds no umqtt/simple.py.")
    if own:
        return say(f"umqtt.simple: using {own}")
    say(f"umqtt.simple: fetching {umqtt.VERSION}")
    checkout.part.mkdir(parents=True, exist_ok=True)
    source = checkout.part / "simple.py"
    tools = Path(__file__).resolve().parents[1]
    settings = pip(checkout, "config", "list")
    registry, certificates = (pip_setting(settings, name) for name in ("index-url", "cert"))
    run(checkout.python, "-m", "setup_parts.umqtt", source, registry, certificates, cwd=tools)
    home = checkout.lib / "umqtt"
    home.mkdir(parents=True, exist_ok=True)
    (home / "__init__.py").touch()
    os.replace(source, home / source.name)


def pip_setting(settings, name):
    """What this machine tells pip, in its environment or else in a file; "" where it tells nothing."""
    found = re.findall(rf"^(?:(:env:)|\w+)\.{name}='(.*)'$", settings, re.MULTILINE)
    return max(found, default=("", ""))[1]
