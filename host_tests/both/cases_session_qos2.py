# session, QoS 2 and sessions that outlive a connection: every half of the handshake (MQTT 3.1.1, 4.3.3),
# what is sent again under which packet id (4.4), and what only once.
from hublink import limits, ticks
from hublink.outbox import Outbox
from hublink.protocol import packets
from hublink.protocol.session import DEAD, UP, Session

_START_MS = 0x3FFFFFFF - 4000
# "hi" on "t" at QoS 2, packet id 10: new, and as a duplicate.
_HI = b"\x34\x07\x00\x01t\x00\x0ahi"
_HI_AGAIN = b"\x3c" + _HI[1:]


class _Peer:
    """A session, its clock, and what its handlers are told; the hub's side of the talk is by hand."""

    def __init__(self, window=4, unacked_max_len=65535, outbox_len=512):
        self.now_ms = _START_MS
        self.heard = []
        self.acked = []
        self.session = Session(Outbox(outbox_len), 64, window, unacked_max_len)
        self.session.on_message = lambda message: self.heard.append(message.payload())
        self.session.on_ack = self.acked.append
        self.connect(False)

    # Connects, up to the first packet that the session would write then.
    def connect(self, present):
        session = self.session
        session.connect(self.now_ms, b"d", None, None, 0, False, None)
        session.tx(self.now_ms)
        session.sent(session.tx_len, self.now_ms)
        self.hear(b"\x20\x02\x01\x00" if present else b"\x20\x02\x00\x00")
        assert session.state == UP

    # Loses the connection and makes the next one; the hub has kept the session, or not.
    def reconnect(self, present):
        self.session.close()
        self.connect(present)

    def put(self, letters, qos=2):
        for letter in letters:
            assert self.session.outbox.put(b"t", letter.encode(), qos, False)

    def hear(self, data):
        at = 0
        to = self.session
        while at < len(data) and to.may_read():
            n = min(to.reader.want, len(data) - at)
            for i in range(n):
                to.reader.into[i] = data[at + i]
            at += n
            to.received(n, self.now_ms)
        return at

    def say(self):
        of = self.session
        out = b""
        while of.tx(self.now_ms):
            out += bytes(of.tx_buf[of.tx_at : of.tx_at + of.tx_len])
            of.sent(of.tx_len, self.now_ms)
        return out

    def check(self, later_ms):
        self.now_ms = ticks.add(self.now_ms, later_ms)
        return self.session.check(self.now_ms)

    def state(self):
        return self.session.in_flight, self.session.outbox.count


# Packets by hand.
def _publish(qos, packet_id, letter, dup=False):
    first = 0x30 | qos << 1 | (8 if dup else 0)
    return bytes([first]) + b"\x06\x00\x01t\x00" + bytes([packet_id]) + letter.encode()


def _puback(packet_id):
    return b"\x40\x02\x00" + bytes([packet_id])


def _pubrec(packet_id):
    return b"\x50\x02\x00" + bytes([packet_id])


def _pubrel(packet_id):
    return b"\x62\x02\x00" + bytes([packet_id])


def _pubcomp(packet_id):
    return b"\x70\x02\x00" + bytes([packet_id])


# -- sending -------------------------------------------------------------------------------------


def case_a_message_goes_through_both_halves():
    peer = _Peer()
    peer.put("a")
    assert peer.say() == _publish(2, 1, "a")
    assert peer.state() == (1, 1)
    peer.hear(_pubrec(1))
    assert peer.state() == (1, 0)  # the hub has it: its room is free, its place in the window is not
    assert peer.acked == []
    assert peer.say() == _pubrel(1)
    peer.hear(_pubcomp(1))
    assert peer.state() == (0, 0)
    assert peer.acked == [1]
    assert peer.say() == b""


