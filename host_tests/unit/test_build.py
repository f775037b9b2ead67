"""`hublink build` and package.json: exactly what is needed, the same bytes each time, and mip installs it."""

import ast
import json

import pytest
from hublink_desk import boards, device_code, paths
from hublink_desk.builder import needs, package_json
from hublink_desk.builder.graph import Graph
from hublink_desk.workshop import Workshop, device_id
from mpremote import mip

from host_tests.unit.test_layers import PACKAGE, SOURCES, TREES
from host_tests.verbs import as_json, good, hublink

HOST = "hub.example.test"
TOKENS = {"registry": "reg", "project": "p", "device_id": "dev-{device}"}
HUBS = {
    "generic": {},
    "scaleway": {"device_id": device_id("s1")},
    "clearblade": TOKENS,
    "omnicore": {"registry": "reg", "subscription": "s", "device_id": "dev-{device}"},
    "azure": {},
}
NODE = "from hublink import Node\nnode = Node()\n"
EVERY_NODE = {"hublink.node", "hublink.uplink", "hublink.config", "hublink.device.maintenance", "board"}
SIGNING = {"hublink.protocol.der", "hublink.protocol.es256", "hublink.protocol.jwt", "hublink.token"}


def hub(name):
    return f"hublink.hubs.{name}"


@pytest.fixture
def program(tmp_path):
    """Writes a program of these lines, with modules beside it; returns its Path."""

    def make(text, **modules):
        folder = tmp_path / "program"
        folder.mkdir()
        for name, source in {"main": text, **modules}.items():
            (folder / f"{name}.py").write_text(source)
        return folder / "main.py"

    return make


def settings(hub_type, **more):
    """A checked configuration."""
    section = {"type": hub_type, "host": HOST, **HUBS[hub_type], **more}
    proofs = {name: name for name in device_code.needed_credentials(section)}
    config = {"device": "s1", "hub": section, "tls": {"ca": ["ca.der"], **proofs}}
    return device_code.parse(json.dumps(config).encode())


def needed(program, board="RPI_PICO_W", config=None):
    return set(needs.needed_modules(program, boards.find(board), config))


# --- which modules ---


@pytest.mark.parametrize(
    ("config", "there", "not_there"),
    [
        (settings("generic", errors_parser="generic"), {hub("generic")}, {hub("scaleway"), *SIGNING}),
        (settings("generic", errors_parser="omnicore"), {hub("omnicore")}, {hub("scaleway"), *SIGNING}),
        (settings("scaleway"), {hub("scaleway"), hub("generic")}, {hub("clearblade"), *SIGNING}),
        (settings("clearblade"), {hub("clearblade"), *SIGNING}, {hub("omnicore"), hub("scaleway")}),
        (settings("azure"), {hub("azure"), "hublink.protocol.hmac"}, {hub("scaleway"), *SIGNING}),
        (settings("azure", auth="sas"), {hub("azure"), "hublink.token"}, {"hublink.protocol.es256"}),
        (settings("omnicore"), {hub("omnicore"), hub("clearblade"), *SIGNING}, {hub("scaleway")}),
        (None, {hub(name) for name in HUBS} | SIGNING | {"hublink.gateway"}, {hub("eventgrid")}),
    ],
)
def test_node_has_what_its_hub_needs(program, config, there, not_there):
    found = needed(program(NODE), config=config)
    assert (there | EVERY_NODE) <= found
    assert not found & (not_there | {"hublink.net.mqtt", "umqtt.simple", "umqtt"})
    if config:
        choice = {*needs._ONLY_IF, *needs._hubs(config)}
        assert needs.configured_modules(config) == found & choice


@pytest.mark.parametrize(
    ("config", "line", "has"),
    [
        (settings("scaleway"), "", False),
        (settings("scaleway"), "node.gateway.attach('d')", True),
        (settings("clearblade"), "node.gateway.attach('d')", False),
        (settings("clearblade", gateway=True), "", True),
        (settings("scaleway"), "import helper", True),
    ],
)
def test_gateway_where_configuration_or_program_say_so(program, config, line, has):
    found = needed(program(NODE + line, helper="def use(node):\n    return node.gateway\n"), config=config)
    assert ("hublink.gateway" in found) == has


