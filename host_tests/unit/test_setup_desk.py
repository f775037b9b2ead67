"""What stands around the set-up: the lock file, the Makefile's own words, and what CI runs."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "tools" / "requirements.lock").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def make(*arguments, **environment):
    command = ["make", "--no-print-directory", "-C", ROOT, *arguments]
    env = {"PATH": "/usr/bin:/bin:/usr/local/bin:/opt/homebrew/bin", **environment}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=env)


def test_lock_file_names_every_package_with_a_checksum():
    entries = re.split(r"\n(?=\S)", LOCK.strip())
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert len(packages) > 30
    assert [entry for entry in packages if not re.match(r"[\w.-]+==\S+", entry)] == []
    assert [entry for entry in packages if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)] == []


def test_lock_file_names_no_registry():
    assert "://" not in LOCK
    assert "index" not in LOCK


def test_lock_file_holds_what_the_project_asks_for():
    project = (ROOT / "pyproject.toml").read_text()
    asked = []
    for key in ("dependencies", "build", "test", "requires"):
        listed = re.search(rf"^{key} = \[(.*?)\]", project, re.MULTILINE | re.DOTALL).group(1)
        asked += re.findall(r'"([\w-]+)', listed)
    assert {"click", "pytest", "setuptools"} <= set(asked)
    locked = re.findall(r"^([\w.-]+)==", LOCK, re.MULTILINE)
    assert set(asked) - set(locked) == set()


@pytest.mark.parametrize("arguments", [[], ["help"]])
def test_help_lists_every_target_that_says_what_it_does(arguments):
    phony = set(re.search(r"^\.PHONY: (.*)", MAKEFILE, re.MULTILINE).group(1).split()) - {"config-is-given"}
    listed = re.findall(r"^make (\w+) +\S", make(*arguments).stdout, re.MULTILINE)
    assert set(listed) == phony
    assert len(listed) == len(phony)


def test_run_without_a_configuration_is_told_before_anything_is_set_up():
    done = make("run", PYTHON="/nonexistent/python")
    assert done.returncode == 2
    assert done.stderr.startswith("make run: say which node: make run CONFIG=path/to/config.json\n")


def test_ci_runs_make_test_with_skips_as_failures(tmp_path):
    """With a make that only tells how it was called."""
    stub = tmp_path / "make"
    stub.write_text('#!/bin/sh\necho "$CI|$PWD|$*"\nexit 3\n')
    stub.chmod(0o755)
    done = subprocess.run(
        [ROOT / ".ci" / "run"],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    assert done.stdout == f"true|{ROOT}|test\n"
    assert done.returncode == 3
