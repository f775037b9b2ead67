"""The board on the desk, with small programs of our own in place of the firmware, on every interpreter.

The programs use only what a device has; each test states what the board must see of it.
"""


import gc
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from hublink_desk import paths
from hublink_desk.errors import DeskError
from hublink_desk.run import INTERPRETERS, DeskBoard, cli, life
from hublink_desk.run import log as board_log

LIMIT_S = 10
every_interpreter = pytest.mark.parametrize("interpreter", INTERPRETERS)

FEEDER = """
import os, time
print("born", os.getenv("HUBLINK_RESET_CAUSE"))
dog = open(os.getenv("HUBLINK_WATCHDOG"), "wb")
def tell(data):
    dog.write(data)
    try:
        dog.flush()
    except OSError:  # MicroPython does not buffer, and syncs where there is nothing to sync
        pass
"""


@pytest.fixture(autouse=True)
def nothing_is_left_behind(tmp_path, monkeypatch):
    """No process, no thread, no descriptor, no file of ours after any test."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    me = psutil.Process()
    gc.collect()  # what tests before this one left to it
    before = threading.active_count(), me.num_fds()
    yield
    assert me.children() == []
    assert list(folder.iterdir()) == []
    assert (threading.active_count(), me.num_fds()) == before


@pytest.fixture
def board(tmp_path):
    """board(program, ...) is a DeskBoard that runs it; switched off at the end."""
    made = []

    def make(program, interpreter="micropython", **options):
        home = tmp_path / "a device"
        home.mkdir(exist_ok=True)
        (home / "config.json").write_text("{}")
        script = tmp_path / "program.py"
        script.write_text(program)
        made.append(DeskBoard(home / "config.json", interpreter, script=script, **options))
        return made[-1]

    yield make
    for each in made:
        each.kill()


def assert_ends(process):
    """An orphan is gone or, where nobody collects the dead, a zombie."""
    deadline_s = time.monotonic() + LIMIT_S
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline_s:
            process.kill()
            raise AssertionError(f"{process} has outlived its parent")
        time.sleep(0.01)


# --- what the device is given ---


@every_interpreter
def test_device_has_its_folder_its_config_and_a_cause(board, interpreter):
    program = """
import os
print(os.getcwd().rsplit("/", 1)[1], os.getenv("HUBLINK_CONFIG"), os.getenv("HUBLINK_RESET_CAUSE"))
print(os.stat(os.getenv("HUBLINK_WATCHDOG"))[0] >> 12, os.getenv("MORE"))
"""
    device = board(program, interpreter, env={"MORE": "of it"})
    device.start()
    assert device.wait_exit(LIMIT_S) == 0
    assert device.lines == ["a device config.json power_on", "1 of it", "board: ended with code 0"]


@every_interpreter
def test_firmware_board_and_umqtt_can_be_imported(board, interpreter):
    program = "import board, umqtt.simple\nfrom hublink import backoff\nprint(board.NAME)"
    device = board(program, interpreter)
    device.start()
    device.wait_line("^unix$", LIMIT_S)
    assert device.wait_exit(LIMIT_S) == 0


def test_frozen_modules_can_be_imported(board):
    device = board("import asyncio\nprint('fine')")
    device.start()
    device.wait_line("fine", LIMIT_S)


@pytest.mark.parametrize("interpreter", ["micropython", "micropython32"])
def test_heap_is_as_large_as_asked(board, interpreter):
    program = "import gc\nprint('heap', gc.mem_free() + gc.mem_alloc())"
    device = board(program, interpreter, heap="100k")
    device.start()
    size_len = int(device.wait_line("heap (.*)", LIMIT_S)[1])
    assert 90 * 1024 < size_len <= 100 * 1024


# --- how it ends ---


@every_interpreter
@pytest.mark.parametrize("code", [0, 3])
def test_exit_code_is_told(board, interpreter, code):
    device = board(f"raise SystemExit({code})", interpreter)
    device.start()
    assert device.wait_exit(LIMIT_S) == code
    assert device.lines == [f"board: ended with code {code}"]
    assert (device.running, device.pid, device.resets) == (False, None, [])


@every_interpreter
def test_uncaught_exception_ends_it(board, interpreter):
    device = board("print('before')\nraise ValueError('no such sensor')", interpreter)
    device.start()
    assert device.wait_exit(LIMIT_S) == 1
    assert device.lines[0] == "before"
    assert device.lines[-2:] == ["ValueError: no such sensor", "board: ended with code 1"]


def test_crash_is_told_by_name(board):
    device = board("import time\nprint('up')\ntime.sleep(60)")
    device.start()
    device.wait_line("up", LIMIT_S)
    os.kill(device.pid, signal.SIGSEGV)
    assert device.wait_exit(LIMIT_S) == -signal.SIGSEGV
    assert device.lines[-1] == "board: ended by SIGSEGV"


# --- reset and watchdog ---


@every_interpreter
def test_reset_restarts_it(board, interpreter):
    program = """
