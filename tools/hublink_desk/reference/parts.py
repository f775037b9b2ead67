"""What the reference interpreter is made of, all from Debian 13: two source packages and a 32-bit C library.

apt fetches and checks it, privately, as in set-up. The sources are taken as their authors released them:
Debian's patches are there to link the system's mbedTLS, whose options are not the boards'. What counts the
interpreter's instructions comes along, because valgrinds before 3.23 stumble over that C library.
"""

import json
import os
import re
import shutil
import tarfile
from pathlib import Path
from typing import NamedTuple

from setup_parts import apt
from setup_parts.checkout import digest
from setup_parts.commands import SetupError, run, say

from .. import paths

# Package -> the folders that are needed of it, and where they belong in MicroPython's tree.
_MICROPYTHON = ("py/", "extmod/", "shared/", "lib/", "ports/unix/", "tools/", "mpy-cross/mpy_cross/")
_SOURCES = {"micropython": (_MICROPYTHON, ""), "mbedtls": (("include/", "library/"), "lib/mbedtls")}

# What a compiler needs to make 32-bit programs that take nothing from the machine.
_LIBC, _LIBGCC = "libc6-dev", "libgcc-14-dev"
# Of libgcc-14-dev: its other files are for the compiler that it came with.
_LIBGCC_FILES = ("crtbeginT.o", "crtend.o", "libgcc.a", "libgcc_eh.a")

_SOURCE_INDEX = """\
Acquire::IndexTargets::deb-src::Sources {
  MetaKey "$(COMPONENT)/source/Sources";
  ShortDescription "Sources";
  Description "$(RELEASE)/$(COMPONENT) Sources";
  Optional "false";
};
"""


class Parts(NamedTuple):
    """Where they are."""

    folder: Path

    @property
    def source(self):
        return self.folder / "source"

    @property
    def sysroot(self):
        return self.folder / "sysroot"

    @property
    def libgcc(self):
        return self.folder / "libgcc"

    @property
    def callgrind(self):
        return self.folder / "callgrind-x86-linux"

    @property
    def versions(self):
        """Source package -> its version."""
        return json.loads((self.folder / "versions.json").read_text())


def home():
    """The folder of everything that has to do with the reference interpreter."""
    return paths.DEPS / "reference"


def here():
    """Parts, as they are or will be. What this file asks for now is not what it asked for earlier."""
    return Parts(home() / f"parts-{digest(Path(__file__).read_text())}")


def provide(checkout):
    """Fetch and unpack everything, unless it is there.

    Args:
        checkout: setup_parts.checkout.Checkout.

    Returns:
        Parts.

    Raises:
        setup_parts.commands.SetupError: it could not be fetched or is not what was expected.
        setup_parts.commands.Unavailable: this machine has no apt, or no mirror of Debian.
    """
    if not here().folder.is_dir():
        fresh = Parts(home() / "part")
        shutil.rmtree(fresh.folder, ignore_errors=True)
        _add_binaries(apt.debian_13_apt(checkout, "i386"), fresh)
        _add_sources(_source_apt(checkout), fresh)
        for old in home().glob("parts-*"):
            shutil.rmtree(old)
        os.replace(fresh.folder, here().folder)
    return here()


def _add_binaries(packages, parts):
    packages.unpack(_LIBC, "reference", parts.sysroot)
    aside = parts.folder / "aside"
    for package in (_LIBGCC, "valgrind"):
        packages.unpack(package, "reference", aside)
    parts.libgcc.mkdir()
    for name in _LIBGCC_FILES:
        shutil.move(_only(aside, f"usr/lib/gcc/*/*/{name}"), parts.libgcc)
    shutil.move(_only(aside, f"usr/libexec/valgrind/{parts.callgrind.name}"), parts.callgrind)
    shutil.rmtree(aside)


def _add_sources(settings, parts):
    archives = parts.folder / "archives"
    archives.mkdir()
    versions = {}
    for package, (folders, place) in _SOURCES.items():
        say(f"reference: fetching the source of {package}")
        run("apt-get", "-c", settings, "source", "--download-only", "-qq", package, cwd=archives)
        versions[package] = _only(archives, f"{package}_*.dsc").stem.partition("_")[2]
        say(f"reference: unpacking {package} {versions[package]}")
        archive = _only(archives, f"{package}_*.orig.tar.*[!c]")  # its .asc is a signature
        _unpack(archive, folders, parts.source / place)
    shutil.rmtree(archives)
    (parts.folder / "versions.json").write_text(json.dumps(versions))


def _source_apt(checkout):
    """The settings of an apt that knows Debian 13's source packages."""
    folder = checkout.deps / "apt" / f"{apt.DEBIAN_13}-source"
    lines = apt.debian_13_sources(apt.own_apt(checkout).mirrors(), apt.keyring())
    sources = [re.sub("^deb ", "deb-src ", line) for line in lines]
    private = apt.Apt("Debian 13 (sources)", folder, apt.machine_arch(), sources)
    with open(folder / "apt.conf", "a") as settings:
        settings.write(_SOURCE_INDEX)
    if private.update().trouble:
        raise SetupError(f"{private.trouble}.")
    return folder / "apt.conf"


def _unpack(archive, folders, home):
    """Some folders of an archive, without the folder that holds them all."""
    with tarfile.open(archive) as opened:
        opened.extraction_filter = getattr(tarfile, "data_filter", None)  # since Python 3.10.12
        for member in opened:
            member.name = member.name.partition("/")[2]
            if member.name.startswith(folders):
                opened.extract(member, home)


def _only(folder, pattern):
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise SetupError(f"Debian 13's packages hold {len(found)} files {pattern}; one is expected.")
    return found[0]
