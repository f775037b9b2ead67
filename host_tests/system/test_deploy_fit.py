"""`hublink deploy` and configurations: a build has to fit, and what the one before named goes."""

import base64

import pytest
from hublink_desk.deploy.remote import Remote
from hublink_desk.workshop import device_id

from host_tests.system.board_parts import BOARD, LIMIT_S, deploy, deployed, stopped
from host_tests.verbs import good

AZURE = {"type": "azure", "host": "127.0.0.1"}
WIFI = {"networks": [{"ssid": "home"}]}
UP = "hublink: link DOWN -> WIFI"
KEYS = "--with-keys"


@pytest.fixture
def x509(workshop):
    return workshop.device("x509", AZURE, wifi=WIFI)


@pytest.fixture
def sas(workshop):
    tls = {"ca": ["ca.der"], "secret": "device.secret"}
    config = workshop.device("sas", {**AZURE, "auth": "sas"}, wifi=WIFI, tls=tls)
    (config.parent / "device.secret").write_bytes(base64.b64encode(bytes(32)))
    return config


def built(folder, *more, board=BOARD):
    """A build in a folder. more: further options."""
    good("build", "--board", board, "--out", folder, *more)
    return folder


def files(board):
    """What is on the board."""
    with stopped(board) as remote:
        return remote.run("about")["files"]


def test_build_for_another_configuration_is_refused(board, x509, sas, tmp_path):
    small = built(tmp_path / "small", "--config", x509)
    done = deploy(board, small, "--config", sas, KEYS)
    assert (done.code, done.err) == (
        1,
        "hublink: Neither the build nor the board's image has hublink.token, which config.json needs.\n"
        "  hint: build it with the same --config, and with --frozen only for an image that has hublink\n",
    )
    assert files(board) == {}


def test_build_for_another_configuration_than_the_boards_is_refused(board, x509, sas, tmp_path):
    deployed(board, built(tmp_path / "all"), "--config", sas, KEYS)
    done = deploy(board, built(tmp_path / "small", "--config", x509))
    assert (done.code, "has hublink.token" in done.err) == (1, True)
    board.wait_line(UP, LIMIT_S)  # the version before runs on
    assert "hublink/token.mpy" in files(board)


def test_build_for_another_hub_is_refused(board, workshop, x509, tmp_path):
    section = {"type": "scaleway", "host": "127.0.0.1", "device_id": device_id("another")}
    config = workshop.device("another", section, wifi=WIFI)
    done = deploy(board, built(tmp_path / "small", "--config", x509), "--config", config, KEYS)
    assert (done.code, "has hublink.hubs.scaleway" in done.err) == (1, True)


def test_build_for_another_board_is_refused(board, x509, tmp_path):
    other = built(tmp_path / "other", "--config", x509, board="RPI_PICO2_W")
    done = deploy(board, other, "--config", x509, KEYS)
    assert (done.code, done.err.splitlines()[0]) == (
        1,
        f"hublink: The build in {other} is for RPI_PICO2_W, not RPI_PICO_W.",
    )


def test_node_without_a_configuration_is_refused(board, x509, tmp_path):
    done = deploy(board, built(tmp_path / "small", "--config", x509))
    assert (done.code, done.err) == (
        1,
        "hublink: The board has no config.json, which the node reads.\n  hint: --config copies one\n",
    )
    assert files(board) == {}


def test_what_the_configuration_before_named_goes_with_it(board, x509, sas, tmp_path):
    everything = built(tmp_path / "all")
    deployed(board, everything, "--config", sas, KEYS)
    assert deployed(board, everything)["removed"] == []
    with stopped(board) as remote:
        remote.write("device.key.der", (x509.parent / "device.key.der").read_bytes())
        remote.write("mine.der", b"")
    assert deployed(board, everything, "--config", x509)["removed"] == ["device.secret"]
    assert {"ca.der", "device.der", "device.key.der", "mine.der"} <= {*files(board)}
    assert deployed(board, everything, "--config", sas, KEYS)["removed"] == ["device.der", "device.key.der"]


# --- frozen ---


@pytest.fixture
def frozen(tmp_path):
    """A build for an image that has hublink; its program says that it runs, and starts no node here."""
    program = tmp_path / "program" / "main.py"
    program.parent.mkdir()
    program.write_text("import mine\nprint(mine.TEXT)\n\n\ndef later():\n    from hublink import start\n")
    (program.parent / "mine.py").write_text(f"TEXT = {UP!r}\n")
    return built(tmp_path / "frozen", "--frozen", "--program", program)


def test_frozen_build_leaves_the_frozen_modules_alone(board, x509, frozen, tmp_path, monkeypatch):
    deployed(board, built(tmp_path / "small", "--config", x509), "--config", x509, KEYS)
    real = Remote.output
    image = "hublink/__init__ hublink/hubs/azure"
    monkeypatch.setattr(Remote, "output", lambda *a, **k: image if a[1] == "modules" else real(*a, **k))
    told = deployed(board, frozen)
    assert told["modules"] == {"mine": "mine.mpy", "hublink.hubs.azure": "frozen"}
    assert {path for path in files(board) if path.endswith("py")} == {"boot.py", "main.py", "mine.mpy"}


def test_frozen_build_for_an_image_without_hublink_is_refused(board, x509, frozen):
    assert "The board has no config.json" in deploy(board, frozen).err
    done = deploy(board, frozen, "--config", x509, KEYS)
    assert (done.code, done.err) == (
        1,
        "hublink: Neither the build nor the board's image has hublink.hubs.azure, which config.json needs.\n"
        "  hint: build it with the same --config, and with --frozen only for an image that has hublink\n",
    )