def case_several_go_through_in_any_order():
    peer = _Peer()
    peer.put("abc")
    assert peer.say() == _publish(2, 1, "a") + _publish(2, 2, "b") + _publish(2, 3, "c")
    peer.hear(_pubrec(2) + _pubrec(1))
    assert peer.say() == _pubrel(2) + _pubrel(1)
    peer.hear(_pubcomp(1) + _pubrec(3))
    assert peer.say() == _pubrel(3)
    peer.hear(_pubcomp(3) + _pubcomp(2))
    assert peer.acked == [1, 3, 2]
    assert peer.state() == (0, 0)


def case_the_window_counts_to_the_end_of_the_handshake():
    peer = _Peer(window=1)
    peer.put("ab")
    peer.say()
    peer.hear(_pubrec(1))
    assert peer.say() == _pubrel(1)
    peer.hear(_pubcomp(1))
    assert peer.say() == _publish(2, 2, "b")


def case_the_bytes_are_free_once_the_hub_has_them():
    peer = _Peer(unacked_max_len=8 + limits.RECORD_COST_LEN)
    peer.put("ab")
    assert peer.say() == _publish(2, 1, "a")
    peer.hear(_pubrec(1))
    assert peer.say() == _pubrel(1) + _publish(2, 2, "b")


def case_each_qos_has_its_own_answer():
    for qos, wrong, right in ((1, _pubrec(1), _puback(1)), (2, _puback(1), _pubrec(1))):
        for answer, state in ((wrong, DEAD), (right, UP)):
            peer = _Peer()
            peer.put("a", qos)
            peer.say()
            peer.hear(answer)
            assert peer.session.state == state
            assert peer.session.error == ("bad_ack" if state == DEAD else None)


def case_second_answers_change_nothing():
    peer = _Peer()
    peer.put("ab")
    peer.say()
    peer.hear(_pubrec(1) + _pubrec(1))
    assert peer.say() == _pubrel(1)
    peer.hear(_pubcomp(1) + _pubcomp(1) + _pubrec(1))
    assert peer.state() == (1, 1)
    assert peer.acked == [1]
    assert peer.say() == b""


def case_answers_nobody_waits_for_change_nothing():
    for answer in (_pubrec(9), _pubcomp(9), _puback(9), _pubcomp(1)):
        peer = _Peer()
        peer.put("a")
        peer.say()
        peer.hear(answer)
        assert (peer.session.state, peer.state(), peer.acked) == (UP, (1, 1), []), answer


def case_pubcomp_before_pubrel_is_none():
    peer = _Peer()
    peer.put("a")
    peer.say()
    peer.hear(_pubrec(1) + _pubcomp(1))
    assert peer.acked == []
    assert peer.say() == _pubrel(1)
    peer.hear(_pubcomp(1))
    assert peer.acked == [1]


def case_an_answer_to_what_is_still_being_written_ends_it():
    for qos, answer in ((1, _puback(1)), (2, _pubrec(1))):
        peer = _Peer()
        peer.put("a", qos)
        peer.session.tx(peer.now_ms)
        peer.session.sent(1, peer.now_ms)
        peer.hear(answer)
        assert (peer.session.state, peer.session.error) == (DEAD, "bad_ack")
        assert peer.session.outbox.count == 1


def case_an_answer_to_a_message_may_come_while_another_packet_is_being_written():
    for qos, answer in ((1, _puback(1)), (2, _pubrec(1))):
        for begin in (lambda s: s.ping(), lambda s: s.announce(b"s", b"on", False)):
            peer = _Peer()
            peer.put("a", qos)
            peer.say()
            begin(peer.session)
            peer.session.tx(peer.now_ms)
            peer.hear(answer)
            assert (peer.session.error, peer.session.outbox.count) == (None, 0)


def case_ids_of_unfinished_handshakes_are_not_given_again():
    peer = _Peer()
    peer.put("a")
    peer.say()
    peer.hear(_pubrec(1))
    peer.session._last_id = 65535  # private, to save 65,534 messages
    peer.put("b")
    assert peer.say() == _pubrel(1) + _publish(2, 2, "b")


