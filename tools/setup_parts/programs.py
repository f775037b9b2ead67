"""MicroPython and Mosquitto in `.deps/bin`: what is good enough, and the places that may have it, in order.

A program is tried beside its place before it is moved there. A packaged program keeps its own loader and
libraries in `.deps/programs`; the script that starts it finds them from where it stands itself, so that a
checkout can be moved.
"""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from . import apt
from .checkout import digest
from .commands import SetupError, Unavailable, complaint, printed, run, say, which


class Program(NamedTuple):
    name: str  # in .deps/bin
    package: str  # the package, and the command in it
    minimum: tuple
    version: Callable  # path -> the version, "" when the program does not do
    arch: str  # Debian's name of the machine type; "" is this machine's
    by_hand: str  # what a person can install where we cannot

    def good(self, path):
        return version_of(self.version(path)) >= self.minimum


def version_of(text):
    """(1, 25, 0) of "1.25.0", "1.25.0+ds-1" or "1:1.25.0-2"."""
    return tuple(int(number) for number in re.findall(r"\d+", text.split(":")[-1])[:3])


def micropython_version(path):
    """The version of a MicroPython that has `tls`."""
    probe = "import sys, tls; print('is', '.'.join(str(n) for n in sys.implementation.version[:3]))"
    found = re.search(r"^is (\S+)$", printed(path, "-c", probe), re.MULTILINE)
    return found.group(1) if found else ""


def micropython32_version(path):
    """The same of one whose words have 32 bits, as the boards' have."""
    word = printed(path, "-c", "import sys; print('max', sys.maxsize)")
    return micropython_version(path) if f"max {2**31 - 1}\n" in word else ""


def mosquitto_version(path):
    """The version of a Mosquitto that has TLS. The unknown setting ends it before it listens."""
    found = re.search(r"^mosquitto version (\S+)", printed(path, "-h"), re.MULTILINE)
    settings = printed(path, "-c", "/dev/stdin", text="cafile none\nno_such_setting 1\n")
    return found.group(1) if found and "TLS support not available" not in settings else ""


WANTED = (
    Program(
        name="micropython",
        package="micropython",
        minimum=(1, 25),
        version=micropython_version,
        arch="",
        by_hand="MicroPython 1.25 or later with tls",
    ),
    Program(
        name="micropython32",
        package="micropython",
        minimum=(1, 25),
        version=micropython32_version,
        arch="i386",
        by_hand="a 32-bit MicroPython 1.25 or later with tls",
    ),
    Program(
        name="mosquitto",
        package="mosquitto",
        minimum=(2, 0),
        version=mosquitto_version,
        arch="",
        by_hand="Mosquitto 2.0 or later with TLS",
    ),
)


def provide(program, checkout):
    """Puts a program into `.deps/bin` from the first place that has it, or remembers why it is not there.

    Raises:
        SetupError: a place that may have it could not be asked.
    """
    reasons = []
    for place in (from_path, from_brew, from_own_packages, from_debian_13):
        try:
            place(program, checkout)
            return checkout.record_missing(program.name, "")
        except Unavailable as reason:
            reasons.append(reason)
    if program.good(checkout.bin / program.name):  # what an earlier set-up found does still
        return checkout.record_missing(program.name, "")
    told = "; ".join(dict.fromkeys(str(reason) for reason in reasons if str(reason)))
    sentence = f"{told}; install {program.by_hand} by hand, then run `make setup` again"
    if any(reason.passing for reason in reasons):
        raise SetupError(f"{program.name} cannot be had now: {sentence}.")
    _remove(checkout.bin / program.name)
    checkout.record_missing(program.name, sentence)


def from_path(program, checkout, path=None):
    found = which(program.package, path, but_not=checkout.bin)
    if not found:
        raise Unavailable()
    if not program.good(found):
        raise Unavailable("" if program.arch else f"{found} is not {program.by_hand}")
    _put(program, checkout, lambda link: link.symlink_to(found))