import os
cause = os.getenv("HUBLINK_RESET_CAUSE")
print("born", cause)
raise SystemExit(75 if cause == "power_on" else 0)
"""
    device = board(program, interpreter)
    device.start()
    assert device.wait_exit(LIMIT_S) == 0
    assert device.lines == [
        "born power_on",
        "board: machine.reset(), restarting",
        "born reset",
        "board: ended with code 0",
    ]
    assert device.resets == ["reset"]


HANGS_ONCE = (
    FEEDER
    + """
if os.getenv("HUBLINK_RESET_CAUSE") == "watchdog":
    raise SystemExit(0)
tell(b"start 300\\n")
for _ in range(8):
    time.sleep(0.1)
    tell(b".")
print("fed for 800 ms, now hanging")
while True:
    pass
"""
)


@every_interpreter
def test_watchdog_bites_the_one_that_hangs_and_not_the_one_that_feeds(board, interpreter):
    device = board(HANGS_ONCE, interpreter)
    device.start()
    device.wait_line("now hanging", LIMIT_S)
    hung_s = time.monotonic()
    device.wait_line("board: watchdog: not fed for 300 ms, resetting", LIMIT_S)
    assert 0.2 < time.monotonic() - hung_s < 2
    device.wait_line("born watchdog", LIMIT_S)
    assert device.wait_exit(LIMIT_S) == 0
    assert device.resets == ["watchdog"]


@every_interpreter
def test_firmware_reaches_this_watchdog(board, interpreter):
    program = """
import board, time
print("born", board.reset_cause())
if board.reset_cause() == "watchdog":
    board.reset()
if board.reset_cause() == "power_on":
    dog = board.watchdog(300)
    for _ in range(5):
        time.sleep(0.1)
        dog.feed()
    print("fed")
    time.sleep(60)
"""
    device = board(program, interpreter)
    device.start()
    device.wait_line("fed", LIMIT_S)
    device.wait_line("not fed for 300 ms", LIMIT_S)
    assert device.wait_exit(LIMIT_S) == 0
    assert device.resets == ["watchdog", "reset"]


def test_watchdog_bites_a_stopped_process(board):
    program = "tell(b'start 200\\n')\nprint('armed')\nwhile True:\n    tell(b'.')\n    time.sleep(0.01)"
    device = board(FEEDER + program)
    device.start()
    device.wait_line("armed", LIMIT_S)
    os.kill(device.pid, signal.SIGSTOP)
    device.wait_line("not fed for 200 ms", LIMIT_S)
    device.wait_line("born watchdog", LIMIT_S)


def test_watchdog_is_off_until_started(board):
    device = board(FEEDER + "tell(b'...')\ntime.sleep(0.5)\nprint('still here')")
    device.start()
    device.wait_line("still here", LIMIT_S)
    assert device.wait_exit(LIMIT_S) == 0


def test_feeding_left_over_from_an_earlier_life_does_not_count(board):
    """What was written before the power cut must not arm the watchdog of the next life."""
    program = (
        FEEDER
        + """
if os.getenv("HUBLINK_RESET_CAUSE") == "power_on":
    tell(b"start 50\\n" * 500)
    while True: tell(b".")