def case_pubrel_goes_behind_acknowledgements_and_before_messages():
    peer = _Peer()
    peer.put("a")
    peer.say()
    peer.put("b")
    peer.hear(_pubrec(1) + b"\x32\x05\x00\x01t\x00\x07")
    assert peer.say() == _puback(7) + _pubrel(1) + _publish(2, 2, "b")


def case_pubcomp_is_waited_for():
    peer = _Peer()
    peer.put("a")
    peer.say()
    peer.hear(_pubrec(1))
    peer.say()
    assert peer.check(limits.PUBACK_MS - 1) == 1
    assert peer.session.error is None
    peer.check(1)
    assert (peer.session.state, peer.session.error) == (DEAD, "pubcomp_timeout")


def case_the_oldest_pubcomp_counts():
    peer = _Peer()
    peer.put("abc")
    peer.say()
    for packet_id in (1, 2, 3):
        peer.hear(_pubrec(packet_id))
        peer.say()
        peer.check(1000)
    assert peer.check(0) == limits.PUBACK_MS - 3000
    peer.hear(_pubcomp(2))
    assert peer.check(0) == limits.PUBACK_MS - 3000
    peer.hear(_pubcomp(1))
    assert peer.check(0) == limits.PUBACK_MS  # for the next of them it starts now
    peer.hear(_pubcomp(3))
    assert peer.check(0) > limits.PUBACK_MS


def case_pubrec_is_waited_for():
    peer = _Peer()
    peer.put("a")
    peer.say()
    assert peer.check(limits.PUBACK_MS - 1) == 1
    peer.check(1)
    assert (peer.session.state, peer.session.error) == (DEAD, "puback_timeout")


