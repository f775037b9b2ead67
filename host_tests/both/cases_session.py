# session: connecting, subscribing, presence, leaving. What the hub says is written by hand.
from hublink.outbox import Outbox
from hublink.protocol import packets, session
from hublink.protocol.session import CONNECTING, DEAD, IDLE, UP, Session

_NOW_MS = 0x3FFFFFFF - 4000
_CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01d"
_CONNACK = b"\x20\x02\x00\x00"
_ASKED = [(b"a/b", 0), (b"c/#", 1)]
_SUBSCRIBE = b"\x82\x0e\x00\x01\x00\x03a/b\x00\x00\x03c/#\x01"


# Gives the session data in pieces of at most piece_len; returns how much of it was taken.
def _feed(to, data, piece_len=100_000):
    at = 0
    while at < len(data) and to.may_read():
        n = min(to.reader.want, piece_len, len(data) - at)
        for i in range(n):
            to.reader.into[i] = data[at + i]
        at += n
        to.received(n, _NOW_MS)
    return at


# Everything the session wants to write now.
def _written(of):
    out = b""
    while of.tx(_NOW_MS):
        assert of.tx_at + of.tx_len <= len(of.tx_buf)
        out += bytes(of.tx_buf[of.tx_at : of.tx_at + of.tx_len])
        of.sent(of.tx_len, _NOW_MS)
    return out


def _connecting():
    new = Session(Outbox(256))
    new.connect(_NOW_MS, b"d", None, None, 60, True, None)
    return new


def _up():
    new = _connecting()
    _written(new)
    _feed(new, _CONNACK)
    assert new.state == UP
    return new


# A session that notes all its handlers are told.
def _noting(of):
    notes = []
    of.on_message = lambda message: notes.append(("message", message.topic(), message.payload()))
    of.on_ack = lambda packet_id: notes.append(("ack", packet_id))
    of.on_suback = lambda packet_id, index, code: notes.append(("suback", packet_id, index, code))
    of.on_unsuback = lambda packet_id: notes.append(("unsuback", packet_id))
    return notes


def _refusal(function, *arguments):
    try:
        function(*arguments)
    except ValueError as e:
        return str(e)
    raise AssertionError("it was taken")


# -- connecting ----------------------------------------------------------------------------------


def case_connect_is_the_first_thing_written():
    new = _connecting()
    assert new.state == CONNECTING
    assert not new.connect_sent()
    assert _written(new) == _CONNECT
    assert new.connect_sent()


def case_nothing_follows_connect_before_the_hub_answers():
    new = _connecting()
    new.outbox.put(b"t", b"x", 0, False)
    new.ping()
    assert _written(new) == _CONNECT
    assert not new.tx(_NOW_MS)
    assert not new.announce(b"t", b"x", False)
    assert not new.subscribe(packets.SUBSCRIBE, _ASKED, _NOW_MS)


def case_connect_carries_user_password_and_will():
    new = Session(Outbox(64))
    new.connect(_NOW_MS, b"dev", b"me", b"pw", 300, False, (b"t/w", b"gone", 1, False))
    assert _written(new) == (
        b"\x10\x22\x00\x04MQTT\x04\xcc\x01\x2c\x00\x03dev\x00\x03t/w\x00\x04gone\x00\x02me\x00\x02pw"
    )


def case_an_accepted_connection_is_up():
    for piece_len in (1, 2, 3, 4):
        new = _connecting()
        _written(new)
        assert _feed(new, _CONNACK, piece_len) == 4
        assert (new.state, new.error, new.connack_code) == (UP, None, 0)
        assert new.session_present is False


def case_half_a_connack_is_none():
    for length in range(4):
        new = _connecting()
        _written(new)
        _feed(new, _CONNACK[:length])
        assert new.state == CONNECTING


def case_a_session_that_the_hub_kept_is_reported():
    new = Session(Outbox(64))
    new.connect(_NOW_MS, b"d", None, None, 60, False, None)
    _written(new)
    _feed(new, b"\x20\x02\x01\x00")
    assert new.state == UP
    assert new.session_present is True
    new.close()
    assert new.session_present is False


def case_a_refusal_ends_it_and_its_code_is_kept():
    for code in (1, 2, 3, 4, 5, 6, 19, 255):
        new = _connecting()
        _written(new)
        _feed(new, b"\x20\x02\x00" + bytes([code]))
        assert (new.state, new.error, new.connack_code) == (DEAD, "refused", code)
        assert not new.may_read()
        assert not new.tx(_NOW_MS)


