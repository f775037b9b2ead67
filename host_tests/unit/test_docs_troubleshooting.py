"""docs/troubleshooting.md knows every word that a node can report, and quotes nothing that nobody says."""

import ast
import re
from pathlib import Path

import esptool.cmds
import pytest
from hublink_desk import paths

PAGE = (paths.ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
NODE, DESK = (PAGE.split(f"\n## {heading} says\n")[0] for heading in ("What the desk", "What MicroPython"))
DESK = DESK[len(NODE) :]
# Hubs and the configuration have words of their own, which are none of these.
PACKAGE = paths.FIRMWARE / "hublink"
FIRMWARE = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE / "hubs"]
FIRMWARE = [path for path in FIRMWARE if path.name not in ("config.py", "events.py")]
CHIPS = sorted(paths.BOARDS.glob("chip_*.py"))

WORD = re.compile(r"[a-z]+(_[a-z0-9%]+)*_?")
# Who is handed a reason as the first of the arguments that are words.
CALLS = {"fail", "_fail", "_failed", "give_up", "trouble", "_trouble", "event"}
CALLS |= {"_next_address", "_deadline", "_finish", "Question"}
LOSSES = {"lose", "_skip_to"}
NAMES = {"error", "_error", "reason"}
# Functions that return a reason; those of the others that return words are no reasons.
RETURNS = {"classify", "_of_number", "reply", "parse", "poll", "wifi_trouble", "_getaddrinfo", "tick"}


def words(node):
    """The texts below a node that are single words."""
    texts = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and WORD.fullmatch(text)]


def name_of(node):
    return getattr(node, "attr", getattr(node, "id", ""))


def nodes(kind, paths_of):
    for path in paths_of:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, kind):
                yield node


def in_calls(names):
    """The first word that each call of a function of these names is given."""
    found = set()
    for call in nodes(ast.Call, FIRMWARE):
        if name_of(call.func) in names:
            found |= {*[word for given in call.args for word in words(given)][:1]}
    return found


def in_returns(names, paths_of):
    found = set()
    for function in nodes(ast.FunctionDef, paths_of):
        if function.name in names:
            for node in ast.walk(function):
                if isinstance(node, ast.Return) and node.value:
                    found |= {*words(node.value)}
    return found


def reasons():
    """Every word that `trouble` or `link -> DOWN` can name; N and NAME stand for what is filled in."""
    found = in_calls(CALLS) | in_returns(RETURNS, FIRMWARE + CHIPS)
    for assignment in nodes(ast.Assign, FIRMWARE):
        if name_of(assignment.targets[0]) in NAMES and not isinstance(assignment.value, ast.Call):
            found |= {*words(assignment.value)}
    return {re.sub("_$", "_NAME", reason.replace("%d", "N")) for reason in found}


def told(section, heading):
    """What stands in backquotes in the first column of the table with that heading."""
    table = section.split(f"| {heading} |")[1].split("\n\n")[0]
    rows = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `")]
    return [text for row in rows for text in re.findall(r"`(.+?)`", row)]


def test_reasons_are_found_wherever_they_arise():
    assert {
        "attach_failed", "bad_length", "bad_topic", "certificate_expired", "connack_N", "dns_refused",
        "dns_timeout", "handler_raised", "out_of_memory", "puback_timeout", "reset_in_handshake",
        "safe_mode", "sensor_NAME", "sntp_no_server", "sntp_zero_time", "start", "tls_N", "wifi_error",
        "wifi_lost", "wifi_no_such_network",
    } <= reasons()  # fmt: skip


def test_every_reason_is_there_once_and_no_other():
    there = told(NODE, "reason")
    assert len(there) == len(set(there))
    assert set(there) == reasons()


def test_every_cause_of_a_loss_is_there():
    assert set(told(NODE.split("`lost` in")[1], "cause")) == in_calls(LOSSES)


def test_every_cause_of_a_reset_is_there():
    assert set(told(NODE.split("`cause` in")[1], "cause")) == {
        word for path in CHIPS for word in resets(path)
    }


def resets(path):
    for function in nodes(ast.FunctionDef, [path]):
        if function.name == "reset_cause":
            yield from words(function)


# -- what the desk says --------------------------------------------------------------------------------


def said():
    """All pieces of text in our own code and esptool's, what is filled in left out, one a line."""
    sources = [*(paths.ROOT / "tools" / "hublink_desk").rglob("*.py"), *paths.FIRMWARE.rglob("*.py")]
    sources.append(Path(esptool.cmds.__file__))
    texts = [node.value for node in nodes(ast.Constant, sources) if isinstance(node.value, str)]
    return "\n".join(piece for text in texts for piece in text.split("%s"))


SAID = said()
# Words that stand for something else in a text of the page.
FILLED_IN = r"\b(?:PORT|FILE|FOLDER|BOARD|SETTING|N|30|RPI-RP2|RPI_PICO_W|RP2350|RP2040|ESP32(?:-\w\d)?)\b"


@pytest.mark.parametrize("text", told(DESK, "text"))
def test_what_the_desk_says_is_said_somewhere(text):
    for piece in re.split(FILLED_IN, text):
        assert piece.strip() in SAID, piece