def case_a_pubcomp_that_never_comes_is_noticed_although_others_do():
    peer = _Peer()
    peer.put("a")
    peer.say()
    peer.hear(_pubrec(1))
    peer.say()  # PUBREL of the first, whose PUBCOMP never comes
    for packet_id in range(2, 8):
        peer.put("b")
        peer.check(limits.PUBACK_MS // 3)
        peer.say()
        peer.hear(_pubrec(packet_id))
        peer.say()
        peer.hear(_pubcomp(packet_id))
    assert peer.session.error == "pubcomp_timeout"


# -- again, on the next connection ---------------------------------------------------------------


def case_a_kept_session_gets_the_same_ids_as_duplicates():
    for qos in (1, 2):
        peer = _Peer()
        peer.put("ab", qos)
        peer.say()
        peer.put("c", qos)
        peer.reconnect(True)
        assert peer.say() == _publish(qos, 1, "a", True) + _publish(qos, 2, "b", True) + _publish(qos, 3, "c")


def case_a_new_session_gets_new_messages():
    for qos in (1, 2):
        peer = _Peer()
        peer.put("ab", qos)
        peer.say()
        peer.reconnect(False)
        assert peer.say() == _publish(qos, 3, "a") + _publish(qos, 4, "b")


def case_the_mark_of_a_duplicate_is_taken_back():
    peer = _Peer()
    peer.put("a")
    peer.say()
    peer.reconnect(True)
    assert peer.say() == _publish(2, 1, "a", True)
    peer.reconnect(False)
    assert peer.say() == _publish(2, 2, "a")


def case_what_was_named_but_not_written_is_a_duplicate_too():
    # The hub may have got all of it: the connection broke before we heard.
    peer = _Peer()
    peer.put("a", 1)
    peer.session.tx(peer.now_ms)
    peer.reconnect(True)
    assert peer.say() == _publish(1, 1, "a", True)


def case_answers_to_duplicates_are_answers():
    peer = _Peer()
    peer.put("a", 1)
    peer.put("b", 2)
    peer.say()
    peer.reconnect(True)
    peer.say()
    peer.hear(_puback(1) + _pubrec(2))
    assert peer.say() == _pubrel(2)
    peer.hear(_pubcomp(2))
    assert (peer.acked, peer.state()) == ([1, 2], (0, 0))


def case_new_messages_take_no_id_that_a_duplicate_holds():
    peer = _Peer()
    peer.put("ab", 1)
    peer.say()
    peer.reconnect(True)
    peer.session.paused = True
    peer.session._last_id = 65535
    assert peer.session.subscribe(packets.SUBSCRIBE, [(b"s", 0)], peer.now_ms) == 3
    peer.session.paused = False
    subscribe = b"\x82\x06\x00\x03\x00\x01s\x00"
    assert peer.say() == subscribe + _publish(1, 1, "a", True) + _publish(1, 2, "b", True)


def case_qos_0_cut_off_in_writing_holds_no_id():
    # Its packet ends with the last byte of the outbox: where an id would stand is nothing to be read.
    for payload_len in (0, 1, 2):
        peer = _Peer(outbox_len=64)
        first_len = 64 - 4 - 5 - payload_len
        peer.session.outbox.put(b"t", bytes(first_len - 9), 0, False)
        peer.session.outbox.put(b"t", bytes(payload_len), 0, False)
        peer.session.tx(peer.now_ms)
        peer.session.sent(peer.session.tx_len, peer.now_ms)
        peer.session.tx(peer.now_ms)
        peer.session.sent(1, peer.now_ms)
        assert peer.session.outbox.count == 1
        peer.reconnect(True)
        assert peer.session.subscribe(packets.SUBSCRIBE, [(b"s", 0)], peer.now_ms) == 1


def case_a_handshake_half_done_goes_on():
    peer = _Peer()
    peer.put("ab")
    peer.say()
    peer.hear(_pubrec(1))
    assert peer.say() == _pubrel(1)
    peer.put("c")
    peer.reconnect(True)
    assert peer.say() == _pubrel(1) + _publish(2, 2, "b", True) + _publish(2, 3, "c")
    peer.hear(_pubcomp(1) + _pubrec(2) + _pubrec(3))
    assert peer.say() == _pubrel(2) + _pubrel(3)
    peer.hear(_pubcomp(2) + _pubcomp(3))
    assert (peer.acked, peer.state()) == ([1, 2, 3], (0, 0))


def case_a_new_session_knows_of_no_handshake():
    peer = _Peer()
    peer.put("ab")
    peer.say()
    peer.hear(_pubrec(1))
    peer.say()
    peer.reconnect(False)
    assert peer.state() == (0, 1)
    assert peer.say() == _publish(2, 3, "b")


def case_handshakes_half_done_fill_the_window_of_the_next_connection():
    peer = _Peer(window=2)
    peer.put("ab")
    peer.say()
    peer.hear(_pubrec(1) + _pubrec(2))
    peer.put("c")
    peer.reconnect(True)
    assert peer.state() == (2, 1)
    assert peer.say() == _pubrel(1) + _pubrel(2)
    peer.hear(_pubcomp(2))
    assert peer.say() == _publish(2, 3, "c")


# -- receiving -----------------------------------------------------------------------------------


def case_a_message_is_heard_at_once_and_released_later():
    peer = _Peer()
    peer.hear(_HI)
    assert peer.heard == [b"hi"]
    assert peer.say() == _pubrec(10)
    peer.hear(_pubrel(10))
    assert peer.say() == _pubcomp(10)
    assert peer.heard == [b"hi"]


def case_a_duplicate_is_answered_and_not_heard_again():
    peer = _Peer()
    peer.hear(_HI)
    peer.hear(_HI_AGAIN + _HI_AGAIN)
    assert peer.heard == [b"hi"]
    assert peer.say() == _pubrec(10) * 3


def case_behind_pubrel_the_id_means_another_message():
    peer = _Peer()
    peer.hear(_HI + _pubrel(10) + _HI)
    assert peer.heard == [b"hi", b"hi"]
    assert peer.say() == _pubrec(10) + _pubcomp(10) + _pubrec(10)


def case_several_are_held_apart():
    peer = _Peer()
    messages = [b"\x34\x06\x00\x01t\x00" + bytes([i]) + b"x" for i in (1, 2, 3)]
    peer.hear(b"".join(messages))
    peer.hear(_pubrel(2))
    peer.hear(b"".join(messages))
    assert len(peer.heard) == 4  # 1, 2, 3, and 2 again
    assert peer.say() == (
        _pubrec(1) + _pubrec(2) + _pubrec(3) + _pubcomp(2) + _pubrec(1) + _pubrec(2) + _pubrec(3)
    )


def case_a_release_of_nothing_is_answered():
    # Our PUBCOMP may have been lost with the last connection.
    peer = _Peer()
    peer.hear(_pubrel(77))
    assert peer.say() == _pubcomp(77)
    assert peer.session.state == UP


def case_a_kept_session_remembers_what_was_heard():
    peer = _Peer()
    peer.hear(_HI)
    peer.reconnect(True)
    peer.hear(_HI_AGAIN + _pubrel(10))
    assert peer.heard == [b"hi"]
    assert peer.say() == _pubrec(10) + _pubcomp(10)


def case_a_new_session_does_not():
    peer = _Peer()
    peer.hear(_HI)
    peer.reconnect(False)
    peer.hear(_HI)
    assert peer.heard == [b"hi", b"hi"]


# If the hub began a session with a CONNECT whose answer got lost, it says of the next one that this is there.
def case_in_a_session_begun_unheard_ids_stand_for_other_messages():
    for is_written in (True, False):
        at = _Peer()
        at.hear(_HI)
        at.session.close()
        at.session.connect(at.now_ms, b"d", None, None, 0, False, None)
        at.session.tx(at.now_ms)
        at.session.sent(at.session.tx_len - (not is_written), at.now_ms)
        at.reconnect(True)
        at.reconnect(True)
        at.hear(_HI_AGAIN)
        assert at.heard == [b"hi"]
        at.hear(_HI)
        at.hear(_HI_AGAIN)
        assert at.heard == [b"hi"] * (2 if is_written else 1)
        assert at.say() == b"\x50\x02\x00\x0a" * 3
        at.reconnect(False)
        at.hear(_HI + _HI)
        assert at.heard[-1:] == [b"hi"] and len(at.heard) == (3 if is_written else 2)


def case_acknowledgements_owed_to_the_last_connection_are_not_sent():
    peer = _Peer()
    peer.hear(_HI)
    peer.reconnect(True)
    assert peer.say() == b""


def case_thirty_two_messages_may_wait_for_their_release():
    peer = _Peer()
    for i in range(32):
        peer.hear(b"\x34\x05\x00\x01t\x00" + bytes([i + 1]))
        assert peer.say() == _pubrec(i + 1)
    assert (peer.session.state, len(peer.heard)) == (UP, 32)
    peer.hear(b"\x3c\x05\x00\x01t\x00\x05")  # a duplicate is none more
    assert peer.session.state == UP
    peer.hear(b"\x34\x05\x00\x01t\x00\x63")
    assert (peer.session.state, peer.session.error) == (DEAD, "too_many_qos2")
    assert len(peer.heard) == 32


def case_a_message_too_long_is_counted_once():
    message = b"\x34\xc8\x01\x00\x01t\x00\x09" + bytes(195)
    peer = _Peer()
    peer.hear(message)
    peer.hear(b"\x3c" + message[1:])
    assert (peer.session.oversized, peer.heard) == (1, [])
    assert peer.say() == _pubrec(9) * 2


def case_a_handler_that_raises_hears_no_duplicate():
    peer = _Peer()

    def raising(message):
        peer.heard.append(message.payload())
        raise RuntimeError

    peer.session.on_message = raising
    try:
        peer.hear(_HI)
    except RuntimeError:
        pass
    peer.hear(_HI_AGAIN)
    assert peer.heard == [b"hi"]
    assert peer.say() == _pubrec(10) * 2


def case_every_kind_of_answer_owed_holds_up_reading():
    peer = _Peer()
    stream = b"".join([_pubrel(i + 1) for i in range(40)])
    assert peer.hear(stream) == 32 * 4
    assert not peer.session.may_read()
    assert peer.say() == b"".join([_pubcomp(i + 1) for i in range(32)])
    assert peer.session.may_read()
