"""What is to change on a board, and where MicroPython will find each module then."""

import pytest
from hublink_desk import boards
from hublink_desk.deploy import plan, versions
from hublink_desk.errors import DeskError

PATH = ["", ".frozen", "/lib"]
PICO_W = {
    "version": (1, 28, 0),
    "platform": "rp2",
    "machine": "Raspberry Pi Pico W with RP2040",
    "build": "RPI_PICO_W",
    "mpy": 6,
}


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("app.mpy", "app"),
        ("hublink/__init__.mpy", "hublink"),
        ("lib/umqtt/simple.py", "umqtt/simple"),
        ("config.json", None),
        ("no_suffix", None),
        ("hublink.files", None),
    ],
)
def test_module_of_a_file(path, module):
    assert plan.module(path) == module


@pytest.mark.parametrize(
    ("code", "on_board", "deployed", "stale"),
    [
        (["app.mpy"], ["app.mpy", "app.py", "lib/app.mpy", "other.py"], [], ["app.py", "lib/app.mpy"]),
        (["app.mpy"], ["app.mpy", "gone.mpy", "mine.py"], ["app.mpy", "gone.mpy"], ["gone.mpy"]),
        (
            ["app.mpy"],
            ["hublink/old.mpy", "lib/hublink/old.py"],
            [],
            ["hublink/old.mpy", "lib/hublink/old.py"],
        ),
        (["app.mpy"], ["config.json", "outbox/0001", "hublink.notes", "app.txt"], [], []),
    ],
)
def test_stale_is_what_was_deployed_or_would_be_loaded_instead(code, on_board, deployed, stale):
    assert plan.stale(code, on_board, deployed) == stale


def test_folders_are_made_from_outside_and_removed_from_inside():
    assert plan.new_folders(["a/b/c.py", "a/d.py", "e.py", "f/g.py"], ["f"]) == ["a", "a/b"]
    removed = ["a/b/c.py", "a/d.py"]
    assert plan.emptied(["a", "a/b", "empty"], [*removed, "e.py"], removed, ["e.py"]) == ["a/b", "a"]
    assert plan.emptied(["a", "a/b"], removed, removed, ["a/new.py"]) == ["a/b"]


@pytest.mark.parametrize(
    ("on_board", "frozen", "place"),
    [
        (["a.mpy"], [], "a.mpy"),
        (["a.mpy", "a.py"], [], "a.py"),
        (["a.mpy", "a/__init__.py"], [], "a/__init__.py"),
        (["a.mpy", "a/other.py"], [], "nowhere"),
        (["a.mpy"], ["a"], "a.mpy"),
        (["lib/a.mpy"], ["a"], "frozen"),
        (["lib/a.mpy"], ["a/__init__"], "frozen"),
        (["lib/a.mpy"], [], "lib/a.mpy"),
        ([], [], "nowhere"),
    ],
)
def test_source_is_what_micropython_finds_first(on_board, frozen, place):
    folders = {path.rpartition("/")[0] for path in on_board} - {""}
    assert plan.sources(["a.mpy"], on_board, folders, PATH, frozen) == {"a": place}


def test_space_counts_whole_blocks():
    assert plan.space_needed([1, 4096, 4097], 1, 4096) == (1 + 1 + 2 + 2 + 8) * 4096


def checked(board="RPI_PICO_W", **changed):
    return versions.check(PICO_W | changed, boards.find(board), boards.names())


def test_the_right_board_is_taken_without_a_word():
    assert checked() == []


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"version": (1, 24, 1)}, "The board runs MicroPython 1.24.1; expected 1.25 or later."),
        ({"mpy": 7}, "The board loads .mpy files of version 7; expected 6."),
        ({"build": "RPI_PICO2_W"}, "The board is RPI_PICO2_W, not RPI_PICO_W."),
        ({"platform": "esp32", "build": "ESP32_GENERIC"}, "The board is ESP32_GENERIC, not RPI_PICO_W."),
        ({"platform": "esp32", "build": "", "machine": "A with B"}, "The board is A with B, not RPI_PICO_W."),
    ],
)
def test_other_boards_and_old_versions_are_refused(changed, complaint):
    with pytest.raises(DeskError) as error:
        checked(**changed)
    assert error.value.message == complaint


@pytest.mark.parametrize(
    ("changed", "warned"),
    [
        ({"version": (1, 25, 0)}, "MicroPython 1.25.0: the radio may hang"),
        ({"version": (1, 26, 0)}, "MicroPython 1.26.0: a host name is looked up for ever"),
        ({"version": (1, 27, 1)}, "MicroPython 1.27.1: a host name is looked up for ever"),
        ({"build": "SOME_PICO"}, "The image is SOME_PICO, not RPI_PICO_W's own."),
    ],
)
def test_known_hangs_and_unknown_images_are_warned_of(changed, warned):
    (warning,) = checked(**changed)
    assert warning.startswith(warned)


def test_variants_of_an_image_are_the_same_board():
    esp32 = {"platform": "esp32", "build": "ESP32_GENERIC-OTA", "version": (1, 26, 0)}
    assert checked("ESP32_GENERIC", **esp32) == []