def case_a_malformed_connack_ends_it():
    for connack in (
        b"\x20\x02\x01\x05",  # 3.2.2-4: no session in a refusal
        b"\x20\x02\x02\x00",  # reserved bits
        b"\x20\x02\xff\x00",
        b"\x21\x02\x00\x00",  # reserved flags
        b"\x2f\x02\x00\x00",
        b"\x20\x00",
        b"\x20\x01\x00",
        b"\x20\x03\x00\x00\x00",
        b"\x20\x82\x08" + bytes(1026),
    ):
        new = _connecting()
        _written(new)
        _feed(new, connack)
        assert (new.state, new.error, new.connack_code) == (DEAD, "bad_connack", -1), connack


def case_any_other_packet_before_connack_ends_it():
    for packet in (
        b"\x30\x03\x00\x01t",
        b"\x40\x02\x00\x01",
        b"\x90\x03\x00\x01\x00",
        b"\xb0\x02\x00\x01",
        b"\xd0\x00",
        b"\x10\x02\x00\x00",
        b"\xe0\x00",
        b"\x00\x02\x00\x00",
        b"\xf0\x02\x00\x00",
    ):
        new = _connecting()
        _written(new)
        notes = _noting(new)
        _feed(new, packet)
        assert (new.state, new.error) == (DEAD, "bad_connack"), packet
        assert notes == []


def case_a_second_connack_ends_it():
    new = _up()
    _feed(new, _CONNACK)
    assert (new.state, new.error) == (DEAD, "unexpected_packet")


def case_what_follows_connack_at_once_is_read():
    new = _connecting()
    _written(new)
    notes = _noting(new)
    _feed(new, _CONNACK + b"\x30\x04\x00\x01tx")
    assert notes == [("message", b"t", b"x")]


def case_a_connect_that_does_not_fit_raises_and_leaves_it_idle():
    new = _up()
    assert "1025 bytes, expected at most 1024" in _refusal(
        new.connect, _NOW_MS, b"d" * (1025 - 15), None, None, 60, True, None
    )
    assert new.state == IDLE
    assert not new.tx(_NOW_MS)
    new.connect(_NOW_MS, b"d" * (1024 - 15), None, None, 60, True, None)
    assert len(_written(new)) == 1024


def case_closing_forgets_everything_of_the_connection():
    new = _up()
    new.outbox.put(b"t", b"x", 1, False)
    assert new.subscribe(packets.SUBSCRIBE, _ASKED, _NOW_MS)
    new.ping()
    _written(new)
    _feed(new, b"\x32\x09\x00\x03a/b\x00\x07hi\x32")  # an acknowledgement owed, half a packet
    new.close()
    assert (new.state, new.error, new.in_flight, new.connack_code) == (IDLE, None, 0, -1)
    assert new.session_present is False
    assert not new.tx(_NOW_MS)
    assert not new.may_read()
    new.connect(_NOW_MS, b"d", None, None, 60, True, None)
    assert _written(new) == _CONNECT
    assert _feed(new, _CONNACK) == 4
    assert new.state == UP
    assert _written(new)[:1] == b"\x32"  # the message, and no acknowledgement before it
    assert new.check(_NOW_MS) > 10_000  # neither ping nor SUBACK is waited for


def case_connecting_anew_needs_no_close():
    new = _up()
    new.connect(_NOW_MS, b"d", None, None, 60, True, None)
    assert new.state == CONNECTING
    assert _written(new) == _CONNECT


def case_a_dead_session_can_connect_again():
    new = _up()
    _feed(new, b"\x00\x00")
    assert new.state == DEAD
    new.close()
    new.connect(_NOW_MS, b"d", None, None, 60, True, None)
    _written(new)
    _feed(new, _CONNACK)
    assert (new.state, new.error) == (UP, None)


def case_the_first_reason_is_kept():
    new = _up()
    new.fail("one")
    new.fail("two")
    assert (new.state, new.error) == (DEAD, "one")


# -- subscribing ---------------------------------------------------------------------------------


def case_subscribe_is_written_and_its_answers_are_told():
    new = _up()
    notes = _noting(new)
    assert new.subscribe(packets.SUBSCRIBE, _ASKED, _NOW_MS) == 1
    assert _written(new) == _SUBSCRIBE
    _feed(new, b"\x90\x04\x00\x01\x00\x80", 1)
    assert notes == [("suback", 1, 0, 0), ("suback", 1, 1, 128)]
    assert new.state == UP