time.sleep(0.3)
print("not bitten")
"""
    )
    device = board(program)
    device.start()
    device.wait_line("born power_on", LIMIT_S)
    device.kill()
    device.start("reset")
    device.wait_line("not bitten", LIMIT_S)


def test_what_the_watchdog_cannot_read_is_told(board):
    device = board(FEEDER + "tell(b'stop it\\n')\ntell(b'start 0\\n')\ntime.sleep(0.3)\nprint('end')")
    device.start()
    device.wait_line("end", LIMIT_S)
    told = "".join(line for line in device.lines if line.startswith("board: watchdog: cannot read"))
    assert "stop it" in told and "start 0" in told


WORDS = b"...start 5000\n..keep 0 4294967295\nstart 700\n.keep 12 34\n..."


@pytest.mark.parametrize("piece_len", [1, 2, 3, 7, len(WORDS)])
def test_watchdog_understands_any_pieces(piece_len):
    watchdog = life.Watchdog()
    assert watchdog.left_s(1e9) == float("inf")
    for now_s, at in enumerate(range(0, len(WORDS), piece_len)):
        assert watchdog.hear(WORDS[at : at + piece_len], now_s) == b""
    assert watchdog.timeout_ms == 700
    assert watchdog.kept == "12 34"
    assert watchdog.left_s(now_s) == pytest.approx(0.7)
    assert watchdog.left_s(now_s + 1) == pytest.approx(-0.3)


@pytest.mark.parametrize(
    "rubbish", [b"start\n", b"start -1\n", b"start 9999999999\n", b"keep 1\n", b"\0\n", b"x" * 100]
)
def test_watchdog_skips_rubbish(rubbish):
    watchdog = life.Watchdog()
    assert watchdog.hear(rubbish + b"start 100\n" * (rubbish[-1:] == b"\n"), 0) == rubbish
    assert watchdog.timeout_ms == (100 if rubbish[-1:] == b"\n" else None)


# --- the console ---


@every_interpreter
def test_output_passes_unchanged(board, interpreter):
    program = """
import sys
print("grüezi")
sys.stdout.buffer.write(b"not \\xff\\xfe utf-8\\n")
sys.stdout.buffer.flush()
print()
print("no newline", end="")
"""
    output = io.BytesIO()
    device = board(program, interpreter, output=output)
    device.start()
    assert device.wait_exit(LIMIT_S) == 0
    end = b"no newline\nboard: ended with code 0\n"
    assert output.getvalue() == "grüezi\n".encode() + b"not \xff\xfe utf-8\n\n" + end
    assert device.lines == ["grüezi", r"not \xff\xfe utf-8", "", "no newline", "board: ended with code 0"]


@every_interpreter
def test_lines_come_as_they_are_printed(board, interpreter):
    heard = []
    device = board("import time\nprint('now')\ntime.sleep(60)", interpreter, on_line=heard.append)
    device.start()
    device.wait_line("now", LIMIT_S)
    assert heard == ["now"]


@every_interpreter
def test_flood_is_heard_whole_and_feeding_still_counts(board, interpreter):
    program = (
        FEEDER
        + """
tell(b"start 1000\\n")
for number in range(20000):
    print("line", number)
    if number % 100 == 0:
        tell(b".")
"""
    )
    device = board(program, interpreter)
    device.start()
    assert device.wait_exit(LIMIT_S) == 0
    assert device.lines[1:-1] == [f"line {number}" for number in range(20000)]


def test_flood_does_not_hide_a_hang(board):
    device = board(FEEDER + "tell(b'start 300\\n')\nwhile True: print('busy, busy')")
    device.start()
    device.wait_line("not fed for 300 ms", LIMIT_S)


def test_endless_line_is_cut():
    splitter = life.Splitter()
    lines = [line for _ in range(100) for line in splitter.split(b"x" * 10_000)]
    assert max(map(len, lines)) < 2 * 64 * 1024
    assert sum(map(len, lines)) - len(lines) + len(splitter.rest()[0]) - 1 == 1_000_000


def test_old_lines_are_forgotten(monkeypatch):
    monkeypatch.setattr(board_log, "_LINES_KEPT", 10)
    log = board_log.Log()
    search = log.search(re.compile("line (.*)"))
    for number in range(1000):
        log.add([f"line {number}"])
        assert len(log.lines()) < 20
        if number % 7 == 0:
            assert next(search)
    log.add(["line 1000"] * 100)
    assert log.lines()[-10:] == ["line 1000"] * 10
    assert next(search)[1] == "1000"


# --- looking for a line ---


def test_each_line_is_found_once_and_in_order(board):
    device = board("print('link UP')\nprint('link DOWN')\nprint('link UP')\nprint('sensor 21')")
    device.start()
    assert device.wait_line("UP", LIMIT_S).string == "link UP"
    device.wait_line("DOWN", LIMIT_S)
    device.wait_line("UP", LIMIT_S)
    assert device.wait_line(r"sensor (\d+)", LIMIT_S)[1] == "21"
    with pytest.raises(DeskError, match="No line matched 'UP' before the board was off"):
        device.wait_line("UP", LIMIT_S)


def test_line_that_does_not_come_in_time(board):
    device = board("import time\nfor n in range(30): print('line', n)\ntime.sleep(60)")
    device.start()
    device.wait_line("line 29", LIMIT_S)
    with pytest.raises(DeskError, match=r"No line matched 'never' within 0\.1 s") as error:
        device.wait_line("never", 0.1)
    assert error.value.message.splitlines()[1:] == [f"  line {n}" for n in range(10, 30)]


def test_waiting_ends_when_the_board_goes_off(board):
    device = board("import time\ntime.sleep(0.2)\nraise SystemExit(7)")
    device.start()
    started_s = time.monotonic()
    with pytest.raises(DeskError, match=r"(?s)before the board was off.*ended with code 7"):
        device.wait_line("never", 60)
    assert time.monotonic() - started_s < LIMIT_S


def test_exit_that_does_not_come_in_time(board):
    device = board("import time\nprint('up')\ntime.sleep(60)")
    device.start()
    device.wait_line("up", LIMIT_S)
    with pytest.raises(DeskError, match=r"(?s)still on after 0\.1 s.*up"):
        device.wait_exit(0.1)


# --- switching off and on ---

POLITE = """
import time
try:
    print("up")
    while True:
        time.sleep(0.05)
