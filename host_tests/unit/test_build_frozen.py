"""`hublink build --frozen` leaves out what the manifests of the boards freeze, and nothing else."""

import pytest
from hublink_desk import boards, paths

from host_tests.verbs import as_json


@pytest.mark.parametrize("board", boards.names())
def test_frozen_leaves_out_what_the_boards_manifest_freezes(tmp_path, board):
    main, out = tmp_path / "main.py", tmp_path / "out"
    main.write_text("import helper\nfrom hublink import MQTTClient, Node\n")
    (tmp_path / "helper.py").write_text("")
    words = ("build", "--board", board, "--program", main, "--out", out)
    everything = {*as_json(*words)["files"]}
    assert {*as_json(*words, "--frozen")["files"]} == {"helper.mpy"}
    assert {path.name for path in out.iterdir()} == {"helper.mpy", "main.py", "boot.py", "package.json"}
    assert {name.partition("/")[0] for name in everything} - {"helper.mpy"} <= frozen_by(board)


def frozen_by(board):
    """First parts of the names of what a board's manifest freezes beside upstream's own."""
    found = set()

    def run(manifest):
        exec(manifest.read_text("utf-8"), names | {"include": lambda path: include(manifest.parent / path)})

    def include(path):
        if path.is_file():  # else it is upstream's
            run(path)

    names = {
        "metadata": lambda version: None,
        "module": lambda name, base_path: found.add(name.partition("/")[0].replace(".py", ".mpy")),
        "package": lambda name, base_path: found.add(name),
        "require": lambda name: found.add(name.partition(".")[0]),
    }
    run(paths.BOARDS / board / "manifest.py")
    return found
