"""`events.follower`: each event is shown once, over a restart too; nothing is noted that was not shown."""

import json
import shutil
import threading
from collections import Counter

import pytest
from hublink_desk.errors import DeskError
from hublink_desk.events import follower as module
from hublink_desk.events.follower import Follower
from hublink_desk.events.record import posted

from host_tests.system.desk_hub_parts import PATIENCE_S, wait_until
from host_tests.unit.test_events_order import record


def run(follower, *batches):
    """Hand the batches in, one after the other, and end."""
    answers = []

    def hand_in():
        answers.extend(follower.take(list(batch)) for batch in batches)
        follower.end()

    thread = threading.Thread(target=hand_in)
    thread.start()
    try:
        follower.run()
    finally:
        thread.join()
    return answers


def ids(shown):
    return [(each.id, is_late) for each, is_late in shown]


def follow(*batches, path=None, wants=lambda record: True):
    """(what was shown, the Follower)."""
    shown = []
    follower = Follower(wants, lambda *what: shown.append(what), path)
    assert run(follower, *batches) == [True] * len(batches)
    return ids(shown), follower


A, B, C = (record(kind, number) for kind, number in (("Connected", 1), ("Disconnected", 2), ("Connected", 3)))


def test_each_event_is_shown_once_and_late_ones_are_marked():
    shown, follower = follow([A, C, A], [], [B, C])
    assert shown == [(A.id, False), (C.id, False), (B.id, True)]
    assert follower.counts == Counter(shown=3, duplicate=2, late=1)
    assert follower.order.states() == {"h/d1": "connected"}


def test_what_is_not_wanted_is_noted_all_the_same():
    shown, follower = follow([A, B], [B], wants=lambda record: record is A)
    assert shown == [(A.id, False)]
    assert follower.counts == Counter(shown=1, filtered=1, duplicate=1)
    assert follower.order.states() == {"h/d1": "disconnected"}


def test_what_is_no_event_is_shown_whenever_it_comes():
    shown, follower = follow(posted(b"x"), posted(b"x"))
    assert shown == [(None, False), (None, False)]
    assert follower.counts == Counter(shown=2, unparsed=2)


def test_what_was_known_is_known_after_a_restart(tmp_path):
    path = tmp_path / "state"
    follow([A, B], path=path)
    shown, _ = follow([B, A, C], path=path)
    assert shown == [(C.id, False)]
    assert json.loads(path.read_bytes())["devices"]["h/d1"]["state"] == "connected"
    assert [each.name for each in tmp_path.iterdir()] == ["state"]


def test_it_is_written_at_once_and_then_when_there_is_something_new(tmp_path):
    path = tmp_path / "state"
    for batch in ([], [A]):
        follower = Follower(None, None, path)
        path.unlink()
        run(follower, batch)
        assert not path.exists()
        follow([A], path=path)


def test_it_is_written_while_it_runs_without_a_pause(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SAVE_S", 0.0)
    path, written = tmp_path / "state", []
    follower = Follower(lambda record: True, lambda *_: written.append(path.exists()), path)
    path.unlink()  # what was written at once
    for each in (A, B):  # both are there before it runs
        follower._inbox.put(module._Batch([each], threading.Event()))
    follower.end()
    follower.run()
    assert written == [False, True]


def test_it_is_written_when_nothing_more_comes(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SAVE_S", 0.01)
    path = tmp_path / "state"
    follower = Follower(lambda record: True, lambda *_: None, path)
    path.unlink()  # what was written at once

    def hand_in():
        follower.take([A])
        wait_until(path.exists)
        follower.end()

    thread = threading.Thread(target=hand_in)
    thread.start()
    follower.run()
    thread.join()


def test_what_could_not_be_shown_was_not_seen(tmp_path):
    """As when the terminal is closed: whoever handed it in hears so, and it is shown the next time."""

    def show(record, _is_late):
        if record is B:
            raise BrokenPipeError

    path, answers = tmp_path / "state", []
    follower = Follower(lambda record: True, show, path)
    thread = threading.Thread(target=lambda: answers.append(follower.take([A, B])))
    thread.start()
    with pytest.raises(BrokenPipeError):
        follower.run()
    thread.join(PATIENCE_S)
    assert answers == [False]
    assert follow([A, B], path=path)[0] == [(B.id, False)]


@pytest.mark.parametrize("text", ["", "x", "[]", '{"ids": []}', "[" * 100_000])
def test_file_that_is_something_else_is_one_sentence(tmp_path, text):
    path = tmp_path / "state"
    path.write_text(text)
    with pytest.raises(DeskError) as error:
        Follower(None, None, path)
    assert error.value.message == f"{path} holds no state of `hublink events`."
    assert path.read_text() == text


def test_file_that_cannot_be_read_or_written_is_one_sentence(tmp_path):
    with pytest.raises(DeskError, match="cannot be read"):
        Follower(None, None, tmp_path)
    path = tmp_path / "folder" / "state"
    with pytest.raises(DeskError, match="Cannot write into"):  # before anything comes
        Follower(None, None, path)
    path.parent.mkdir()
    follower = Follower(lambda record: True, lambda *_: None, path)
    shutil.rmtree(path.parent)
    with pytest.raises(DeskError, match="Cannot write into"):
        run(follower, [A])