except KeyboardInterrupt:
    print("disconnected")
"""

STUBBORN = """
import time
has_said = False
while True:
    try:
        if not has_said:
            has_said = True
            print("up")
        while True:
            time.sleep(0.05)
    except KeyboardInterrupt:
        print("no")
"""


@every_interpreter
def test_stop_lets_it_disconnect(board, interpreter):
    device = board(POLITE, interpreter)
    device.start()
    device.wait_line("up", LIMIT_S)
    device.stop()
    assert device.lines == ["up", "disconnected", "board: stopped"]
    assert (device.running, device.exit_code) == (False, 0)


@every_interpreter
def test_stop_kills_the_one_that_ignores_it(board, interpreter, monkeypatch):
    monkeypatch.setattr(life, "STOP_MAX_S", 0.3)
    device = board(STUBBORN, interpreter)
    device.start()
    device.wait_line("up", LIMIT_S)
    device.stop()
    assert device.lines == ["up", "no", "board: did not stop within 0.3 s, killed"]
    assert device.exit_code == -signal.SIGKILL


def test_stop_of_one_that_resets_is_not_a_reset(board):
    device = board(POLITE + "    raise SystemExit(75)")
    device.start()
    device.wait_line("up", LIMIT_S)
    device.stop()
    assert (device.running, device.resets) == (False, [])


def test_kill_gives_it_no_time(board):
    device = board(POLITE)
    device.start()
    device.wait_line("up", LIMIT_S)
    process = psutil.Process(device.pid)
    device.kill()
    assert not process.is_running()
    assert device.lines == ["up", "board: power cut"]
    device.kill()  # it is off: nothing happens
    device.stop()


def test_power_can_come_back(board):
    device = board(FEEDER + "time.sleep(60)")
    device.start()
    device.wait_line("born power_on", LIMIT_S)
    first = device.pid
    device.kill()
    device.start()
    device.wait_line("born power_on", LIMIT_S)
    assert device.pid != first
    assert device.running
    with pytest.raises(DeskError, match="on already"):
        device.start()


def test_kill_ends_a_loop_of_resets(board):
    device = board("raise SystemExit(75)")
    device.start()
    for _ in range(3):
        device.wait_line("restarting", LIMIT_S)
    device.kill()
    assert not device.running
    assert device.resets[:3] == ["reset"] * 3


def test_kill_ends_its_children_too(board):
    """Not that firmware had any; but a script may, and nothing must stay."""
    program = "import os\nos.system('sleep 60 & echo child $!')\nimport time\ntime.sleep(60)"
    device = board(program)
    device.start()
    child = psutil.Process(int(device.wait_line("child (.*)", LIMIT_S)[1]))
    device.kill()
    assert_ends(child)


def test_leaving_the_block_is_a_power_cut(board):
    with pytest.raises(ZeroDivisionError):
        with board(POLITE) as device:
            device.start()
            process = psutil.Process(device.pid)
            1 / 0  # noqa: B018 - reading it is what is tested
    assert not process.is_running()


def test_on_line_may_stop_the_board(board):
    device = board(POLITE, on_line=lambda line: device.stop() if line == "up" else None)
    device.start()
    assert device.wait_exit(LIMIT_S) == 0
    assert device.lines[-1] == "board: stopped"


def test_what_on_line_raises_ends_the_board_and_is_heard(board):
    def fail(_line):
        raise KeyError("a fault of the listener")

    device = board(POLITE, on_line=fail)
    with pytest.raises(KeyError, match="a fault of the listener"):
        with device:
            device.start()
            device.wait_line("never", LIMIT_S)
    with pytest.raises(KeyError), device:
        device.start()
        device._thread.join(LIMIT_S)
    assert not device.running


FORGOTTEN = """
import sys
from hublink_desk.run import DeskBoard
board = DeskBoard(sys.argv[1], script=sys.argv[2])
board.start()
board.wait_line("up", 10)
print(board.pid)
"""


def test_forgotten_board_is_ended_with_its_program(tmp_path, board):
    board(STUBBORN)
    arguments = [tmp_path / "a device" / "config.json", tmp_path / "program.py"]
    done = subprocess.run(
        [sys.executable, "-c", FORGOTTEN, *arguments],
        env=os.environ | {"TMPDIR": tempfile.gettempdir()},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not psutil.pid_exists(int(done.stdout))


# --- what cannot be run ---


def test_bad_arguments_are_refused(tmp_path, board):
    with pytest.raises(DeskError, match=r"nowhere\.json is not a file: a device's configuration"):
        DeskBoard(tmp_path / "nowhere.json")
    with pytest.raises(DeskError, match=r"'pypy': one of micropython, micropython32, cpython"):
        board("", "pypy")
    with pytest.raises(DeskError, match="Heap '200 kB': a number of bytes"):
        board("", heap="200 kB")
    with pytest.raises(DeskError, match="device's program is expected"):
        DeskBoard(tmp_path / "program.py", script=tmp_path / "nowhere.py")
    with pytest.raises(DeskError, match="'brownout': one of power_on, watchdog, reset"):
        board("").start("brownout")


def test_interpreter_that_cannot_start_is_told(board, monkeypatch, tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("no program")
    broken.chmod(0o755)
    monkeypatch.setattr(paths, "program", lambda _: broken)
    device = board("")
    with pytest.raises(OSError, match="Exec format"):
        device.start()
    assert not device.running


# --- the command ---


def command(tmp_path, program, *options):
    """`hublink run` as a process of its own, with a program in place of the firmware."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "main.py").write_text(program)
    code = "from pathlib import Path; from hublink_desk import paths, cli; "
    code += f"paths.FIRMWARE = Path({str(tmp_path)!r}); cli.main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "run", "config.json", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(paths.ROOT / "tools"), "TMPDIR": tempfile.gettempdir()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@every_interpreter
