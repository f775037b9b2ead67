"""Collects every `case_*` function of a `cases_*.py` file once per interpreter.

A case file holds plain functions with bare asserts and imports nothing but firmware and device
modules. On CPython each case runs in a world of its own under the shim; on MicroPython one process
runs the selected cases of a file, and each is reported by name: `cases_ticks.py::case_wraps[micropython]`.
"""

import ast

import pytest

from host_tests import shim

from . import interpreters
from .device_run import DeviceFailure, DeviceRun

# A file's cases together take a second or two; a process that takes longer than this hangs.
DEADLINE_S = 60


def is_case_file(path):
    return path.match("cases_*.py")


class CaseFile(pytest.File):
    """A case file; remembers the process that ran it on each interpreter."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._runs = {}

    def collect(self):
        cases = self._cases()
        for interpreter in interpreters.INTERPRETERS:
            for case, line in cases.items():
                name = f"{case}[{interpreter}]"
                yield CaseItem.from_parent(self, name=name, case=case, interpreter=interpreter, line=line)

    # Case name -> line number from 0. Read without running the file: it is firmware's.
    def _cases(self):
        try:
            tree = ast.parse(self.path.read_text("utf-8"))
        except SyntaxError as exc:
            raise self.CollectError(f"{self.path}, line {exc.lineno}: {exc.msg}") from None
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        found = [node for node in functions if node.name.startswith("case_")]
        if not found:
            raise self.CollectError(f"{self.path} holds no function called case_<behaviour>")
        cases = {node.name: node.lineno - 1 for node in found}
        if len(cases) < len(found):
            raise self.CollectError(f"{self.path} defines a case twice: the second would hide the first")
        return cases

    # The one process that runs all selected cases of this file on this interpreter.
    def device_run(self, interpreter):
        if interpreter not in self._runs:
            selected = [
                item.case
                for item in self.session.items
                if item.parent is self and item.interpreter == interpreter
            ]
            self._runs[interpreter] = DeviceRun(interpreter, self.path, selected, DEADLINE_S)
        return self._runs[interpreter]


class CaseItem(pytest.Item):
    """One case on one interpreter."""

    def __init__(self, *, case, interpreter, line, **kwargs):
        super().__init__(**kwargs)
        self.case = case
        self.interpreter = interpreter
        self._line = line

    def runtest(self):
        interpreters.needs(self.interpreter)
        if self.interpreter == interpreters.CPYTHON:
            self._run_under_shim()
        else:
            self.parent.device_run(self.interpreter).check(self.case)

    def _run_under_shim(self):
        with shim.install() as device:
            device.run(self.path, name=self.path.stem)[self.case]()

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, DeviceFailure):
            return str(excinfo.value)
        # From the case on: what is above it is this file's and the shim's.
        excinfo.traceback = excinfo.traceback.cut(path=self.path).filter(excinfo)
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, self._line, self.name
