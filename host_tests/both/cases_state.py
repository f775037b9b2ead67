# state: the last one wins, none comes too soon behind another, none is lost with a connection.
from hublink import ticks
from hublink.outbox import Outbox
from hublink.protocol.session import Session
from hublink.state import State

_START_MS = 0x3FFFFFFF - 4000
_EVERY_MS = 1000


# Of a session what State uses. room: whether it takes a request.
class _Session:
    def __init__(self):
        self.asked_id = 0
        self.room = True
        self.asked = []
        self._last_id = 0

    def check_request(self, topic, payload):
        Session(Outbox(64)).check_request(topic, payload)

    def ask(self, topic, payload, _now_ms, retain):
        if self.asked_id or not self.room:
            return 0
        self._last_id += 1
        self.asked_id = self._last_id
        self.asked.append((topic, payload, retain))
        return self.asked_id


class _Desk:
    def __init__(self):
        self.now_ms = _START_MS
        self.session = _Session()
        self.state = State(self.session, b"t", True, _EVERY_MS)

    # Turns of 10 ms for so long; returns what was sent, and [ms] since the beginning, when.
    def run(self, for_ms=5000, answers=True):
        sent, times_ms = [], []
        for time_ms in range(0, for_ms, 10):
            count = len(self.session.asked)
            self.state.poll(self.now_ms)
            if len(self.session.asked) > count:
                sent.append(self.session.asked[-1][1])
                times_ms.append(time_ms)
            elif answers and self.session.asked_id:
                self.answer()
            self.now_ms = ticks.add(self.now_ms, 10)
        return sent, times_ms

    def answer(self):
        packet_id, self.session.asked_id = self.session.asked_id, 0
        self.state.acked(packet_id)


def case_nothing_set_is_nothing_sent():
    assert _Desk().run() == ([], [])


def case_the_last_one_is_sent_once():
    desk = _Desk()
    for payload in (b"1", b"2", b"3"):
        desk.state.set(payload)
    assert desk.run()[0] == [b"3"]
    assert desk.session.asked == [(b"t", b"3", True)]
    desk.state.set(b"3")
    assert desk.run()[0] == [b"3"]


def case_the_next_one_waits_from_the_answer_on():
    desk = _Desk()
    desk.state.set(b"1")
    desk.run(3000, answers=False)
    desk.state.set(b"2")
    desk.answer()
    sent, times_ms = desk.run()
    assert sent == [b"2"]
    assert times_ms == [_EVERY_MS]


# Ticks wrap: what is more than six days ago must not seem to come yet. polled: online all the while.
def case_days_of_quiet_hold_nothing_back():
    for polled in (True, False):
        for days in (1, 7, 10, 13):
            desk = _Desk()
            desk.state.set(b"1")
            desk.run(100)
            for _ in range(days * 24):
                desk.now_ms = ticks.add(desk.now_ms, 3600000)
                if polled:
                    assert desk.state.poll(desk.now_ms) is False
            desk.state.set(b"2")
            assert desk.run(100) == ([b"2"], [0]), (polled, days)


def case_one_set_while_another_is_under_way_is_sent_behind_it():
    desk = _Desk()
    desk.state.set(b"1")
    desk.run(100, answers=False)
    desk.state.set(b"2")
    desk.answer()
    assert desk.run()[0] == [b"2"]


def case_one_that_the_hub_does_not_take_is_sent_again():
    desk = _Desk()
    desk.state.set(b"1")
    desk.run(100, answers=False)
    desk.session.asked_id = 0  # the connection is gone, or the hub has refused it
    sent, times_ms = desk.run()
    assert (sent, times_ms) == ([b"1"], [_EVERY_MS])


def case_answers_to_others_are_not_its_own():
    desk = _Desk()
    desk.state.set(b"1")
    desk.run(100, answers=False)
    desk.state.acked(99)
    desk.session.asked_id = 99
    assert desk.run(2000, answers=False)[0] == []
    desk.session.asked_id = 0
    assert desk.run()[0] == [b"1"]


def case_it_waits_while_the_session_has_no_room():
    desk = _Desk()
    desk.state.set(b"1")
    desk.session.room = False
    assert desk.run()[0] == []
    desk.session.room = True
    assert desk.run()[0] == [b"1"]


def case_an_announcement_comes_first_and_then_the_state_again():
    desk = _Desk()
    desk.state.announce(b"birth")
    assert desk.run()[0] == [b"birth"]
    desk.state.set(b"1")
    assert desk.run()[0] == [b"1"]
    desk.state.announce(b"birth")
    sent, times_ms = desk.run()
    assert sent == [b"birth", b"1"]
    assert times_ms[1] - times_ms[0] >= _EVERY_MS


def case_one_that_the_hub_lost_is_sent_again():
    desk = _Desk()
    desk.state.announce(None)
    assert desk.run()[0] == []
    desk.state.set(b"1")
    desk.run()
    desk.state.announce(None)
    assert desk.run()[0] == [b"1"]


def case_one_that_is_too_long_is_an_error_and_the_one_before_stays():
    desk = _Desk()
    desk.state.set(b"1")
    try:
        desk.state.set(bytes(2000))
    except ValueError as e:
        assert "expected at most" in str(e), e
    else:
        raise AssertionError
    assert desk.run()[0] == [b"1"]


def case_it_says_while_it_has_something_to_do():
    desk = _Desk()
    assert desk.state.poll(desk.now_ms) is False
    desk.state.set(b"1")
    for _ in range(3):
        assert desk.state.poll(desk.now_ms) is True
    desk.answer()
    assert desk.state.poll(desk.now_ms) is False
