"""setup_parts/apt.py: which mirrors the machine's own apt knows, and what is asked of them."""

import shutil

import pytest
from setup_parts import apt
from setup_parts.commands import Unavailable

DEBIAN = "http://mirror.example/debian"
SECURITY = "http://mirror.example/debian-security"
HAS_APT = shutil.which("apt-get") is not None

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] https://one.example/debian bookworm main contrib # why
deb-src https://source.example/debian bookworm main
deb http://flat.example/packages ./
deb http://extras.example/debian bookworm contrib
deb\thttp://tabs.example/debian/\tbookworm-security\tcontrib  main
"""
STANZAS = """\
# Types: deb
Types: deb deb-src
URIs: http://two.example/debian/
  mirror+file:/etc/apt/mirrors/all.list
# a comment in between
Suites: bookworm bookworm-updates
Components: main
 non-free-firmware
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBFxx
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main

types: deb
uris: http://vendor.example/apt
suites: nodistro
components: main
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """write(name, text) puts a file into an /etc/apt of the test's own, which apt then reads."""
    etc = tmp_path / "etc"
    for folder in ("apt.conf.d", "preferences.d", "sources.list.d", "trusted.gpg.d"):
        (etc / folder).mkdir(parents=True)
    config = tmp_path / "apt.conf"
    config.write_text(f'Dir::Etc "{etc}";\nAcquire::Retries "0";\n')
    monkeypatch.setenv("APT_CONFIG", str(config))
    return lambda name, text: (etc / name).write_text(text)


def apt_of(tmp_path):
    return apt.Apt("this machine", tmp_path / "a private folder", "amd64")


@pytest.mark.skipif(not HAS_APT, reason="there is no apt-get to ask")
def test_mirrors_are_read_from_both_formats_of_sources(machine, tmp_path):
    machine("sources.list", ONE_LINE)
    machine("sources.list.d/debian.sources", STANZAS)
    machine("sources.list.d/old.sources.disabled", STANZAS.replace("two.example", "disabled.example"))
    assert apt_of(tmp_path).mirrors() == {
        ("https://one.example/debian", "bookworm"),
        ("http://tabs.example/debian", "bookworm-security"),
        ("http://two.example/debian", "bookworm"),
        ("http://two.example/debian", "bookworm-updates"),
        ("mirror+file:/etc/apt/mirrors/all.list", "bookworm"),
        ("mirror+file:/etc/apt/mirrors/all.list", "bookworm-updates"),
        ("http://vendor.example/apt", "nodistro"),
    }


@pytest.mark.skipif(not HAS_APT, reason="there is no apt-get to ask")
def test_machine_without_sources_has_no_mirrors(machine, tmp_path):
    assert apt_of(tmp_path).mirrors() == set()


@pytest.mark.skipif(not HAS_APT, reason="there is no apt-get to ask")
def test_sources_given_stand_in_for_the_machines(machine, tmp_path):
    machine("sources.list", ONE_LINE)
    private = apt.Apt("Debian 13", tmp_path / "a private folder", "amd64", [f"deb {DEBIAN} trixie main"])
    assert private.mirrors() == {(DEBIAN, "trixie")}


@pytest.mark.skipif(not HAS_APT, reason="there is no apt-get to ask")
def test_mirror_that_cannot_be_reached_is_told_and_gives_nothing(machine, tmp_path, unused_port):
    machine("sources.list", f"deb http://127.0.0.1:{unused_port}/debian bookworm main\n")
    private = apt_of(tmp_path)
    private.update()
    assert f"127.0.0.1:{unused_port}" in private.trouble
    assert private.candidate("micropython") == ""


@pytest.mark.skipif(not HAS_APT, reason="there is no apt-get to ask")
def test_index_that_nobody_signed_is_refused(machine, tmp_path, folder_server):
    """With a machine whose own settings would allow it."""
    machine("apt.conf.d/careless", 'Acquire::AllowInsecureRepositories "true";\n')
    index = folder_server.folder / "dists/bookworm/main/binary-amd64"
    index.mkdir(parents=True)
    index.joinpath("Packages").write_text(
        "Package: micropython\nVersion: 9.9\nArchitecture: amd64\nMaintainer: x\nFilename: x.deb\nSize: 1\n"
        f"SHA256: {'0' * 64}\nDescription: x\n\n"
    )
    machine("sources.list", f"deb {folder_server.url} bookworm main\n")
    private = apt_of(tmp_path)
    private.update()
    assert "not signed" in private.trouble or "Release" in private.trouble
    assert private.candidate("micropython") == ""


