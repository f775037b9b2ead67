"""The board on the desk: mpremote works with it, and it does what a Pico W does to whoever deploys to it."""

import pytest
import serial
from hublink_desk.desk_board import SerialBoard
from mpremote.transport import TransportExecError
from mpremote.transport_serial import SerialTransport

from host_tests.both.interpreters import DEVICES, needs
from host_tests.system.board_parts import LIMIT_S, mpremote

RESET = "import machine, time\ntime.sleep_ms(100)\nmachine.reset()"  # as mpremote: the host hears the answer


@pytest.fixture
def repl(board):
    """mpremote's transport, in the raw REPL."""
    transport = SerialTransport(board.port, timeout=LIMIT_S)
    transport.enter_raw_repl(soft_reset=False)
    yield transport
    transport.serial.close()  # its own close() fails where the port is gone


@pytest.mark.parametrize("interpreter", DEVICES)
def test_mpremote_copies_runs_lists_and_resets(tmp_path, interpreter):
    needs(interpreter)
    folder = tmp_path / "copied"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "data").write_bytes(bytes(range(256)) * 20)
    (folder / "main.py").write_text("import os\nprint('main', os.listdir('inner'))\n")
    with SerialBoard(tmp_path / "board", interpreter) as board:
        board.start()
        mpremote(board, "cp", "-r", f"{folder}/.", ":")
        assert "5120 data" in mpremote(board, "fs", "ls", ":inner")
        assert mpremote(board, "exec", "import sys; print(sys.platform)") == "rp2\n"
        mpremote(board, "cp", ":inner/data", tmp_path / "back")
        mpremote(board, "reset")
        board.wait_line(r"main \['data'\]", LIMIT_S)
    assert (tmp_path / "back").read_bytes() == bytes(range(256)) * 20
    assert board.resets == ["reset"]


def test_raw_repl_keeps_names_and_tells_errors_apart(repl):
    repl.exec("x = 'a' * 3000")
    assert repl.eval("len(x)") == 3000
    with pytest.raises(TransportExecError, match="ZeroDivisionError"):
        repl.exec("1 / 0")
    repl.use_raw_paste = False
    assert repl.eval("len(x)") == 3000


def test_soft_reset_forgets_names_and_modules_and_runs_boot_py_alone(board, repl):
    repl.fs_writefile("boot.py", b"print('booted')")
    repl.fs_writefile("main.py", b"print('started')")
    repl.exec("import random as x, os")
    repl.enter_raw_repl(soft_reset=True)
    assert repl.eval("'x' in globals()") is False
    board.wait_line("booted", LIMIT_S)
    assert "started" not in board.lines


def test_friendly_repl_echoes_and_runs_main_py_at_a_soft_reset(board, repl):
    repl.fs_writefile("main.py", b"print('started')")
    repl.exit_raw_repl()
    repl.serial.write(b"6 * 17\x7f\x7f7\r")
    board.wait_line("^42$", LIMIT_S)
    repl.serial.write(b"\x04")
    board.wait_line("MPY: soft reboot", LIMIT_S)
    board.wait_line("started", LIMIT_S)


@pytest.mark.parametrize("program", ["time.sleep(600)", "while True: pass"])
def test_ctrl_c_ends_a_program_that_waits_and_one_that_does_not(board, repl, program):
    repl.exec_raw_no_follow(f"import time\nprint('at work')\n{program}")
    board.wait_line("at work", LIMIT_S)
    repl.serial.write(b"\x03")
    assert b"KeyboardInterrupt" in repl.follow(LIMIT_S)[1]


def test_watchdog_bites_although_the_program_was_left(board, repl):
    repl.exec("import machine; machine.WDT(timeout=700).feed()")
    repl.enter_raw_repl(soft_reset=True)
    board.wait_line("watchdog: not fed for 700 ms", LIMIT_S)
    board.wait_line("Type .help", LIMIT_S)
    assert board.resets == ["watchdog"]


def test_watchdog_takes_no_more_than_a_picos_does(repl):
    with pytest.raises(TransportExecError, match="timeout exceeds 8388"):
        repl.exec("import machine; machine.WDT(timeout=8389)")


def test_port_goes_with_a_reset_and_comes_back(board, repl):
    repl.exec_raw_no_follow(RESET)
    with pytest.raises(OSError):
        while True:
            repl.serial.read(1)
    board.wait_line("Type .help", LIMIT_S)
    SerialTransport(board.port).close()


def test_what_is_printed_before_a_host_has_opened_the_port_waits_for_it(board):
    with serial.Serial(board.port, timeout=LIMIT_S) as host:
        assert host.read_until(b">>> ").endswith(b'Type "help()" for more information.\r\n>>> ')
    with serial.Serial(board.port, timeout=0) as host:
        assert host.read(1) == b"", "and for the first one alone"


def test_scratch_survives_a_reset_and_flash_a_power_cut(board, repl):
    def look():
        transport = SerialTransport(board.port, timeout=LIMIT_S)
        transport.enter_raw_repl(soft_reset=False)
        try:
            cause = transport.eval("__import__('machine').reset_cause()")
            return cause, transport.eval("__import__('machine').mem32[0x40058014]"), transport.fs_exists("f")
        finally:
            transport.close()

    repl.exec("open('f', 'w').close()\nimport machine\nmachine.mem32[0x40058014] = 7")
    repl.exec_raw_no_follow(RESET)
    board.wait_line("machine.reset", LIMIT_S)
    board.wait_line("Type .help", LIMIT_S)
    assert look() == (3, 7, True)
    board.kill()
    board.start()
    board.wait_line("Type .help", LIMIT_S)
    assert look() == (1, 0, True)


def test_flash_refuses_what_a_chip_cannot_do(repl):
    repl.exec("import rp2; flash = rp2.Flash(); flash.ioctl(6, 211); flash.writeblocks(211, bytes(256), 512)")
    with pytest.raises(TransportExecError, match="block 211, byte 512: programmed without an erase"):
        repl.exec("flash.writeblocks(211, bytes(256), 512)")
