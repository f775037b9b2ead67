"""setup_parts/programs.py: what is good enough, in which order places are asked, what a kill leaves."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from setup_parts import programs
from setup_parts.checkout import Checkout
from setup_parts.commands import SetupError, Unavailable

from host_tests.both.interpreters import needs

MICROPYTHON, MICROPYTHON32, MOSQUITTO = programs.WANTED
REAL = Checkout(Path(__file__).resolve().parents[2])


@pytest.fixture
def checkout(tmp_path):
    made = Checkout(tmp_path / "a checkout")
    made.deps.mkdir(parents=True)
    return made


def script(path, text):
    """An executable; a MicroPython, say, that answers as told."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def micropython_script(path, version):
    return script(path, f"echo is {version}; echo max 9223372036854775807; echo pid $$; echo args \"$@\"")


def missing(checkout):
    return json.loads((checkout.deps / "missing.json").read_text())


# --- What is good enough


@pytest.mark.parametrize(
    "text, expected",
    [
        ("1.25.0", (1, 25, 0)),
        ("1.25.0+ds-1", (1, 25, 0)),
        ("1:2.0.11-1.2+deb12u2", (2, 0, 11)),
        ("1.9", (1, 9)),
        ("", ()),
    ],
)
def test_version_is_compared_by_its_numbers(text, expected):
    assert programs.version_of(text) == expected


@pytest.mark.parametrize(
    "program, text, expected",
    [
        (MICROPYTHON, "echo is 1.25.0; echo max 9223372036854775807", "1.25.0"),
        (MICROPYTHON, "echo ImportError: no module named tls; exit 1", ""),
        (MICROPYTHON, "exit 127", ""),
        (MICROPYTHON32, "echo is 1.25.0; echo max 2147483647", "1.25.0"),
        (MICROPYTHON32, "echo is 1.25.0; echo max 9223372036854775807", ""),
        (MOSQUITTO, "echo mosquitto version 2.0.11; echo Error: Unknown configuration variable", "2.0.11"),
        (MOSQUITTO, "echo mosquitto version 2.0.11; echo Warning: TLS support not available.", ""),
        (MOSQUITTO, "exit 1", ""),
    ],
)
def test_version_of_a_program_that_does_not_do_is_empty(tmp_path, program, text, expected):
    assert program.version(script(tmp_path / "it", text)) == expected


def test_program_that_is_not_there_has_no_version(tmp_path):
    assert [program.version(tmp_path / "none") for program in programs.WANTED] == ["", "", ""]


@pytest.mark.parametrize("version, good", [("1.24.9", False), ("1.25", True), ("1.30.1", True)])
def test_program_is_good_from_its_minimum_on(tmp_path, version, good):
    assert MICROPYTHON.good(micropython_script(tmp_path / "it", version)) is good


@pytest.mark.parametrize("program", programs.WANTED, ids=lambda program: program.name)
def test_program_of_this_machine_is_good(program):
    needs(program.name)
    assert program.good(REAL.bin / program.name)


def test_micropython_of_this_machine_passes_for_one_of_32_bits_only_if_it_is():
    needs("micropython")
    native = REAL.bin / "micropython"
    wide = "True" in programs.printed(native, "-c", "import sys; print(sys.maxsize > 1 << 31)")
    assert MICROPYTHON32.good(native) is not wide


# --- The order of places


@pytest.fixture
def places(monkeypatch):
    """Answers of the four places, to be filled in; and the names of those that were asked."""
    answers, asked = {}, []

    def place(name):
        def ask(program, checkout):
            asked.append(name)
            if answers[name] is not None:
                raise answers[name]

        return ask

    for name in ("from_path", "from_brew", "from_own_packages", "from_debian_13"):
        answers[name] = Unavailable()
        monkeypatch.setattr(programs, name, place(name))
    return answers, asked


@pytest.mark.parametrize("first", range(4))
def test_first_place_that_has_it_is_the_last_one_asked(checkout, places, first):
    answers, asked = places
    answers[list(answers)[first]] = None
    checkout.record_missing("micropython", "it was missing before")
    programs.provide(MICROPYTHON, checkout)
    assert asked == list(answers)[: first + 1]
    assert missing(checkout) == {}


def test_reasons_of_all_places_are_remembered_as_one_sentence(checkout, places):
    places[0]["from_path"] = Unavailable("/bin/micropython is too old")
    places[0]["from_own_packages"] = places[0]["from_debian_13"] = Unavailable("this machine has no apt-get")
    programs.provide(MICROPYTHON, checkout)
    assert missing(checkout) == {
        "micropython": "/bin/micropython is too old; this machine has no apt-get; "
        "install MicroPython 1.25 or later with tls by hand, then run `make setup` again"
    }
    assert not (checkout.bin / "micropython").exists()


def test_place_out_of_reach_ends_the_set_up_and_says_nothing_of_missing(checkout, places):
    places[0]["from_own_packages"] = Unavailable("apt-get: no route", passing=True)
    with pytest.raises(SetupError, match=r"^micropython cannot be had now: apt-get: no route; install M"):
        programs.provide(MICROPYTHON, checkout)
    assert checkout.missing() == {}


