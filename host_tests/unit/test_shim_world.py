"""What firmware may import and name under the shim, and that nothing is left when it is gone."""


import builtins
import json
import subprocess
import sys

import pytest
from hublink_desk import paths

from host_tests import shim
from host_tests.both import interpreters


def run(device, tmp_path, source):
    """Runs source as the device's program; its global names."""
    script = tmp_path / "program.py"
    script.write_text(source, "utf-8")
    return device.run(script)


def test_firmware_is_importable_only_in_a_world():
    with shim.install():
        import hublink.ticks

        assert hublink.ticks.diff(5, 0x3FFFFFFF) == 6
    with pytest.raises(ImportError):
        import hublink
    assert not [name for name in sys.modules if name.partition(".")[0] == "hublink"]


def test_each_world_loads_the_firmware_anew():
    with shim.install():
        from hublink import ticks as first

        first.mark = True
    with shim.install():
        from hublink import ticks as second
    assert not hasattr(second, "mark")


def test_modules_of_the_same_name_come_back(monkeypatch):
    theirs = object()
    monkeypatch.setitem(sys.modules, "board", theirs)
    with shim.install():
        import board

        assert board is not theirs
        assert board.NAME == "unix"
    assert sys.modules["board"] is theirs


def test_the_rest_of_the_process_is_untouched():
    before = builtins.__import__, list(sys.meta_path), list(sys.path)
    with shim.install() as device:
        import time

        assert hasattr(time, "perf_counter")
        assert device.modules["time"] is not time
        assert builtins.__import__ is before[0]
        assert sys.path == before[2]
    assert (builtins.__import__, list(sys.meta_path), list(sys.path)) == before


@pytest.mark.parametrize("name", ["ssl", "typing", "threading", "logging", "pathlib", "pytest", "host_tests"])
def test_firmware_cannot_import_what_a_device_lacks(tmp_path, name):
    with shim.install() as device, pytest.raises(ImportError, match=f"no module named '{name}'"):
        run(device, tmp_path, f"import {name}")


def test_only_umqtt_may_use_the_old_names(tmp_path):
    with shim.install() as device:
        from umqtt import simple

        assert simple.socket is device.modules["socket"]
        with pytest.raises(ImportError):
            run(device, tmp_path, "import usocket")


@pytest.mark.parametrize("name", ["ConnectionError", "TimeoutError", "FileNotFoundError", "breakpoint"])
def test_firmware_cannot_name_builtins_that_a_device_lacks(tmp_path, name):
    with shim.install() as device, pytest.raises(NameError, match=name):
        run(device, tmp_path, name)


@pytest.mark.parametrize(
    ("board", "lacks"),
    [("unix", {"esp32", "rp2"}), ("ESP32_GENERIC", {"rp2"}), ("RPI_PICO_W", {"esp32"})],
)
def test_a_board_has_the_modules_of_its_port(board, lacks):
    with shim.install(board) as device:
        assert {"esp32", "rp2"} - set(device.modules) == lacks


@pytest.mark.parametrize("board", ["unix", "ESP32_GENERIC", "ESP32_GENERIC_S3", "RPI_PICO_W", "RPI_PICO2_W"])
def test_the_board_module_is_the_boards_own(board):
    with shim.install(board):
        import board as module

        assert module.NAME == board


def test_a_stand_in_replaces_a_device_module(tmp_path):
    mine = object()
    with shim.install(modules={"time": mine}) as device:
        assert run(device, tmp_path, "import time")["time"] is mine
        device.modules["tls"] = mine
        assert run(device, tmp_path, "import tls")["tls"] is mine


def test_a_stand_in_for_no_device_module_is_refused():
    with pytest.raises(ValueError, match=r"\['tiem'\]"):
        shim.install(modules={"tiem": object()})


def test_a_stand_in_replaces_a_builtin(tmp_path):
    with shim.install(builtins={"open": lambda name: f"opened {name}"}) as device:
        assert run(device, tmp_path, "answer = open('x')")["answer"] == "opened x"


def test_two_worlds_at_once_are_refused():
    with shim.install(), pytest.raises(RuntimeError, match="installed already"):
        shim.install()


