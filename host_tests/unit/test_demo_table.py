"""The demo's table shows what a node has said as it is."""

from types import SimpleNamespace

from hublink_desk.demo import checks
from rich.console import Console


def test_words_in_brackets_are_words():
    demo = SimpleNamespace(HUB="generic", results={"first": (False, "said [/red] :ab: [x]\nmore")})
    console = Console(width=100)
    with console.capture() as shown:
        console.print(checks.Demo.table(demo))
    assert "said [/red] :ab: [x]" in shown.get()
    assert "more" not in shown.get()
