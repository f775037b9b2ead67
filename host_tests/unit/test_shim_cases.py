"""The collector of case files: what it collects, what it runs where, and how failures read."""

import json

import pytest
from hublink_desk import paths
from hublink_desk.errors import DeskError

from host_tests.both import collector, interpreters

pytest_plugins = ["pytester"]

# Runs no shim: for cases that only a device can survive.
DEVICES_ONLY = ("-k", "not cpython")


@pytest.fixture
def run(pytester):
    def run(source, *arguments, name="cases_sample.py"):
        pytester.path.joinpath(name).write_text(source, "utf-8")
        return pytester.runpytest_inprocess(
            "-p", "host_tests.both.conftest", "-p", "no:cacheprovider", "-v", *arguments
        )

    return run


def reported(result):
    return [line.split()[0] for line in result.outlines if "::case_" in line and line.endswith("%]")]


def text(result):
    return "\n".join(result.outlines)


def test_every_case_runs_once_on_each_interpreter(run):
    result = run("def case_one():\n    pass\n\ndef case_two():\n    pass\n\ndef helper():\n    assert 0\n")
    result.assert_outcomes(passed=6)
    assert reported(result) == [
        f"cases_sample.py::case_{case}[{interpreter}]"
        for interpreter in ("cpython", "micropython", "micropython32")
        for case in ("one", "two")
    ]


def test_a_file_named_on_the_command_line_is_collected_once(run):
    run("def case_one():\n    pass\n", "cases_sample.py").assert_outcomes(passed=3)


def test_cases_see_the_firmware_and_the_device(run):
    imports = "import asyncio, board, tls\nfrom hublink import ticks\nfrom umqtt import simple\n"
    run(imports + "def case_one():\n    assert board.NAME == 'unix'\n").assert_outcomes(passed=3)


def test_a_failing_case_fails_alone_and_shows_its_own_traceback(run):
    result = run("def case_bad():\n    assert 1 + 1 == 3, 'sum'\n\ndef case_good():\n    pass\n")
    result.assert_outcomes(passed=3, failed=3)
    shown = text(result)
    assert ">       assert 1 + 1 == 3, 'sum'\n" in shown
    assert "E       AssertionError: sum\n" in shown
    for device in interpreters.DEVICES:
        assert f"case_bad on {device}:\nTraceback" in shown
    source = "    assert 1 + 1 == 3, 'sum'"
    assert f'cases_sample.py", line 2, in case_bad\n{source}\nAssertionError: sum' in shown
    assert "collector.py" not in shown


def test_what_a_case_prints_does_not_disturb_the_report(run):
    one = "def case_one():\n    print('failed case_one', end='')\n"
    two = "def case_two():\n    print('before the end')\n    assert 0\n"
    result = run(one + two, *DEVICES_ONLY)
    result.assert_outcomes(passed=2, failed=2, deselected=2)
    assert "before the end" in text(result)


def test_selecting_one_case_runs_no_other_on_the_device(run):
    source = "def case_one():\n    pass\n\ndef case_two():\n    while True:\n        pass\n"
    run(source, "-k", "case_one").assert_outcomes(passed=3, deselected=3)


def test_a_case_that_ends_the_program_fails_alone(run):
    source = "import sys\n\ndef case_bad():\n    sys.exit(3)\n\ndef case_good():\n    pass\n"
    run(source, *DEVICES_ONLY).assert_outcomes(passed=2, failed=2, deselected=2)


CRASH = """
def case_before():
    pass

def case_crash():
    import uctypes
    print("on the edge")
    uctypes.bytearray_at(0, 1)[0]

def case_after():
    pass
"""


def test_a_crash_fails_the_cases_not_yet_reported(run):
    result = run(CRASH, "-k", "micropython]")
    result.assert_outcomes(passed=1, failed=2, deselected=6)
    assert "micropython ended with SIGSEGV in this case." in text(result)
    assert "micropython ended with SIGSEGV in case_crash, before this case." in text(result)
    assert "on the edge" in text(result)


def test_a_hang_is_ended_and_fails_the_cases_not_yet_reported(run, monkeypatch):
    monkeypatch.setattr(collector, "DEADLINE_S", 0.5)
    hang = "def case_hang():\n    print('here')\n    while True:\n        pass\n"
    result = run(hang + "def case_after():\n    pass\n", "-k", "micropython]")
    result.assert_outcomes(failed=2, deselected=4)
    assert "micropython was killed, having taken more than 0.5 s, in this case." in text(result)
    assert "in case_hang, before this case." in text(result)
    assert "here" in text(result)


def test_an_import_that_fails_fails_every_case_by_name(run):
    result = run("import no_such_module\n\ndef case_one():\n    pass\n\ndef case_two():\n    pass\n")
    result.assert_outcomes(failed=6)
    assert "micropython ended with exit code 1 outside any case." in text(result)
    for case in ("case_one", "case_two"):
        assert f"{case}[cpython] - ImportError: " in text(result)
    assert "\n>   import no_such_module\nE   ImportError: no module named 'no_such_module'" in text(result)
    assert "\nImportError: no module named 'no_such_module'" in text(result)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def helper():\n    pass\n", "holds no function called case_<behaviour>"),
        ("def case_one():\n    return (\n", "cases_sample.py, line 2: "),
        ("def case_one():\n    pass\n\ndef case_one():\n    pass\n", "defines a case twice"),
    ],
)
def test_a_file_that_cannot_be_right_is_an_error_of_collection(run, source, message):
    result = run(source)
    result.assert_outcomes(errors=1)
    assert message in text(result)


def test_other_files_are_left_to_pytest(run):
    run("def test_one():\n    pass\n", name="test_sample.py").assert_outcomes(passed=1)


# -- a machine that cannot have an interpreter ---------------------------------------------------


@pytest.fixture
def deps(tmp_path, monkeypatch):
    """A .deps of a machine without micropython32, and with the others."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "micropython").symlink_to(paths.program("micropython"))
    monkeypatch.setenv("HUBLINK_UMQTT", str(paths.umqtt_dir()))
    monkeypatch.setattr(paths, "DEPS", tmp_path)
    return tmp_path


def test_a_missing_interpreter_is_skipped_with_the_reason_that_set_up_recorded(run, deps):
    (deps / "missing.json").write_text(json.dumps({"micropython32": "no 32-bit libraries here"}))
    result = run("def case_one():\n    pass\n", "-rs")
    result.assert_outcomes(passed=2, skipped=1)
    assert "micropython32: no 32-bit libraries here" in text(result)


def test_a_missing_interpreter_without_a_recorded_reason_fails(run, deps):
    result = run("def case_one():\n    pass\n")
    result.assert_outcomes(passed=2, failed=1)
    assert "micropython32 is not set up" in text(result)
    with pytest.raises(DeskError):
        interpreters.needs("micropython32")