def test_program_from_before_is_kept_when_no_place_has_it_any_more(checkout, places):
    places[0]["from_own_packages"] = Unavailable("no network", passing=True)
    kept = micropython_script(checkout.bin / "micropython", "1.25.0")
    programs.provide(MICROPYTHON, checkout)
    assert kept.exists()
    assert checkout.missing() == {}


def test_program_from_before_that_does_not_run_is_removed(checkout, places):
    script(checkout.bin / "micropython", "exit 1")
    programs.provide(MICROPYTHON, checkout)
    assert list(checkout.bin.iterdir()) == []


# --- PATH and brew


def test_good_program_on_path_is_linked(checkout, tmp_path, monkeypatch):
    found = micropython_script(tmp_path / "host" / "micropython", "1.26.0")
    monkeypatch.setenv("PATH", f"{checkout.bin}:{found.parent}:{os.environ['PATH']}")
    programs.from_path(MICROPYTHON, checkout)
    assert (checkout.bin / "micropython").resolve() == found
    programs.from_path(MICROPYTHON, checkout)  # ours is on PATH now, and is not found
    assert (checkout.bin / "micropython").resolve() == found


def test_old_program_on_path_is_named_and_what_was_there_stays(checkout, tmp_path, monkeypatch):
    found = micropython_script(tmp_path / "host" / "micropython", "1.22.1")
    before = micropython_script(checkout.bin / "micropython", "1.25.0")
    monkeypatch.setenv("PATH", f"{found.parent}:{os.environ['PATH']}")
    with pytest.raises(Unavailable, match=rf"{found} is not MicroPython 1\.25 or later with tls"):
        programs.from_path(MICROPYTHON, checkout)
    assert MICROPYTHON.version(before) == "1.25.0"
    assert list(checkout.bin.iterdir()) == [before]


def test_brew_installs_what_is_missing(checkout, tmp_path, monkeypatch):
    prefix = tmp_path / "cellar"
    micropython_script(tmp_path / "bottle", "1.26.0")
    install = f'mkdir -p "{prefix}/bin"; cp "{tmp_path}/bottle" "{prefix}/bin/$3"'
    script(tmp_path / "host" / "brew", f'case $1 in install) {install};; --prefix) echo "{prefix}";; esac')
    monkeypatch.setenv("PATH", f"{tmp_path / 'host'}:{os.environ['PATH']}")
    programs.from_brew(MICROPYTHON, checkout)
    assert (checkout.bin / "micropython").resolve() == prefix / "bin" / "micropython"


def test_brew_that_fails_may_be_asked_another_time(checkout, tmp_path, monkeypatch):
    script(tmp_path / "host" / "brew", "echo Error: no bottle available >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'host'}:{os.environ['PATH']}")
    with pytest.raises(Unavailable, match="brew: no bottle available") as failed:
        programs.from_brew(MICROPYTHON, checkout)
    assert failed.value.passing


@pytest.mark.parametrize("machine, runs", [("amd64", True), ("i386", True), ("arm64", False)])
def test_32_bit_micropython_is_for_machines_that_run_it(checkout, monkeypatch, machine, runs):
    asked = []
    monkeypatch.setattr(programs.apt, "machine_arch", lambda: machine)
    monkeypatch.setattr(programs.apt, "debian_13_apt", lambda checkout, arch: arch)
    monkeypatch.setattr(programs, "from_packages", lambda program, checkout, arch: asked.append(arch))
    if runs:
        programs.from_debian_13(MICROPYTHON32, checkout)
    else:
        with pytest.raises(Unavailable, match=f"a machine of type {machine} does not run i386 programs"):
            programs.from_debian_13(MICROPYTHON32, checkout)
    assert asked == (["i386"] if runs else [])


# --- Packages


class Packages:
    """What programs.py asks of apt.Apt. Its loader is a script that does what a real one is asked to do."""

    title = "Debian 13"
    trouble = ""

    def __init__(self, version="1.25.0+ds-1", foreign=""):
        self.version, self.foreign, self.fetched = version, foreign, 0
        self.dies = lambda: None  # called when half of the files are unpacked

    def candidate(self, package):
        return self.version

    def plan(self, package):
        return ["libc6_2.41_amd64.deb", f"{package}_{self.version}_amd64.deb"]

    def unpack(self, package, label, root):
        self.fetched += 1
        folder = root / "usr" / "lib" / "any-linux"
        library = script(folder / "libc.so.6", "")
        listing = f"linux-vdso.so.1 (0x1)\n libc.so.6 => {self.foreign or library} (0x2)"
        run = f'if [ "$3" = --list ]; then cat <<END\n{listing}\nEND\nelse shift 2; exec "$@"; fi'
        script(folder / "ld-linux-any.so.2", run)
        self.dies()
        micropython_script(root / "usr" / "bin" / package, re.sub(r"[+-].*", "", self.version))


def test_packaged_program_is_gathered_and_started_with_its_own_loader(checkout):
    programs.from_packages(MICROPYTHON, checkout, Packages())
    (home,) = checkout.programs.iterdir()
    assert sorted(file.name for file in home.iterdir()) == ["ld-linux-any.so.2", "libc.so.6", "micropython"]
    assert MICROPYTHON.version(checkout.bin / "micropython") == "1.25.0"


