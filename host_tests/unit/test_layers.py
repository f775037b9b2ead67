"""Imports go one way (design.md, section 3), and firmware uses nothing that a board lacks or forgets.

Read from the source with `ast`: nothing of the firmware is run.
"""

import ast

import pytest
from hublink_desk import paths

# They alone see both edges; nothing below them imports them.
JOINTS = {"hublink.node", "hublink.uplink"}
# Loads names on first use, from anywhere.
TABLE = "hublink"
# What pure modules may import besides each other.
PURE_BUILTINS = {"micropython", "json", "array", "struct", "binascii", "hashlib"}
# What each edge may import besides pure modules: what it is the edge of.
NET_BUILTINS = {"micropython", "array", "errno", "gc", "os", "select", "socket", "struct"}
NET_BUILTINS |= {"time", "tls", "umqtt"}
DEVICE_BUILTINS = {"micropython", "array", "board", "errno", "gc", "io", "json", "machine", "os", "sys"}
DEVICE_BUILTINS |= {"time"}
JOINT_BUILTINS = {"asyncio", "board", "json"}
BOARD_BUILTINS = {"board", "esp32", "machine", "micropython", "network", "os", "rp2", "struct", "sys", "time"}
# Programs for the device that happen to lie in the tool's folder.
DEVICE_PROGRAMS = paths.ROOT / "tools" / "hublink_desk" / "programs"