def test_leaving_closes_sockets_and_comes_back_to_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with shim.install() as device:
        names = run(device, tmp_path, "import os, socket\nos.chdir('elsewhere')\ns = socket.socket()")
        assert device.open_sockets() == [names["s"]]
    assert device.open_sockets() == []
    assert paths.Path.cwd() == tmp_path


def test_a_socket_that_was_dropped_without_close_is_still_open(tmp_path):
    with shim.install() as device:
        run(device, tmp_path, "import socket\ndef leak():\n    socket.socket()\nleak()")
        assert len(device.open_sockets()) == 1


def test_a_broken_rule_that_firmware_swallowed_still_fails(tmp_path):
    source = "import time\ntry:\n    time.ticks_diff(-1, 0)\nexcept Exception:\n    pass"
    with pytest.raises(shim.BrokenRule, match="got -1"), shim.install() as device:
        run(device, tmp_path, source)


def test_errors_of_open_are_plain(tmp_path):
    source = "try:\n    open('/no/such/file')\nexcept OSError as e:\n    seen = e"
    with shim.install() as device:
        seen = run(device, tmp_path, source)["seen"]
    assert type(seen) is OSError
    assert (seen.args, seen.errno) == ((2,), 2)


# -- never a superset ----------------------------------------------------------------------------

LIST_NAMES = """
import json, sys
found = {"builtins": dir(__import__("builtins"))}
for name in sys.argv[1:]:
    try:
        found[name] = dir(__import__(name))
    except ImportError:
        pass
print(json.dumps(found))
"""
INSTANCES = {
    "socket": "socket.socket()",
    "select": "select.poll()",
    "tls": "tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)",
    "hashlib": "hashlib.sha256()",
}


def on_micropython(tmp_path, source, *arguments):
    script = tmp_path / "ask.py"
    script.write_text(source, "utf-8")
    command, env = interpreters.command("micropython", script, *arguments)
    return json.loads(subprocess.run(command, env=env, capture_output=True, timeout=30, check=True).stdout)


def public(names):
    return {name for name in names if not name.startswith("_")}


# The unix port has no radio, and a `machine` without the parts of a board.
def test_no_module_has_a_name_that_micropython_lacks(tmp_path):
    with shim.install() as device:
        ours = {name: public(dir(module)) for name, module in device.modules.items()}
    theirs = on_micropython(tmp_path, LIST_NAMES, *ours)
    assert set(ours) - set(theirs) == {"network"}
    extra = {name: ours[name] - set(theirs[name]) for name in ours if name in theirs and name != "machine"}
    assert {name: names for name, names in extra.items() if names} == {}


def test_no_builtin_is_offered_that_micropython_lacks(tmp_path):
    with shim.install() as device:
        ours = run(device, tmp_path, "")["__builtins__"]
    assert set(ours) - set(on_micropython(tmp_path, LIST_NAMES)["builtins"]) == set()


@pytest.mark.parametrize("module", INSTANCES)
def test_no_object_has_a_method_that_micropython_lacks(tmp_path, module):
    source = f"import json, {module}\nnames = dir({INSTANCES[module]})\nprint(json.dumps(names))"
    with shim.install() as device:
        ours = public(run(device, tmp_path, source.replace("import json, ", "import json\nimport "))["names"])
    assert ours - set(on_micropython(tmp_path, source)) == set()


# -- the command ---------------------------------------------------------------------------------


def command_line(tmp_path, source, *arguments):
    script = tmp_path / "program.py"
    script.write_text(source, "utf-8")
    command, env = interpreters.command("cpython", script, *arguments)
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)


def test_the_command_runs_a_script_as_a_board_would(tmp_path):
    source = "import sys, board\nprint(__name__, sys.argv[1:], sys.platform, board.NAME)"
    done = command_line(tmp_path, source, "one", "two", "--board", "RPI_PICO_W")
    assert (done.stdout, done.stderr) == ("__main__ ['one', 'two'] rp2 RPI_PICO_W\n", "")


def test_the_command_ends_as_the_program_says(tmp_path):
    assert command_line(tmp_path, "import sys\nsys.exit(7)").returncode == 7
    assert command_line(tmp_path, "import machine\nmachine.reset()").returncode == 75
    failed = command_line(tmp_path, "import ssl")
    assert failed.returncode == 1
    assert "ImportError: no module named 'ssl'" in failed.stderr