def from_brew(program, checkout):
    brew = which("brew")
    if not brew or program.arch:
        raise Unavailable()
    say(f"{program.name}: installing with brew")
    try:
        run(brew, "install", "--quiet", program.package)
        prefix = run(brew, "--prefix").strip()
    except SetupError as error:
        raise Unavailable(str(error), passing=True) from None
    from_path(program, checkout, f"{prefix}/bin{os.pathsep}{prefix}/sbin")


def from_own_packages(program, checkout):
    """The 32-bit MicroPython is always Debian 13's: older ones have none, later ones may have no i386."""
    if program.arch:
        raise Unavailable()
    from_packages(program, checkout, apt.own_apt(checkout))


def from_debian_13(program, checkout):
    machine = apt.machine_arch()
    arch = program.arch or machine
    if arch != machine and (machine, arch) != ("amd64", "i386"):
        raise Unavailable(f"a machine of type {machine} does not run {arch} programs")
    from_packages(program, checkout, apt.debian_13_apt(checkout, arch))


def from_packages(program, checkout, packages):
    candidate = packages.candidate(program.package)
    if version_of(candidate) < program.minimum:
        offer = f"in {packages.title} is {candidate}" if candidate else f"is not in {packages.title}"
        raise Unavailable(packages.trouble or f"{program.package} {offer}", passing=bool(packages.trouble))
    home = checkout.programs / f"{program.name}-{digest(packages.plan(program.package))}"
    if not home.is_dir():
        root = checkout.part / program.name
        packages.unpack(program.package, program.name, root)
        _gather(needed_files(root, program.package), checkout.part / home.name, home)
    _put(program, checkout, lambda path: _write_starter(path, home, program.package))
    for old in checkout.programs.glob(f"{program.name}-*"):
        if old != home:
            shutil.rmtree(old)


def needed_files(root, command):
    """The program, its loader, and what the loader says it loads. A library of the machine's is a mistake."""
    binary = _only(root, f"usr/bin/{command}", f"usr/sbin/{command}")
    loader = _only(root, "usr/lib/*/ld-linux*.so.*", "lib/*/ld-linux*.so.*")
    kind = loader.parent.name
    folders = f"{root}/usr/lib/{kind}:{root}/lib/{kind}"
    try:
        listing = run(loader, "--library-path", folders, "--list", binary)
    except SetupError as error:
        raise Unavailable(f"this machine does not run {kind} programs ({error})") from None
    libraries = [Path(path) for path in re.findall(r" => (.+) \(0x", listing)]
    foreign = [path for path in libraries if root not in path.parents]
    if foreign:
        raise SetupError(f"{command} would load {foreign[0]}, which is not in its packages.")
    return [binary, loader, *libraries]


def _only(root, *patterns):
    found = [file for pattern in patterns for file in root.glob(pattern)]
    if not found:
        raise SetupError(f"the packages hold no {patterns[0]}.")
    return found[0]


def _gather(files, new, home):
    """Copies files into one folder, which then becomes `home`."""
    new.mkdir()
    for file in files:
        shutil.copy2(file, new)
    home.parent.mkdir(exist_ok=True)
    os.replace(new, home)


def _write_starter(path, home, command):
    """A script that becomes the program, with the same process id."""
    loader = next(home.glob("ld-linux*")).name
    path.write_text(
        "#!/bin/sh\n# Starts a packaged program with its own loader and libraries.\n"
        'self="$0"\nif [ -L "$self" ]; then self="$(readlink -f "$self")"; fi\n'
        f'home="${{self%/*}}/../programs/{home.name}"\n'
        f'exec "$home/{loader}" --library-path "$home" "$home/{command}" "$@"\n'
    )
    path.chmod(0o755)


def _put(program, checkout, make):
    """Makes `.deps/bin/NAME` beside its place, tries it, and moves it over what was there before."""
    checkout.bin.mkdir(parents=True, exist_ok=True)
    new = checkout.bin / f".{program.name}.new"
    _remove(new)
    make(new)
    if not program.good(new):
        why = complaint(printed(new, "-h").splitlines())
        _remove(new)
        raise Unavailable(f"the packaged {program.name} does not run here ({why})")
    os.replace(new, checkout.bin / program.name)


def _remove(path):
    if path.exists() or path.is_symlink():
        path.unlink()