def case_unsubscribe_is_written_and_its_answer_is_told():
    new = _up()
    notes = _noting(new)
    assert new.subscribe(packets.UNSUBSCRIBE, _ASKED, _NOW_MS) == 1
    assert _written(new) == b"\xa2\x0c\x00\x01\x00\x03a/b\x00\x03c/#"
    _feed(new, b"\xb0\x02\x00\x01")
    assert notes == [("unsuback", 1)]
    assert new.state == UP


def case_every_answer_of_a_hub_is_told():
    for code in (0, 1, 2, 128):
        new = _up()
        notes = _noting(new)
        new.subscribe(packets.SUBSCRIBE, [(b"t", 1)], _NOW_MS)
        _written(new)
        _feed(new, b"\x90\x03\x00\x01" + bytes([code]))
        assert notes == [("suback", 1, 0, code)]


def case_one_subscription_is_asked_for_at_a_time():
    new = _up()
    assert new.subscribe(packets.SUBSCRIBE, _ASKED, _NOW_MS) == 1
    assert new.subscribe(packets.SUBSCRIBE, _ASKED, _NOW_MS) == 0
    _written(new)
    assert new.subscribe(packets.UNSUBSCRIBE, _ASKED, _NOW_MS) == 0
    _feed(new, b"\x90\x04\x00\x01\x00\x01")
    assert new.subscribe(packets.UNSUBSCRIBE, _ASKED, _NOW_MS) == 2


def case_a_subscription_that_does_not_fit_raises_and_is_not_begun():
    new = _up()
    for kind in (packets.SUBSCRIBE, packets.UNSUBSCRIBE):
        assert "expected at most 1024" in _refusal(new.subscribe, kind, [(b"t" * 1024, 0)], _NOW_MS)
    assert new.subscribe(packets.SUBSCRIBE, _ASKED, _NOW_MS) == 1
    assert _written(new) == _SUBSCRIBE


def case_answers_nobody_asked_for_end_it():
    for answer in (b"\x90\x03\x00\x01\x00", b"\xb0\x02\x00\x01"):
        new = _up()
        notes = _noting(new)
        _feed(new, answer)
        assert (new.state, new.error, notes) == (DEAD, "bad_suback", []), answer


def case_malformed_answers_to_subscribe_end_it():
    for answer in (
        b"\x90\x04\x00\x02\x00\x00",  # another packet id
        b"\x90\x04\x01\x01\x00\x00",
        b"\x90\x04\x00\x00\x00\x00",
        b"\xb0\x02\x00\x01",  # UNSUBACK
        b"\x90\x00",
        b"\x90\x01\x00",
        b"\x90\x02\x00\x01",
        b"\x90\x04\x00\x01\x03\x00",  # 3.9.3-2: reserved codes
        b"\x90\x04\x00\x01\x7f\x00",
        b"\x90\x04\x00\x01\x81\x00",
        b"\x90\x04\x00\x01\x00\xff",
    ):
        new = _up()
        new.subscribe(packets.SUBSCRIBE, _ASKED, _NOW_MS)
        _written(new)
        _feed(new, answer)
        assert (new.state, new.error) == (DEAD, "bad_suback"), answer


def case_an_answer_with_a_bad_code_tells_nothing_more():
    new = _up()
    notes = _noting(new)
    new.subscribe(packets.SUBSCRIBE, _ASKED, _NOW_MS)
    _written(new)
    _feed(new, b"\x90\x04\x00\x01\x03\x00")
    assert new.error == "bad_suback"
    assert notes == []


def case_an_answer_must_have_a_code_for_each_filter():
    # 3.9.3: the codes stand for the filters, one each. A handler that counts them must be able to.
    for answer in (b"\x90\x03\x00\x01\x00", b"\x90\x05\x00\x01\x00\x00\x00", b"\x90\x05\x00\x01\x80\x80\x80"):
        new = _up()
        notes = _noting(new)
        new.subscribe(packets.SUBSCRIBE, _ASKED, _NOW_MS)
        _written(new)
        _feed(new, answer)
        assert (new.state, new.error, notes) == (DEAD, "bad_suback", []), answer