def test_modules_that_may_be_left_out_are_loaded_in_functions_only():
    graph = Graph([paths.FIRMWARE], {})
    for name in needs._ONLY_IF:
        assert name in PACKAGE
        users = {user for user, path in SOURCES.items() if name in graph.imports(path, user)}
        at_top = {
            user
            for user in users
            for node in TREES[user].body
            if isinstance(node, ast.ImportFrom) and name.rpartition(".")[2] in {a.name for a in node.names}
        }
        assert users
        assert not at_top, name


@pytest.mark.parametrize(("board", "has"), [("RPI_PICO_W", True), ("ESP32_GENERIC", False), ("unix", True)])
@pytest.mark.parametrize("line", ["from hublink import MQTTClient", "import hublink\nhublink.MQTTClient"])
def test_umqtt_goes_along_where_the_board_lacks_it_and_the_program_needs_it(program, board, has, line):
    found = needed(program(line), board)
    assert "hublink.net.mqtt" in found
    assert "hublink.node" not in found
    assert ("umqtt.simple" in found) == has


def test_modules_beside_the_program_go_along(program):
    main = program(NODE + "import helper", helper="def f():\n    import deep\n", deep="", stray="")
    found = needs.needed_modules(main, boards.find("RPI_PICO_W"))
    assert {"helper", "deep", "chip_rp2"} <= set(found)
    assert "stray" not in found
    assert found["helper"] == main.parent / "helper.py"


def test_package_of_the_program_goes_along_with_its_init(program):
    main = program("import parts.one")
    (main.parent / "parts").mkdir()
    for name in ("__init__", "one", "two"):
        (main.parent / "parts" / f"{name}.py").write_text("")
    found = needed(main)
    assert {"parts", "parts.one"} <= found
    assert "parts.two" not in found


# --- the verb ---


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture
def config(tmp_path):
    return Workshop(tmp_path / "desk").device("s1", {"type": "scaleway", "host": HOST, **HUBS["scaleway"]})


def test_build_gives_the_same_bytes_twice_and_lists_them(tmp_path, config):
    outs = [tmp_path / "one", tmp_path / "elsewhere" / "two"]
    told = [as_json("build", "--board", "RPI_PICO_W", "--config", config, "--out", out) for out in outs]
    first, second = map(files, outs)
    assert first == second
    assert told[0]["files"] == told[1]["files"]
    compiled = {name: len(data) for name, data in first.items() if name.endswith(".mpy")}
    assert told[0]["files"] == compiled
    assert told[0]["total"] == sum(compiled.values())
    assert set(first) - set(compiled) == {"main.py", "boot.py", "package.json"}
    urls = json.loads(first["package.json"])["urls"]
    assert urls == [[name, name] for name in sorted(compiled)]


def test_build_replaces_an_earlier_one_and_nothing_else(tmp_path, config):
    out = tmp_path / "out"
    good("build", "--board", "RPI_PICO_W", "--out", out)
    assert (out / "hublink/hubs/omnicore.mpy").exists()
    shown = good("build", "--board", "ESP32_GENERIC_C3", "--config", config, "--out", out)
    assert not (out / "hublink/hubs/omnicore.mpy").exists()
    assert (out / "chip_esp32.mpy").exists()
    assert "of the budget of 24,576" in shown.replace("\n", " ")
    (out / "letter.txt").write_text("dear")
    before = files(out)
    done = hublink("build", "--board", "RPI_PICO_W", "--out", out)
    assert (done.code, files(out)) == (1, before)
    assert "letter.txt is in the way; expected nothing but an earlier build" in done.err


@pytest.mark.parametrize(
    "theirs",
    [
        {"main.py": "print('my precious')"},
        {"main.py": "", "helper.mpy": "", "package.json": '{"urls": [["main.py", "main.py"]]}'},
        {"package.json": "[]"},
    ],
)
def test_folder_of_somebody_elses_is_not_replaced(tmp_path, theirs):
    for name, text in theirs.items():
        (tmp_path / name).write_text(text)
    done = hublink("build", "--board", "RPI_PICO_W", "--out", tmp_path)
    assert (done.code, files(tmp_path)) == (1, {name: text.encode() for name, text in theirs.items()})
    assert "is in the way; expected nothing but an earlier build" in done.err


