"""setup_parts/steps.py and checkout.py: which steps are done, and when they are done again."""

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from setup_parts import programs, steps
from setup_parts.checkout import Checkout
from setup_parts.commands import SetupError, complaint

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    made = Checkout(tmp_path)
    made.deps.mkdir()
    monkeypatch.setattr(steps, "versions", lambda checkout: ["all of it"])
    return made


@pytest.fixture
def plan(checkout, monkeypatch):
    """Three steps that make a file each: (name -> inputs, to be changed; names of the steps done)."""
    inputs, done = {"one": "1", "two": "1", "three": "1"}, []

    def do(name, checkout):
        done.append(name)
        if inputs[name] == "fails":
            raise SetupError(f"{name} fails.")
        (checkout.root / name).write_text(inputs[name])
        checkout.part.mkdir()  # fails if the step before left it

    def three(checkout):
        for name, made_of in inputs.items():
            yield steps.Step(name, functools.partial(do, name), made_of, checkout.root / name)

    monkeypatch.setattr(steps, "steps", three)
    return inputs, done


def test_steps_are_done_once_and_in_order(checkout, plan, capsys):
    steps.set_up(checkout)
    assert plan[1] == ["one", "two", "three"]
    assert capsys.readouterr().out == "setup: ready: all of it\n"
    steps.set_up(checkout)
    assert plan[1] == ["one", "two", "three"]
    assert capsys.readouterr().out == ""


def test_step_is_done_again_when_its_inputs_change(checkout, plan):
    steps.set_up(checkout)
    plan[0]["two"] = "2"
    steps.set_up(checkout)
    assert plan[1][3:] == ["two"]


def test_step_is_done_again_when_its_product_is_gone(checkout, plan):
    steps.set_up(checkout)
    (checkout.root / "three").unlink()
    steps.set_up(checkout)
    assert plan[1][3:] == ["three"]


def test_all_steps_are_done_again_by_another_version_of_this_program(checkout, plan, monkeypatch):
    steps.set_up(checkout)
    monkeypatch.setattr(steps, "code", lambda: "other")
    steps.set_up(checkout)
    assert plan[1][3:] == ["one", "two", "three"]


def test_set_up_goes_on_where_it_failed(checkout, plan):
    plan[0]["two"] = "fails"
    for _ in range(2):
        with pytest.raises(SetupError, match="two fails"):
            steps.set_up(checkout)
    plan[0]["two"] = "1"
    steps.set_up(checkout)
    assert plan[1] == ["one", "two", "two", "two", "three"]


def test_product_of_a_step_that_was_killed_does_not_count(checkout, plan):
    steps.set_up(checkout)
    plan[0]["two"] = "fails"  # its product of before is still there
    with pytest.raises(SetupError):
        steps.set_up(checkout)
    plan[0]["two"] = "1"
    steps.set_up(checkout)
    assert plan[1][3:] == ["two", "two"]


def test_what_is_being_made_is_removed_before_and_after_each_step(checkout, plan):
    checkout.part.mkdir()
    (checkout.part / "half").touch()
    steps.set_up(checkout)
    assert not checkout.part.exists()


def test_what_the_machine_cannot_have_is_not_tried_again_and_said_each_time(checkout, plan, capsys):
    checkout.record_missing("two", "nobody has it")
    checkout.stamp("two", f"1-{steps.code()}")
    for _ in range(2):
        steps.set_up(checkout)
        assert capsys.readouterr().err == "setup: without two: nobody has it.\n"
    assert plan[1] == ["one", "three"]


def test_steps_of_a_real_checkout(tmp_path, monkeypatch):
    """Another lock file makes another environment; another place too; and only that."""
    monkeypatch.delenv("HUBLINK_UMQTT", raising=False)

    def stamps(root, lock="a==1"):
        (root / "tools").mkdir(parents=True, exist_ok=True)
        (root / "tools" / "requirements.lock").write_text(lock)
        (root / "pyproject.toml").write_text("[project]\n")
        return {step.name: step.inputs for step in steps.steps(Checkout(root))}

    def changed(other):
        return {name for name in before if before[name] != other[name]}

    before = stamps(tmp_path / "a")
    assert list(before) == ["venv", "project", "micropython", "micropython32", "mosquitto", "umqtt"]
    assert changed(stamps(tmp_path / "b")) == {"venv", "project"}
    assert changed(stamps(tmp_path / "a", "a==2")) == {"venv", "project"}
    monkeypatch.setenv("HUBLINK_UMQTT", str(tmp_path))
    assert changed(stamps(tmp_path / "a")) == {"umqtt"}


def test_set_up_looks_again_when_a_person_has_installed_a_program(tmp_path, monkeypatch):
    checkout, mosquitto = Checkout(tmp_path), programs.WANTED[2]
    host = tmp_path / "host"
    host.mkdir()
    monkeypatch.setenv("PATH", str(host))
    monkeypatch.setattr(steps, "which", lambda name, but_not: (host / name).exists())
    before = steps.places(mosquitto, checkout)
    assert steps.places(mosquitto, checkout) == before
    (host / "mosquitto").touch()
    assert steps.places(mosquitto, checkout) != before


@pytest.mark.parametrize(
    "error, told",
    [(SetupError("no."), r"^setup: no\.$"), (KeyboardInterrupt(), "^setup: interrupted; run it again")],
)
def test_error_is_one_sentence_and_a_failure(tmp_path, monkeypatch, error, told):
    monkeypatch.setattr(steps, "ROOT", tmp_path)

    def fail(checkout):
        raise error

    monkeypatch.setattr(steps, "set_up", fail)
    with pytest.raises(SystemExit, match=told):
        steps.main()


def test_old_python_is_told_so():
    program = "import runpy, sys; sys.version_info = (3, 9, 2); runpy.run_path(sys.argv[1])"
    command = [sys.executable, "-c", program, ROOT / "tools" / "setup_desk.py"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr.startswith("setup: Python 3.10 or later is needed; this is ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "text, expected",
    [
        ("W: slow\nE: Failed to fetch it\nE: Some index files failed", "Failed to fetch it"),
        ("Collecting a\nERROR: No matching distribution\nnote", "No matching distribution"),
        ("dpkg-deb: error: no such file\n", "dpkg-deb: error: no such file"),
        ("one\ntwo\n\n", "two"),
        ("", "it gave no reason"),
    ],
)
def test_complaint_is_the_line_that_says_what_is_wrong(text, expected):
    assert complaint(text.splitlines()) == expected


def test_memory_is_replaced_whole(checkout):
    checkout.record_missing("a", "why")
    checkout.record_missing("b", "because")
    checkout.record_missing("a", "")
    assert json.loads((checkout.deps / "missing.json").read_text()) == {"b": "because"}
    assert [file.name for file in checkout.deps.iterdir()] == ["missing.json"]