def _name(path):
    parts = path.relative_to(paths.FIRMWARE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _sources(folder):
    return sorted(path for path in folder.rglob("*.py") if ".ruff_cache" not in path.parts)


SOURCES = {_name(path): path for path in _sources(paths.FIRMWARE)}
TREES = {name: ast.parse(path.read_text("utf-8"), str(path)) for name, path in SOURCES.items()}
PACKAGE = {name for name in SOURCES if name == TABLE or name.startswith("hublink.")}
NET = {name for name in PACKAGE if name.startswith("hublink.net")}
DEVICE = {name for name in PACKAGE if name.startswith("hublink.device")}
PURE = PACKAGE - NET - DEVICE - JOINTS - {TABLE}


def _imports(tree, name="", is_package=False):
    """Full names of the modules that a source imports; `from a import b` gives a.b if that is one."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, name, is_package)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found.add(full if full in SOURCES else base)
    return found


def _base(node, name, is_package):
    if not node.level:
        return node.module
    parts = name.split(".")
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join(parts + ([node.module] if node.module else []))


def _imports_of(name):
    return _imports(TREES[name], name, SOURCES[name].name == "__init__.py")


def _ours(name):
    return {each for each in _imports_of(name) if each.partition(".")[0] == "hublink"}


def _others(name):
    return {each.partition(".")[0] for each in _imports_of(name)} - {"hublink"}


def test_the_firmware_was_found():
    assert {"main", "app", "boot", "hublink.outbox", "hublink.protocol.session"} <= set(SOURCES)
    assert "hublink.hubs" in SOURCES
    assert len(PURE) > 10
    assert len(NET) > 5
    assert len(DEVICE) > 3


def test_relative_imports_are_understood():
    tree = ast.parse(
        "from . import limits, ticks\nfrom .protocol import packets\nfrom .outbox import Outbox\nimport json"
    )
    assert _imports(tree, "hublink.link") == {
        "hublink.limits",
        "hublink.ticks",
        "hublink.protocol.packets",
        "hublink.outbox",
        "json",
    }
    tree = ast.parse("def f():\n    from ..events import Event\n    from . import generic")
    assert _imports(tree, "hublink.hubs.scaleway") == {"hublink.events", "hublink.hubs.generic"}
    assert _imports(ast.parse("from . import generic"), "hublink.hubs", True) == {"hublink.hubs.generic"}


@pytest.mark.parametrize("name", sorted(PURE))
def test_a_pure_module_imports_only_pure_ones(name):
    assert _ours(name) - {TABLE} <= PURE
    assert _others(name) <= PURE_BUILTINS


@pytest.mark.parametrize("name", sorted(NET))
def test_the_network_edge_does_not_import_the_device_edge(name):
    assert _ours(name) <= PURE | NET
    assert _others(name) <= NET_BUILTINS


@pytest.mark.parametrize("name", sorted(DEVICE))
def test_the_device_edge_does_not_import_the_network_edge(name):
    assert _ours(name) <= PURE | DEVICE
    assert _others(name) <= DEVICE_BUILTINS


@pytest.mark.parametrize("name", sorted(JOINTS))
def test_the_joints_touch_no_hardware_themselves(name):
    assert _others(name) <= JOINT_BUILTINS


def test_nothing_imports_the_joints_but_what_is_above_them():
    for name in PACKAGE - {TABLE, "hublink.node"}:
        assert not _ours(name) & JOINTS, name
    assert _ours("hublink.node") & JOINTS == {"hublink.uplink"}


def test_imports_of_the_package_make_no_ring():
    done = set()

    def walk(name, way):
        assert name not in way, " -> ".join([*way, name])
        if name not in done:
            for each in sorted(_ours(name) & PACKAGE - {TABLE}):
                walk(each, [*way, name])
            done.add(name)

    for name in sorted(PACKAGE - {TABLE}):
        walk(name, [])


def test_a_node_does_not_load_what_blocks():
    loaded, todo = set(), {"hublink.node"}
    while todo:
        name = todo.pop()
        loaded.add(name)
        todo |= (_ours(name) & PACKAGE) - loaded
    assert not loaded & {"hublink.net.mqtt", "hublink.net.robust"}
    assert not [name for name in loaded if "umqtt" in _others(name)]


def test_modules_are_loaded_by_name_in_the_two_tables_only():
    calling = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in ("__import__", "exec", "eval", "compile")
    }
    assert calling == {TABLE, "hublink.hubs"}


def test_the_table_of_public_names_is_right():
    table = next(
        ast.literal_eval(node.value)
        for node in TREES[TABLE].body
        if isinstance(node, ast.Assign) and node.targets[0].id == "_NAMES"
    )
    for public, module in table.items():
        defined = {getattr(node, "name", None) for node in TREES[f"hublink.{module}"].body}
        assert public in defined, f"{public} is not defined in hublink.{module}"


def test_the_programs_use_the_public_names_only():
    for name in ("main", "app", "boot"):
        assert _ours(name) <= {TABLE}, name


def _imports_of_file(path):
    """(modules of the package, first names of all others) that a file outside the firmware imports."""
    found = _imports(ast.parse(path.read_text("utf-8")))
    ours = {each for each in found if each.partition(".")[0] == "hublink"}
    return ours, {each.partition(".")[0] for each in found - ours}


def test_the_desk_tool_imports_pure_modules_only():
    for path in _sources(paths.ROOT / "tools"):
        if DEVICE_PROGRAMS not in path.parents:
            ours, _ = _imports_of_file(path)
            assert ours <= PURE | {TABLE}, f"{path}: {ours - PURE}"


def test_boards_import_nothing_but_the_device():
    chips = {path.stem for path in paths.BOARDS.glob("chip_*.py")}
    for path in _sources(paths.BOARDS):
        ours, others = _imports_of_file(path)
        assert not ours, path
        assert others <= BOARD_BUILTINS | chips, path


# -- what firmware does without --------------------------------------------------------------------


def _nodes(kinds):
    for path in (*SOURCES.values(), *_sources(paths.BOARDS)):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, kinds):
                yield f"{path.relative_to(paths.ROOT)}:{node.lineno}"


def test_no_assert_in_firmware():
    # Optimisation removes it, and what it should have stopped goes on (style.md, section 3).
    assert list(_nodes(ast.Assert)) == []


def test_no_f_string_in_firmware():
    assert list(_nodes(ast.JoinedStr)) == []


def test_no_annotations_in_firmware():
    assert list(_nodes(ast.AnnAssign)) == []
    annotated = [
        node.name
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.returns or any(arg.annotation for arg in node.args.args + node.args.kwonlyargs))
    ]
    assert annotated == []


def test_no_exception_is_chained_in_firmware():
    # MicroPython warns about `raise ... from` instead of chaining (style.md, section 3).
    chained = [
        f"{name}:{node.lineno}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and node.cause
    ]
    assert chained == []


def test_no_bare_except_in_firmware():
    bare = [
        f"{name}:{node.lineno}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert bare == []


# -- limits ------------------------------------------------------------------------------------------


def _limits():
    return {
        node.targets[0].id
        for node in TREES["hublink.limits"].body
        if isinstance(node, ast.Assign) and not node.targets[0].id.startswith("_")
    }


def _used_limits():
    used = set()
    for name in PACKAGE - {"hublink.limits"}:
        for node in ast.walk(TREES[name]):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == "limits":
                used.add(node.attr)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[-1] == "limits":
                used |= {alias.name for alias in node.names}
    return used


def test_every_limit_is_used():
    assert _limits() - _used_limits() == set()


def test_every_limit_that_is_used_is_there():
    assert _used_limits() - _limits() == set()


def test_every_limit_names_its_unit():
    counted = {"WINDOW", "DNS_TRIES", "SNTP_TRIES", "TROUBLES_MAX", "BOUND_MAX"}
    counted |= {"SPILL_COUNT", "FLASH_COUNT", "FLASH_FILES", "RADIO_FAILURES", "BAD_BOOTS"}
    without = {name for name in _limits() if not name.endswith(("_MS", "_S", "_DAYS", "_LEN"))}
    assert without <= counted
