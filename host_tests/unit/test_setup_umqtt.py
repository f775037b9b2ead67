"""setup_parts/umqtt.py and python_packages.py: umqtt.simple from a registry on loopback, or from a folder."""

import hashlib
import io
import tarfile

import pytest
from setup_parts import python_packages, umqtt
from setup_parts.checkout import Checkout
from setup_parts.commands import SetupError

GOOD = "micropython-umqtt.simple-1.3.4/umqtt/simple.py"
SOURCE = b"class MQTTClient: pass\n"


def archive_of(*members):
    """The bytes of a .tar.gz of (name, content) or (name, TarInfo type, link target)."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, *rest in members:
            info = tarfile.TarInfo(name)
            if isinstance(rest[0], bytes) and len(rest) == 1:
                info.size = len(rest[0])
                archive.addfile(info, io.BytesIO(rest[0]))
            else:
                info.type, info.linkname = rest
                archive.addfile(info)
    return made.getvalue()


def written(tmp_path, content):
    path = tmp_path / "umqtt.tar.gz"
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def test_source_is_read_from_among_other_files(tmp_path):
    content = archive_of(("x/setup.cfg", b""), ("../../evil.py", b"evil"), (GOOD, SOURCE))
    assert umqtt.source_in(*written(tmp_path, content)) == SOURCE
    assert [file.name for file in tmp_path.iterdir()] == ["umqtt.tar.gz"]


@pytest.mark.parametrize(
    "members",
    [
        [("x/other.py", SOURCE)],
        [(GOOD, tarfile.SYMTYPE, "/etc/passwd")],
        [(GOOD, tarfile.LNKTYPE, "../../../etc/passwd")],
        [(GOOD, tarfile.DIRTYPE, "")],
        [(GOOD, SOURCE), ("y/umqtt/simple.py", b"other")],
        [(GOOD, b"#" * 100_001)],
        [("umqtt/simple.pyx", SOURCE)],
    ],
    ids=["none", "symlink", "hard link", "folder", "two", "too long", "other ending"],
)
def test_archive_without_one_plain_file_is_refused(tmp_path, members):
    with pytest.raises(ValueError, match="does not hold one plain file"):
        umqtt.source_in(*written(tmp_path, archive_of(*members)))


def test_archive_with_another_checksum_is_refused(tmp_path):
    path, _ = written(tmp_path, archive_of((GOOD, SOURCE)))
    with pytest.raises(ValueError, match=r"not the archive of .* whose checksum we know"):
        umqtt.source_in(path, umqtt.SHA256)


@pytest.fixture
def registry(folder_server):
    """offer(content, digest=...) puts a release into a registry on loopback and returns its address."""

    def offer(content, digest=None, version=umqtt.VERSION):
        name = f"{umqtt.PROJECT}-{version}.tar.gz"
        page = folder_server.folder / "simple" / "micropython-umqtt-simple"
        page.mkdir(parents=True)
        (page / name).write_bytes(content)
        digest = digest or hashlib.sha256(content).hexdigest()
        (page / "index.html").write_text(f'<!DOCTYPE html><a href="{name}#sha256={digest}">{name}</a>')
        return f"{folder_server.url}/simple/"

    return offer


def test_release_is_fetched_from_the_registry_that_is_named(tmp_path, registry, monkeypatch):
    content = archive_of((GOOD, SOURCE))
    monkeypatch.setattr(umqtt, "SHA256", hashlib.sha256(content).hexdigest())
    umqtt.main(tmp_path / "simple.py", registry(content), "")
    assert (tmp_path / "simple.py").read_bytes() == SOURCE


def test_release_that_only_the_registry_vouches_for_is_refused(tmp_path, registry):
    with pytest.raises(SystemExit, match=r"cannot be fetched: .* is not the archive"):
        umqtt.main(tmp_path / "simple.py", registry(archive_of((GOOD, SOURCE))), "")
    assert not (tmp_path / "simple.py").exists()


def test_release_that_the_registrys_checksum_denies_is_refused(tmp_path, registry):
    with pytest.raises(SystemExit, match="cannot be fetched"):
        umqtt.main(tmp_path / "simple.py", registry(archive_of((GOOD, SOURCE)), digest="0" * 64), "")
    assert list(tmp_path.glob("simple*")) == []


def test_registry_without_the_version_is_told(tmp_path, registry):
    with pytest.raises(SystemExit, match=r"the registry has no micropython-umqtt\.simple 1\.3\.4"):
        umqtt.main(tmp_path / "simple.py", registry(b"", version="1.0"), "")


def test_registry_without_the_project_is_told(tmp_path, folder_server):
    with pytest.raises(SystemExit, match=r"the registry has no micropython-umqtt\.simple 1\.3\.4"):
        umqtt.main(tmp_path / "simple.py", folder_server.url, "")


def test_registry_out_of_reach_is_told(tmp_path, unused_port):
    with pytest.raises(SystemExit, match=r"^error: micropython-umqtt\.simple cannot be fetched: "):
        umqtt.main(tmp_path / "simple.py", f"http://127.0.0.1:{unused_port}/simple/", "")


# --- A person's own folder


def test_folder_of_a_persons_own_is_used_and_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "umqtt").mkdir()
    (tmp_path / "umqtt" / "simple.py").touch()
    monkeypatch.setenv("HUBLINK_UMQTT", str(tmp_path))
    python_packages.provide_umqtt(Checkout(tmp_path / "checkout"))
    assert capsys.readouterr().out == f"setup: umqtt.simple: using {tmp_path}\n"


def test_folder_without_umqtt_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("HUBLINK_UMQTT", str(tmp_path))
    with pytest.raises(SetupError, match=rf"HUBLINK_UMQTT is {tmp_path}, which holds no umqtt/simple\.py"):
        python_packages.provide_umqtt(Checkout(tmp_path / "checkout"))


# --- pip


@pytest.mark.parametrize(
    "settings, expected",
    [
        ("", ""),
        ("global.cert='/a.crt'\nglobal.index-url='http://file.example/simple'\n", "http://file.example/simple"),
        ("install.index-url='http://file.example/'\n:env:.index-url='http://env.example/'\n", "http://env.example/"),
        (":env:.index-url='http://env.example/'\nglobal.index-url='http://file.example/'\n", "http://env.example/"),
        ("global.extra-index-url='http://extra.example/'\n", ""),
    ],
)
def test_registry_that_pip_is_told_to_use_is_ours_too(settings, expected):
    assert python_packages.pip_setting(settings, "index-url") == expected


def test_python_without_venv_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(python_packages.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match="no module venv; on Debian and Ubuntu: apt install python3-venv"):
        python_packages.make_venv(Checkout(tmp_path))