def case_malformed_answers_to_unsubscribe_end_it():
    for answer in (
        b"\xb0\x02\x00\x02",
        b"\xb0\x03\x00\x01\x00",
        b"\xb0\x01\x00",
        b"\xb0\x00",
        b"\x90\x03\x00\x01\x00",
    ):
        new = _up()
        new.subscribe(packets.UNSUBSCRIBE, _ASKED, _NOW_MS)
        _written(new)
        _feed(new, answer)
        assert (new.state, new.error) == (DEAD, "bad_suback"), answer


def case_an_answer_is_taken_once():
    new = _up()
    new.subscribe(packets.SUBSCRIBE, _ASKED, _NOW_MS)
    _written(new)
    _feed(new, b"\x90\x04\x00\x01\x00\x00" * 2)
    assert new.error == "bad_suback"


def case_answers_without_a_handler_are_taken():
    new = _up()
    new.outbox.put(b"t", b"x", 1, False)
    for kind, answer in (
        (packets.SUBSCRIBE, b"\x90\x04\x00\x01\x00\x00"),
        (packets.UNSUBSCRIBE, b"\xb0\x02\x00\x03"),
    ):
        assert new.subscribe(kind, _ASKED, _NOW_MS)
        _written(new)
        _feed(new, answer + b"\x40\x02\x00\x02")
        assert new.state == UP
    assert new.outbox.count == 0


def case_subscribing_from_the_handler_of_the_answer():
    new = _up()
    ids = []
    new.on_suback = lambda *_: ids.append(new.subscribe(packets.SUBSCRIBE, [(b"t", 0)], _NOW_MS))
    new.subscribe(packets.SUBSCRIBE, [(b"t", 0)], _NOW_MS)
    _written(new)
    _feed(new, b"\x90\x03\x00\x01\x00")
    assert ids == [2]
    assert _written(new) == b"\x82\x06\x00\x02\x00\x01t\x00"


# -- presence ------------------------------------------------------------------------------------


def case_an_announcement_overtakes_the_outbox():
    new = _up()
    new.outbox.put(b"t", b"later", 0, False)
    assert new.announce(b"s", b"on", True)
    assert _written(new) == b"\x31\x05\x00\x01son" + b"\x30\x08\x00\x01tlater"


def case_one_announcement_at_a_time():
    new = _up()
    assert new.announce(b"s", b"on", False)
    assert not new.announce(b"s", b"off", False)
    assert not new.subscribe(packets.SUBSCRIBE, _ASKED, _NOW_MS)
    assert _written(new) == b"\x30\x05\x00\x01son"
    assert new.announce(b"s", b"off", False)


def case_an_announcement_is_made_while_the_outbox_is_paused():
    new = _up()
    new.paused = True
    new.outbox.put(b"t", b"later", 0, False)
    assert new.announce(b"s", b"on", False)
    assert _written(new) == b"\x30\x05\x00\x01son"


def case_an_announcement_that_does_not_fit_raises():
    new = _up()
    assert "PUBLISH of 1025 bytes" in _refusal(new.announce, b"s", bytes(1025 - 6), False)
    assert new.announce(b"s", bytes(1024 - 6), False)


# -- leaving -------------------------------------------------------------------------------------


def case_disconnect_is_the_last_packet():
    new = _up()
    new.outbox.put(b"t", b"x", 0, False)
    assert new.disconnect()
    assert _written(new) == b"\xe0\x00"
    assert (new.state, new.error) == (DEAD, "disconnected")
    assert not new.tx(_NOW_MS)
    assert not new.may_read()
    assert new.outbox.count == 1


def case_disconnect_never_comes_within_another_packet():
    new = _up()
    new.outbox.put(b"t", b"x", 0, False)
    assert new.tx(_NOW_MS)
    assert not new.disconnect()  # named, so TLS may have encrypted it already
    new.sent(3, _NOW_MS)
    assert not new.disconnect()
    assert new.state == UP
    assert _written(new) == b"\x01tx"
    assert new.disconnect()


def case_only_a_connected_session_can_say_goodbye():
    new = Session(Outbox(64))
    assert not new.disconnect()
    new = _connecting()
    assert not new.disconnect()
    new = _up()
    new.fail("reset")
    assert not new.disconnect()
    assert new.error == "reset"


def case_states_are_told_apart():
    assert len({session.IDLE, session.CONNECTING, session.UP, session.DEAD}) == 4
