"""The lines that a board prints, however they arrive."""

import itertools
from types import SimpleNamespace

import pytest
from hublink_desk.deploy import remote

TEXT = "Temperatur 21 °C\r\n€ 𝄞\r\n".encode()


class Serial:
    """A port at which these pieces arrive, one for each read; then Ctrl-C, if that is wanted, or nothing."""

    def __init__(self, pieces, is_interrupted):
        self._pieces, self._is_interrupted = [*pieces], is_interrupted

    @property
    def in_waiting(self):
        if self._is_interrupted and not self._pieces:
            raise KeyboardInterrupt
        return len(self._pieces[0]) if self._pieces else 0

    def read(self, length):
        return self._pieces.pop(0) if length else b""

    def close(self):
        pass


@pytest.fixture
def lines(monkeypatch):
    """Those that come of such pieces, within ten looks at the clock."""
    clock = SimpleNamespace(monotonic=itertools.count().__next__, sleep=lambda _: None)

    def heard(*pieces, is_interrupted=False):
        serial = Serial(pieces, is_interrupted)
        monkeypatch.setattr(remote, "time", clock)
        monkeypatch.setattr(remote, "SerialTransport", lambda *_, **__: SimpleNamespace(serial=serial))
        with remote.Remote("port") as board:
            yield from board.lines(10, to_prompt=False)

    return heard


@pytest.mark.parametrize("length", range(1, len(TEXT)))
def test_characters_are_whole_wherever_a_read_ends(lines, length):
    assert [*lines(TEXT[:length], TEXT[length:])] == ["Temperatur 21 °C", "€ 𝄞"]


def test_what_is_no_text_is_marked(lines):
    assert [*lines(b"\xff\xe2", b"\x82 x\n")] == ["�� x"]


def test_last_line_needs_no_end(lines):
    assert [*lines(b"one\ntw", b"o")] == ["one", "two"]


def test_last_line_needs_no_end_before_ctrl_c(lines):
    found = []
    with pytest.raises(KeyboardInterrupt):
        found.extend(lines(b"one\ntwo", is_interrupted=True))
    assert found == ["one", "two"]
