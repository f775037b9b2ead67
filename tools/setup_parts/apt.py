"""apt, privately: signed packages, fetched and unpacked without root; nothing of the machine's is touched.

apt itself fetches and verifies. It gets its own lists and cache and an empty list of installed packages. The
machine's settings for the network (proxies, certificates) apply, and its sources say where the mirrors are.
"""

import functools
import os
import re
from pathlib import Path

from .commands import SetupError, Unavailable, run, say, which

KEYRINGS = Path("/usr/share/keyrings")
DEBIAN_13 = "trixie"
# The suites by which mirrors of Debian are told from others.
DEBIAN_SUITES = set("bullseye bookworm trixie forky sid oldstable stable testing unstable".split())

# Read after the machine's own settings. Of the indexes only the packages' is wanted.
_SETTINGS = """\
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "{arch}";
#clear APT::Architectures;
APT::Architectures {{ "{arch}"; }};
APT::Sandbox::User "{user}";
APT::Get::AllowUnauthenticated "false";
APT::Update::Error-Mode "any";
Acquire::AllowInsecureRepositories "false";
#clear Acquire::IndexTargets;
Acquire::IndexTargets::deb::Packages {{
  MetaKey "$(COMPONENT)/binary-$(ARCHITECTURE)/Packages";
  flatMetaKey "Packages";
  ShortDescription "Packages";
  Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages";
  Optional "false";
}};
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
"""
_OTHER_SOURCES = """\
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
"""
_INSTALL = ("install", "-qq", "--yes", "--no-install-recommends")


class Apt:
    """One private apt, for one machine type.

    Args:
        title: what its packages are called before a person.
        folder: where it keeps its lists and packages.
        arch: Debian's name of the machine type.
        sources: lines of a sources.list; without them the machine's own sources count.
    """

    def __init__(self, title, folder, arch, sources=None):
        self.title = title
        self.trouble = ""  # why the index could not be fetched; of interest only if it lacks what we look for
        self._folder = folder
        (folder / "state").mkdir(parents=True, exist_ok=True)
        (folder / "cache").mkdir(exist_ok=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text("".join(f"{line}\n" for line in sources or []))
        settings = _SETTINGS + (_OTHER_SOURCES if sources else "")
        user = "root" if os.geteuid() == 0 else ""
        (folder / "apt.conf").write_text(settings.format(folder=folder, arch=arch, user=user))

    def _call(self, tool, *arguments):
        try:
            return run(tool, "-c", self._folder / "apt.conf", *arguments)
        except SetupError as error:
            raise Unavailable(str(error), passing=True) from None

    def update(self):
        say(f"packages: fetching the index of {self.title}")
        try:
            self._call("apt-get", "update", "-qq")
        except Unavailable as reason:
            self.trouble = str(reason)
        return self

    def mirrors(self):
        """(URI, suite) of each source that has a component `main`."""
        return mirrors_in(self._call("apt-get", "update", "--print-uris"))

    def candidate(self, package):
        """The version to be had, "" if there is none."""
        found = re.search(r"Candidate: ([^\s(]+)", self._call("apt-cache", "policy", package))
        return found.group(1) if found else ""

    def plan(self, package):
        """The names of the files of a package and of all that it depends on."""
        text = self._call("apt-get", *_INSTALL, "--simulate", package)
        steps = re.findall(r"^Inst (\S+) \((\S+) .*\[(\w+)\]\)", text, re.MULTILINE)
        return sorted(f"{name}_{version.replace(':', '%3a')}_{arch}.deb" for name, version, arch in steps)

    def unpack(self, package, label, root):
        """Fetches what `plan` names, as far as it is not here yet, and unpacks it into the folder `root`."""
        files = self.plan(package)
        say(f"{label}: fetching {len(files)} packages of {self.title}")
        self._call("apt-get", *_INSTALL, "--download-only", package)
        say(f"{label}: unpacking {len(files)} packages")
        root.mkdir(parents=True, exist_ok=True)
        for file in files:
            run("dpkg-deb", "-x", self._folder / "cache" / "archives" / file, root)


def mirrors_in(uris):
    """(URI, suite) of each index of a component `main` among the files that apt says it would fetch."""
    return set(re.findall(r"^'(\S+)/dists/(\S+)/main/binary-\w+/Packages\S*'", uris, re.MULTILINE))


@functools.cache
def machine_arch():
    if not (which("apt-get") and which("dpkg-deb")):
        raise Unavailable("this machine has no apt-get")
    return run("dpkg", "--print-architecture").strip()


@functools.cache
def own_apt(checkout):
    """The machine's own packages."""
    return Apt("this machine's apt sources", checkout.deps / "apt" / "own", machine_arch()).update()


@functools.cache
def debian_13_apt(checkout, arch):
    """Debian 13's packages, from the mirrors of the machine's own Debian."""
    sources = debian_13_sources(own_apt(checkout).mirrors(), keyring())
    return Apt(f"Debian 13 ({arch})", checkout.deps / "apt" / f"{DEBIAN_13}-{arch}", arch, sources).update()


def debian_13_sources(mirrors, key):
    """Lines of a sources.list for Debian 13 and its security updates."""
    if not key:
        raise Unavailable("Debian's keys (the package debian-archive-keyring) are not on this machine")
    lines = set()
    for uri, suite in mirrors:
        base, dash, pocket = suite.partition("-")
        if base in DEBIAN_SUITES and pocket in ("", "security"):
            lines.add(f"deb [signed-by={key}] {uri} {DEBIAN_13}{dash}{pocket} main")
    if not lines:
        raise Unavailable("this machine's apt sources name no Debian mirror")
    return sorted(lines)


def keyring():
    """The file of keys that verify Debian's archives, "" where there is none."""
    files = [KEYRINGS / f"debian-archive-keyring.{ending}" for ending in ("gpg", "pgp")]
    return next((str(file) for file in files if file.is_file()), "")
