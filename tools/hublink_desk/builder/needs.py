"""Which modules a program needs on a board with a given configuration.

The import graph tells, but for what is loaded by name or only sometimes: the tables here do.
"""

import ast

from .. import device_code, paths
from .graph import Graph, tree

# The REPL's way out of the loop, as the firmware itself tells it to people.
_ALWAYS = ("board", "hublink.device.maintenance")

_HUBS = "hublink.hubs"  # loads those that the configuration names


def _has_gateway(settings, attributes):
    return settings["hub"].get("gateway", "gateway" in attributes)


def _takes_tokens(settings, _attributes):
    return device_code.takes_tokens(settings)


# Modules that are loaded in a function -> does that happen? settings: checked configuration; attributes:
# names that the program uses of objects. All other modules are taken wherever they are imported.
_ONLY_IF = {
    "hublink.gateway": _has_gateway,
    "hublink.protocol.der": _takes_tokens,
    "hublink.protocol.jwt": _takes_tokens,
    "hublink.token": _takes_tokens,
}


def needed_modules(program, board, settings=None):
    """The modules of a program.

    Args:
        program: Path of its main.py; modules beside it belong to it.
        board: Board.
        settings: checked configuration; None for any.

    Returns:
        dict of dotted module name -> Path of its source, sorted.

    Raises:
        DeskError: the program, or a module of it, cannot be read.
    """
    umqtt = [] if board.has_umqtt else [paths.umqtt_dir()]
    graph = Graph([program.parent, paths.FIRMWARE, *umqtt], board.modules)
    own = graph.imports(program)
    starts = {*_ALWAYS, *own}
    if _HUBS in graph.reach(starts):
        starts |= _hubs(settings)
    sources = [program, *(path for path in graph.reach(own).values() if path.parent == program.parent)]
    return graph.reach(starts, without=_left_out(settings, _attributes(sources)))


def not_frozen(modules, board):
    """Those of the modules (dict of name -> Path) that the manifest of a board does not freeze."""
    frozen = {"hublink", "umqtt", *board.modules}
    return {name: path for name, path in modules.items() if name.partition(".")[0] not in frozen}


def configured_modules(settings):
    """Names of the modules that not every node needs, but one with this checked configuration."""
    hubs = _hubs(settings)
    found = Graph([paths.FIRMWARE], {}).reach({"hublink.node", *hubs}, without=_left_out(settings, ()))
    return {*hubs, *_ONLY_IF} & {*found}


def _hubs(settings):
    """Names of the modules of the hubs that may be asked for."""
    if settings is None:
        return {f"{_HUBS}.{name}" for name in device_code.hub_names()}
    hub = settings["hub"]
    return {f"{_HUBS}.{hub[setting]}" for setting in ("type", "errors_parser") if setting in hub}


def _left_out(settings, attributes):
    if settings is None:
        return ()
    return [name for name, is_loaded in _ONLY_IF.items() if not is_loaded(settings, attributes)]


def _attributes(sources):
    nodes = (node for path in sources for node in ast.walk(tree(path)))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute)}
