"""docs/umqtt.md says of each deficiency what became of it, and names the test that shows it."""

import ast
import re
from pathlib import Path

from hublink_desk import paths

PAGE = (paths.ROOT / "docs" / "umqtt.md").read_text("utf-8")
# number, what becomes of it, names of tests
ROW = re.compile(r"^\| (\d+) \| .* \| (Cured|Kept|Refused)[ .:].* \| `(.+)` \|$", re.MULTILINE)
NUMBERED = re.compile(r"test_(\d\d)_\w+")


def numbered_tests():
    """Name -> source of each test of a deficiency in this folder."""
    found = {}
    for path in Path(__file__).parent.glob("test_*.py"):
        text = path.read_text("utf-8")
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and NUMBERED.fullmatch(node.name):
                found[node.name] = ast.get_source_segment(text, node)
    return found


def test_every_deficiency_has_one_row():
    assert [int(number) for number, _, _ in ROW.findall(PAGE)] == list(range(1, 24))


def test_the_rows_name_the_tests_that_there_are():
    named = {}
    for number, _, names in ROW.findall(PAGE):
        for name in names.split("`, `"):
            named[name] = int(number)
    assert named == {name: int(NUMBERED.fullmatch(name)[1]) for name in numbered_tests()}


def test_each_of_them_shows_the_deficiency_in_umqtt_itself():
    for name, source in numbered_tests().items():
        assert source.startswith(f"def {name}(way"), name
        assert "way.is_original" in source, name
