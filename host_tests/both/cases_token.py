# token: when a new one is made, and that an old one never passes for it.
from hublink.token import Token

_NOW_S = 1798761600
_LIFE_S = 1200


# As a hub does it.
def _sign(now_s, until_s):
    for _ in range(9):
        yield None
    yield b"%d-%d" % (now_s, until_s)


def _token():
    return Token(_sign, _LIFE_S)


# How many slices it took.
def _made(token, now_s):
    slices = 1
    while not token.make(now_s):
        slices += 1
    return slices


# When it was issued, and until when it is good.
def _times(token):
    return [int(part) for part in token.value.split(b"-")]


def case_it_is_made_in_slices_and_then_there():
    token = _token()
    assert token.is_old(_NOW_S)
    assert _made(token, _NOW_S) == 10
    assert _times(token) == [_NOW_S, _NOW_S + _LIFE_S]
    value = token.value
    assert _made(token, _NOW_S + 959) == 1
    assert token.value is value


def case_it_is_old_after_80_percent_of_its_life():
    token = _token()
    _made(token, _NOW_S)
    for now_s, old in ((0, False), (959, False), (960, True), (5000, True)):
        assert token.is_old(_NOW_S + now_s) == old, now_s
    _made(token, _NOW_S + 960)
    assert _times(token)[0] == _NOW_S + 960
    assert not token.is_old(_NOW_S + 960)


def case_it_is_old_when_the_clock_was_far_ahead():
    token = _token()
    _made(token, _NOW_S)
    for now_s, old in ((-10, False), (-959, False), (-960, True)):
        assert token.is_old(_NOW_S + now_s) == old, now_s


def case_a_dropped_one_is_made_anew():
    token = _token()
    _made(token, _NOW_S)
    token.drop()
    assert token.is_old(_NOW_S)
    _made(token, _NOW_S + 1)
    assert _times(token)[0] == _NOW_S + 1


def case_the_old_one_is_not_there_while_the_next_is_made():
    token = _token()
    _made(token, _NOW_S)
    later_s = _NOW_S + 1000
    assert not token.make(later_s)
    assert token.is_old(later_s)
    assert token.value is None


def case_one_whose_making_was_interrupted_for_long_is_made_once_more():
    token = _token()
    token.make(_NOW_S)
    later_s = _NOW_S + 5000
    _made(token, later_s)
    assert _times(token)[0] == later_s
