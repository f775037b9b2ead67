"""Hands case files to the collector: found in a folder, or named on the command line."""

from host_tests.both.collector import CaseFile, is_case_file


# A file named on the command line comes through pytest's own collector, below.
def pytest_collect_file(file_path, parent):
    if is_case_file(file_path) and not parent.session.isinitpath(file_path):
        return CaseFile.from_parent(parent, path=file_path)
    return None


def pytest_pycollect_makemodule(module_path, parent):
    return CaseFile.from_parent(parent, path=module_path) if is_case_file(module_path) else None
