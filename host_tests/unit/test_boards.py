"""What is read of a board without running it is what the board says when it runs."""

import pytest
from hublink_desk import boards, paths
from hublink_desk.errors import DeskError

from host_tests.shim import install


def test_every_folder_with_a_board_is_one():
    folders = {path.name for path in paths.BOARDS.iterdir() if (path / "manifest.py").is_file()}
    assert set(boards.names()) == folders
    assert {"unix", "RPI_PICO_W", "ESP32_GENERIC"} <= folders


@pytest.mark.parametrize("name", boards.names())
def test_board_is_read_as_it_runs(name):
    found = boards.find(name)
    with install(board=name):
        import board

        assert (board.NAME, board.NEEDS_WIFI) == (found.name, found.needs_wifi)
    assert found.modules["board"] == paths.BOARDS / name / "board.py"
    chips = {"ESP32": {"chip_esp32"}, "RPI": {"chip_rp2"}, "unix": set()}[name.split("_")[0]]
    assert set(found.modules) == {"board"} | chips


@pytest.mark.parametrize(
    ("name", "has"), [("ESP32_GENERIC_C3", True), ("RPI_PICO2_W", False), ("unix", False)]
)
def test_who_has_umqtt(name, has):
    assert boards.find(name).has_umqtt is has


def test_unknown_board_is_named():
    with pytest.raises(DeskError, match=r"Board 'PICO': one of .*RPI_PICO_W.* is expected"):
        boards.find("PICO")