def test_debian_13_comes_from_the_mirrors_of_the_machines_debian():
    mirrors = {
        (DEBIAN, "bookworm"),
        (DEBIAN, "bookworm-updates"),
        (DEBIAN, "bookworm-backports"),
        (SECURITY, "bookworm-security"),
        ("mirror+file:/etc/apt/mirrors/all.list", "stable"),
        ("http://vendor.example/apt", "nodistro"),
        ("http://ubuntu.example/ubuntu", "noble"),
    }
    assert apt.debian_13_sources(mirrors, "/keys/debian.gpg") == [
        f"deb [signed-by=/keys/debian.gpg] {DEBIAN} trixie main",
        f"deb [signed-by=/keys/debian.gpg] {SECURITY} trixie-security main",
        "deb [signed-by=/keys/debian.gpg] mirror+file:/etc/apt/mirrors/all.list trixie main",
    ]


def test_machine_of_another_distribution_has_no_debian_13():
    with pytest.raises(Unavailable, match="name no Debian mirror") as refused:
        apt.debian_13_sources({("http://ubuntu.example/ubuntu", "noble")}, "/keys/debian.gpg")
    assert not refused.value.passing


def test_machine_without_debians_keys_has_no_debian_13():
    with pytest.raises(Unavailable, match="debian-archive-keyring"):
        apt.debian_13_sources({(DEBIAN, "bookworm")}, "")


@pytest.mark.parametrize("endings, expected", [(["gpg", "pgp"], "gpg"), (["pgp"], "pgp"), ([], "")])
def test_keyring_is_found_under_either_name(tmp_path, monkeypatch, endings, expected):
    monkeypatch.setattr(apt, "KEYRINGS", tmp_path)
    for ending in endings:
        (tmp_path / f"debian-archive-keyring.{ending}").touch()
    assert apt.keyring() == (str(tmp_path / f"debian-archive-keyring.{expected}") if expected else "")


def test_machine_without_apt_is_told_so(monkeypatch):
    monkeypatch.setattr(apt, "which", lambda name: None)
    with pytest.raises(Unavailable, match="no apt-get"):
        apt.machine_arch.__wrapped__()


PLAN = """\
NOTE: This is only a simulation!
Inst gcc-14-base (14.2.0-19 Debian:13.7/stable [amd64])
Conf gcc-14-base (14.2.0-19 Debian:13.7/stable [amd64])
Inst libc6 (2.41-12+deb13u4 Debian:13.7/stable [amd64]) []
Inst libcap2 (1:2.75-10+deb13u1+b3 Debian:13.7/stable, Debian-Security:13/stable-security [amd64])
Inst adduser (3.152 Debian:13.7/stable [all])
"""


def test_plan_names_the_files_that_apt_keeps(tmp_path, monkeypatch):
    monkeypatch.setattr(apt, "run", lambda *_: PLAN)
    assert apt_of(tmp_path).plan("mosquitto") == [
        "adduser_3.152_all.deb",
        "gcc-14-base_14.2.0-19_amd64.deb",
        "libc6_2.41-12+deb13u4_amd64.deb",
        "libcap2_1%3a2.75-10+deb13u1+b3_amd64.deb",
    ]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("micropython:\n  Installed: (none)\n  Candidate: 1.25.0+ds-1\n  Version table:\n", "1.25.0+ds-1"),
        ("micropython:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n", ""),
        ("", ""),
    ],
)
def test_candidate_is_the_version_that_apt_would_take(tmp_path, monkeypatch, text, expected):
    monkeypatch.setattr(apt, "run", lambda *_: text)
    assert apt_of(tmp_path).candidate("micropython") == expected