def test_starter_becomes_the_program_and_hands_over_its_arguments(checkout):
    programs.from_packages(MICROPYTHON, checkout, Packages())
    command = [checkout.bin / "micropython", "-c", "a  b", "*"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = process.communicate(timeout=10)[0].splitlines()
    assert f"pid {process.pid}" in lines
    assert "args -c a  b *" in lines


def test_checkout_can_be_moved(checkout, tmp_path):
    programs.from_packages(MICROPYTHON, checkout, Packages())
    moved = Checkout(checkout.root.rename(tmp_path / "moved here"))
    assert MICROPYTHON.version(moved.bin / "micropython") == "1.25.0"


def test_starter_can_be_linked_to(checkout, tmp_path):
    programs.from_packages(MICROPYTHON, checkout, Packages())
    (tmp_path / "link").symlink_to(checkout.bin / "micropython")
    assert MICROPYTHON.version(tmp_path / "link") == "1.25.0"


def test_program_that_is_here_is_not_fetched_again(checkout):
    packages = Packages()
    programs.from_packages(MICROPYTHON, checkout, packages)
    programs.from_packages(MICROPYTHON, checkout, packages)
    assert packages.fetched == 1


def test_newer_packages_take_the_place_of_the_old(checkout):
    programs.from_packages(MICROPYTHON, checkout, Packages())
    programs.from_packages(MICROPYTHON, checkout, Packages("1.26.0-1"))
    assert MICROPYTHON.version(checkout.bin / "micropython") == "1.26.0"
    assert len(list(checkout.programs.iterdir())) == 1


def test_old_packages_are_left_and_named(checkout):
    packages = Packages("1.22.1-1")
    with pytest.raises(Unavailable, match=r"micropython in Debian 13 is 1\.22\.1-1"):
        programs.from_packages(MICROPYTHON, checkout, packages)
    assert packages.fetched == 0


def test_packages_that_lack_it_are_out_of_reach_if_their_index_was(checkout):
    packages = Packages("")
    with pytest.raises(Unavailable, match="micropython is not in Debian 13") as refused:
        programs.from_packages(MICROPYTHON, checkout, packages)
    assert not refused.value.passing
    packages.trouble = "no network"
    with pytest.raises(Unavailable, match="no network") as refused:
        programs.from_packages(MICROPYTHON, checkout, packages)
    assert refused.value.passing


def stop():
    raise KeyboardInterrupt


def test_set_up_that_is_killed_while_it_unpacks_leaves_nothing_half_made(checkout):
    packages = Packages()
    packages.dies = stop
    with pytest.raises(KeyboardInterrupt):
        programs.from_packages(MICROPYTHON, checkout, packages)
    assert not checkout.programs.exists()
    assert not checkout.bin.exists()
    packages.dies = lambda: None
    programs.from_packages(MICROPYTHON, checkout, packages)
    assert MICROPYTHON.good(checkout.bin / "micropython")


def test_set_up_that_is_killed_while_it_copies_leaves_nothing_half_made(checkout, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(programs.os, "replace", lambda *_: stop())
        programs.from_packages(MICROPYTHON, checkout, Packages())
    assert not list(checkout.programs.iterdir())
    shutil.rmtree(checkout.part)  # as the next set-up begins
    programs.from_packages(MICROPYTHON, checkout, Packages())
    assert MICROPYTHON.good(checkout.bin / "micropython")


def test_packaged_program_that_does_not_run_leaves_what_was_there(checkout):
    before = micropython_script(checkout.bin / "micropython", "1.25.0")
    packages = Packages()
    packages.dies = lambda: setattr(packages, "version", "1.0")  # what is unpacked is older than promised
    with pytest.raises(Unavailable, match="the packaged micropython does not run here"):
        programs.from_packages(MICROPYTHON, checkout, packages)
    assert MICROPYTHON.version(before) == "1.25.0"
    assert list(checkout.bin.iterdir()) == [before]


def test_library_of_the_machines_own_is_refused(checkout):
    with pytest.raises(SetupError, match=r"would load /lib/libc\.so\.6, which is not in its packages"):
        programs.from_packages(MICROPYTHON, checkout, Packages(foreign="/lib/libc.so.6"))


def test_machine_that_cannot_start_the_loader_cannot_have_the_program(checkout):
    packages = Packages()
    packages.dies = lambda: next(checkout.part.glob("**/ld-linux*")).write_text("not a program")
    with pytest.raises(Unavailable, match="this machine does not run any-linux programs") as refused:
        programs.from_packages(MICROPYTHON, checkout, packages)
    assert not refused.value.passing


def test_packages_without_the_program_are_named(checkout):
    packages = Packages()
    packages.dies = stop
    with pytest.raises(KeyboardInterrupt):
        packages.unpack("micropython", "micropython", checkout.part)
    with pytest.raises(SetupError, match="hold no usr/bin/micropython"):
        programs.needed_files(checkout.part, "micropython")
