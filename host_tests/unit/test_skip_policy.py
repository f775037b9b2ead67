"""host_tests/conftest.py and the repository's pytest settings, tried on small test suites of their own."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKIPS = "import pytest\ndef test_it(): pytest.skip('it rains')\n"
FAILS = "def test_other(): assert False\n"


@pytest.fixture
def suite(pytester, monkeypatch):
    """run(text of a test file, ci=..., workers=...) -> the result of pytest in a checkout like ours."""

    def run(text, ci="", workers=0):
        monkeypatch.setenv("CI", ci)
        (pytester.path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
        tests = pytester.path / "host_tests"
        tests.mkdir()
        (tests / "conftest.py").write_text((ROOT / "host_tests" / "conftest.py").read_text())
        (tests / "test_it.py").write_text(text)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-n", str(workers))

    return run


def test_run_without_skips_says_nothing_of_them(suite):
    result = suite("def test_it(): pass", ci="true")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*not run on this machine*")


def test_test_that_is_not_run_is_listed_with_the_reason(suite):
    result = suite(SKIPS)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*= not run on this machine =*", "host_tests/test_it.py::test_it: it rains"])
    result.stdout.no_fnmatch_line("*that is a failure*")


@pytest.mark.parametrize(
    "text",
    [
        SKIPS,
        "import pytest\n@pytest.mark.skip(reason='it rains')\ndef test_it(): pass",
        "import pytest\n@pytest.mark.skipif(True, reason='it rains')\ndef test_it(): pass",
        "import pytest\n@pytest.fixture\ndef a(): pytest.skip('it rains')\ndef test_it(a): pass",
        "import pytest\npytest.skip('it rains', allow_module_level=True)",
        "import unittest\nclass T(unittest.TestCase):\n  def test_it(self): self.skipTest('it rains')",
    ],
    ids=["call", "mark", "condition", "fixture", "module", "unittest"],
)
@pytest.mark.parametrize("workers", [0, 2])
def test_skip_of_every_kind_is_listed_and_fails_in_ci(suite, text, workers):
    result = suite(text, ci="true", workers=workers)
    assert result.ret != pytest.ExitCode.OK
    lines = ["*= not run on this machine =*", "host_tests/test_it.py*: it rains", "*that is a failure*"]
    result.stdout.fnmatch_lines(lines)


def test_one_skip_among_passing_tests_fails_in_ci(suite):
    result = suite(SKIPS + "def test_other(): pass\n", ci="true")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, skipped=1)


def test_failure_stays_a_failure_beside_a_skip(suite):
    result = suite(SKIPS + FAILS)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=1, skipped=1)


@pytest.mark.parametrize("ci", ["", "true"])
def test_run_of_no_tests_fails(suite, ci):
    assert suite("def helper(): pass", ci=ci).ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_misspelt_marker_fails(suite):
    assert suite("import pytest\n@pytest.mark.need('x')\ndef test_it(): pass").ret != pytest.ExitCode.OK


def test_warning_fails(suite):
    result = suite("import warnings\ndef test_it(): warnings.warn('old', DeprecationWarning)")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