def test_folder_of_all_builds_is_for_nothing_else(tmp_path, monkeypatch, config):
    monkeypatch.setattr(paths, "BUILD", tmp_path)
    earlier = tmp_path / "RPI_PICO_W"
    earlier.mkdir()
    (earlier / "main.py").write_text("of a version that wrote no package.json")
    good("build", "--board", "RPI_PICO_W", "--config", config)
    assert package_json.board_of(earlier) == "RPI_PICO_W"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("import", "does not compile: line 1"), (None, "cannot be read"), ("x = 1", "")],
)
def test_program_that_cannot_be_built_leaves_nothing(tmp_path, text, complaint):
    main, out = tmp_path / "main.py", tmp_path / "out"
    if text:
        main.write_text(text)
    done = hublink("build", "--board", "RPI_PICO_W", "--program", main, "--out", out)
    assert done.code == bool(complaint)
    assert complaint in done.err
    assert out.exists() == (not complaint)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (b"nonlocal x", "helper.py does not compile"),  # for the compiler; its syntax is good
        (b"def", "helper.py does not compile: line 1: "),
        (b"'\xff'", "helper.py does not compile: 'utf-8' codec can't decode"),
    ],
)
def test_module_that_does_not_compile_leaves_the_old_build(tmp_path, source, complaint):
    main, out = tmp_path / "main.py", tmp_path / "out"
    main.write_text("import helper")
    (tmp_path / "helper.py").write_text("x = 1")
    good("build", "--board", "RPI_PICO_W", "--program", main, "--out", out)
    before = files(out)
    (tmp_path / "helper.py").write_bytes(source)
    done = hublink("build", "--board", "RPI_PICO_W", "--program", main, "--out", out)
    assert (done.code, files(out)) == (1, before)
    assert complaint in done.err


def test_help_has_an_example():
    assert "Example: hublink build" in good("build", "--help")


# --- package.json ---


def test_package_json_of_the_checkout_is_fresh():
    """Write it anew with: python -m hublink_desk.builder.package_json"""
    assert (paths.ROOT / "package.json").read_bytes() == package_json.of_checkout()


def test_package_json_of_the_checkout_lists_the_package():
    urls = json.loads((paths.ROOT / "package.json").read_bytes())["urls"]
    assert {source for _, source in urls} == {
        path.relative_to(paths.ROOT).as_posix() for path in (paths.FIRMWARE / "hublink").rglob("*.py")
    }
    assert all(source == f"firmware/{target}" for target, source in urls)


class Board:
    """The file system of a board, in a folder, as mpremote's transport offers it."""

    def __init__(self, folder):
        self._folder = folder

    def _path(self, name):
        return self._folder / name.lstrip("/")

    def fs_exists(self, name):
        return self._path(name).exists()

    def fs_mkdir(self, name):
        self._path(name).mkdir(parents=True)

    def fs_writefile(self, name, data, progress_callback=None):
        self._path(name).write_bytes(data)


def _installed(tmp_path, package):
    """The files that mpremote's mip puts below /lib."""
    mip._install_package(Board(tmp_path), package, mip._PACKAGE_INDEX, "/lib", None, True)
    return files(tmp_path / "lib")


PACKAGE_FILES = {
    path.relative_to(paths.FIRMWARE).as_posix(): path.read_bytes()
    for path in (paths.FIRMWARE / "hublink").rglob("*.py")
}


@pytest.mark.parametrize("start", ["package.json", "./package.json", str(paths.ROOT / "package.json")])
def test_mip_installs_from_the_checkout(tmp_path, monkeypatch, start):
    monkeypatch.chdir(paths.ROOT)
    assert _installed(tmp_path, start) == PACKAGE_FILES


def test_mip_installs_from_a_server(tmp_path, folder_server):
    folder_server.folder.rmdir()
    folder_server.folder.symlink_to(paths.ROOT)
    assert _installed(tmp_path / "board", f"{folder_server.url}/package.json") == PACKAGE_FILES


def test_mip_installs_what_was_built(tmp_path, config):
    out = tmp_path / "out"
    good("build", "--board", "RPI_PICO_W", "--config", config, "--out", out)
    built = {name: data for name, data in files(out).items() if name.endswith(".mpy")}
    assert _installed(tmp_path / "board", str(out / "package.json")) == built
