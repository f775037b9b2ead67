"""The import graph of a program for the device, read from its sources. Nothing is run."""

import ast
from functools import cache

from .. import paths
from ..errors import DeskError

_PACKAGE = "hublink"


class Graph:
    """Modules and what they import, wherever they do: at their top or in a function.

    Args:
        folders: list of Path where modules are found, the first ones first.
        modules: dict of module name -> Path, of modules that lie elsewhere.
    """

    def __init__(self, folders, modules):
        self._folders = folders
        self._modules = modules

    def find(self, name):
        """Path of a module's source; None for one that the board itself has."""
        if name in self._modules:
            return self._modules[name]
        for folder in self._folders:
            place = folder.joinpath(*name.split("."))
            for path in (place / "__init__.py", place.with_suffix(".py")):
                if path.is_file():
                    return path
        return None

    def reach(self, names, without=()):
        """What is loaded when the modules of these names are.

        Args:
            names: iterable of dotted names.
            without: names that are never loaded.

        Returns:
            dict of dotted name -> Path of its source, packages included, sorted by name.
        """
        found, todo = {}, list(names)
        while todo:
            name = todo.pop()
            path = None if name in found or name in without else self.find(name)
            if path:
                found[name] = path
                todo += self.imports(path, name)
                todo.append(name.rpartition(".")[0])
        return dict(sorted(found.items()))

    def imports(self, path, name=""):
        """Names of the modules that a source imports; some may not exist."""
        found = set()
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = _base(node, package)
                found.add(base)
                found |= {self._member(base, alias.name) for alias in node.names}
            elif isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == _PACKAGE:
                found.add(self._member(_PACKAGE, node.attr))
        return found

    def _member(self, module, name):
        """The module that `from module import name` loads; the package has a table of its names."""
        table = public_names() if module == _PACKAGE else {}
        return f"{module}.{table.get(name, name)}"


def _base(node, package):
    """The module that `from ... import` names."""
    if not node.level:
        return node.module
    parts = package.split(".")
    parts = parts[: len(parts) - node.level + 1]
    return ".".join(parts + ([node.module] if node.module else []))


def tree(path):
    """The syntax tree of a source. Raises DeskError if it has none."""
    try:
        return ast.parse(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise DeskError(f"{path} cannot be read ({error.strerror}); expected a Python source.") from error
    except SyntaxError as error:
        raise DeskError(f"{path} does not compile: line {error.lineno}: {error.msg}.") from error
    except ValueError as error:  # not UTF-8
        raise DeskError(f"{path} does not compile: {error}.") from error


@cache
def public_names():
    """dict: public name of the package -> module that has it, in the package."""
    return _constant("_NAMES")


def version():
    """The firmware's version, a text."""
    return _constant("VERSION")


def _constant(name):
    for node in tree(paths.FIRMWARE / _PACKAGE / "__init__.py").body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise KeyError(name)
