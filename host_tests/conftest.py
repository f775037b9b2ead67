"""The skip policy: no test is skipped silently.

Whatever was not run, for whatever reason, is listed at the end; with CI=true in the environment it also fails
the run. A test that needs a program says so with `host_tests.both.interpreters.needs`, which skips it only
where set-up has found that this machine cannot have that program.
"""

import os

import pytest
from hypothesis import settings

# The same cases every time: a test that fails now and then tells nothing.
settings.register_profile("same", derandomize=True, database=None, deadline=None, max_examples=150)
# For test_any_bytes.py, which makes ten cases of each example; --hypothesis-seed chooses others.
settings.register_profile("million", settings.get_profile("same"), derandomize=False, max_examples=100_000)
settings.load_profile("same")


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the full numbers of test_long_run.py")
    parser.addoption("--seed", type=int, help="of test_long_run.py: where the connection is cut")


def _in_ci():
    return os.environ.get("CI") == "true"


# Where several processes share the work, only the one that hands it out has a reporter.
def _not_run(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return reporter.stats.get("skipped", []) if reporter else []


def pytest_sessionfinish(session):
    passed = session.exitstatus == pytest.ExitCode.OK
    if passed and _in_ci() and _not_run(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    if not _not_run(config):
        return
    terminalreporter.section("not run on this machine")
    for report in _not_run(config):
        terminalreporter.line(f"{report.nodeid}: {report.longrepr[2].removeprefix('Skipped: ')}")
    if _in_ci():
        terminalreporter.line("CI=true: that is a failure.", red=True)