def test_command_passes_output_and_code_on(tmp_path, interpreter):
    with command(tmp_path, "print('hello')\nraise SystemExit(3)", "--interpreter", interpreter) as process:
        output, errors = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, output, errors) == (3, "hello\nboard: ended with code 3\n", "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0)])
def test_command_stopped_by_a_signal(tmp_path, number, code):
    with command(tmp_path, POLITE) as process:
        assert process.stdout.readline() == "up\n"
        device = psutil.Process(process.pid).children()
        process.send_signal(number)
        output, errors = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, output, errors) == (code, "disconnected\nboard: stopped\n", "")
    assert not any(each.is_running() for each in device)


def test_command_gives_a_stubborn_device_three_seconds(tmp_path):
    with command(tmp_path, STUBBORN) as process:
        assert process.stdout.readline() == "up\n"
        started_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=LIMIT_S)
    assert 3 <= time.monotonic() - started_s < 6
    assert (process.returncode, output) == (130, "no\nboard: did not stop within 3 s, killed\n")


def test_command_whose_reader_has_gone_ends_its_device(tmp_path):
    with command(tmp_path, "import time\nwhile True:\n    print('tick')\n    time.sleep(0.01)") as process:
        assert process.stdout.readline() == "tick\n"
        device = psutil.Process(process.pid).children()
        process.stdout.close()
        assert process.wait(LIMIT_S) == 1
        assert process.stderr.read() == ""
    assert not any(each.is_running() for each in device)


if sys.platform == "linux":  # no other system offers it

    def test_device_ends_with_a_killed_command(tmp_path):
        with command(tmp_path, STUBBORN) as process:
            assert process.stdout.readline() == "up\n"
            (device,) = psutil.Process(process.pid).children()
            process.kill()
            assert_ends(device)
        (left,) = Path(tempfile.gettempdir()).iterdir()  # what nobody could remove
        (left / "watchdog").unlink()
        left.rmdir()


def test_command_refuses_in_one_sentence(tmp_path):
    nowhere = tmp_path / "nowhere.json"
    result = CliRunner().invoke(cli.command, [str(nowhere)])
    assert result.exit_code == 1
    assert result.stderr == f"hublink: {nowhere} is not a file: a device's configuration is expected.\n"
