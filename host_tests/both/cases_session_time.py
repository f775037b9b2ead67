# session, time: every deadline just before and just after, pings, and when check() wants to be called
# again. Each case runs at several starts; the last ones put its deadlines behind the wrap of ticks.
from hublink import limits, ticks
from hublink.outbox import Outbox
from hublink.protocol import packets
from hublink.protocol.session import CONNECTING, DEAD, UP, Session

_STARTS_MS = (0, 0x1FFFFFFF, 0x3FFFFFFF - 30_000, 0x3FFFFFFF - 1, 0x3FFFFFFF)
_KEEPALIVE_S = 60
_PINGREQ = b"\xc0\x00"
_PINGRESP = b"\xd0\x00"
_FOREVER_MS = 1 << 27


class _Peer:
    """A session and its clock; the hub's side of the talk is by hand."""

    def __init__(self, start_ms, keepalive_s=_KEEPALIVE_S):
        self.now_ms = start_ms
        self.session = Session(Outbox(1024), 128, 4, 600)
        self.session.connect(start_ms, b"d", None, None, keepalive_s, True, None)

    def wait(self, ms):
        self.now_ms = ticks.add(self.now_ms, ms)
        return self

    def check(self):
        return self.session.check(self.now_ms)

    def hear(self, data):
        at = 0
        to = self.session
        while at < len(data) and to.may_read():
            n = min(to.reader.want, len(data) - at)
            for i in range(n):
                to.reader.into[i] = data[at + i]
            at += n
            to.received(n, self.now_ms)
        return self

    # What the session wants to write now; limit_len: the socket takes no more than that.
    def say(self, limit_len=100_000):
        of = self.session
        out = b""
        while limit_len > len(out) and of.tx(self.now_ms):
            n = min(of.tx_len, limit_len - len(out))
            out += bytes(of.tx_buf[of.tx_at : of.tx_at + n])
            of.sent(n, self.now_ms)
        return out

    # Is it alive limit_ms - 1 after the last thing, and dead of that reason one later?
    def dies_after(self, limit_ms, reason):
        self.wait(limit_ms - 1)
        assert self.check() == 1, self.check()
        assert self.session.error is None
        self.wait(1)
        assert self.check() == 0
        assert (self.session.state, self.session.error) == (DEAD, reason)


# A connected peer at each start.
def _each(keepalive_s=_KEEPALIVE_S):
    peers = []
    for start_ms in _STARTS_MS:
        peer = _Peer(start_ms, keepalive_s)
        peer.say()
        peer.hear(b"\x20\x02\x00\x00")
        assert peer.session.state == UP
        peers.append(peer)
    return peers


# -- deadlines -----------------------------------------------------------------------------------


def case_connack_is_waited_for_from_the_end_of_connect():
    for start_ms in _STARTS_MS:
        peer = _Peer(start_ms)
        peer.say(5)
        peer.wait(60_000)
        peer.check()
        assert peer.session.state == CONNECTING  # the handshake has its own limit, elsewhere
        peer.say()
        assert peer.check() == limits.CONNACK_MS
        peer.dies_after(limits.CONNACK_MS, "connack_timeout")


def case_connack_in_the_last_millisecond_is_in_time():
    for start_ms in _STARTS_MS:
        peer = _Peer(start_ms)
        peer.say()
        peer.wait(limits.CONNACK_MS - 1)
        peer.check()
        peer.hear(b"\x20\x02\x00\x00")
        peer.wait(1).check()
        assert peer.session.state == UP


def case_suback_is_waited_for_from_the_end_of_subscribe():
    for kind in (packets.SUBSCRIBE, packets.UNSUBSCRIBE):
        for peer in _each(0):
            peer.session.subscribe(kind, [(b"t", 0)], peer.now_ms)
            peer.wait(500).say()
            assert peer.check() == limits.SUBACK_MS
            peer.dies_after(limits.SUBACK_MS, "suback_timeout")


def case_a_subscribe_that_is_not_written_yet_is_no_older_than_it_is():
    for peer in _each(0):
        peer.wait(limits.SUBACK_MS * 2)
        peer.session.subscribe(packets.SUBSCRIBE, [(b"t", 0)], peer.now_ms)
        peer.check()
        assert peer.session.state == UP


def case_a_suback_ends_the_waiting():
    for peer in _each(0):
        peer.session.subscribe(packets.SUBSCRIBE, [(b"t", 0)], peer.now_ms)
        peer.say()
        peer.wait(limits.SUBACK_MS - 1).hear(b"\x90\x03\x00\x01\x00")
        assert peer.wait(1).check() >= _FOREVER_MS
        assert peer.session.state == UP


def case_an_announcement_gives_suback_no_more_time():
    for peer in _each(0):
        peer.session.subscribe(packets.SUBSCRIBE, [(b"t", 0)], peer.now_ms)
        peer.say()
        peer.wait(limits.SUBACK_MS - 1)
        assert peer.session.announce(b"s", b"x", False)
        peer.say()
        peer.wait(1).check()
        assert peer.session.error == "suback_timeout"


def case_puback_is_waited_for_from_the_naming_of_the_message():
    for peer in _each(0):
        peer.session.outbox.put(b"t", b"x", 1, False)
        peer.say()
        assert peer.check() == limits.PUBACK_MS
        peer.dies_after(limits.PUBACK_MS, "puback_timeout")


def case_the_oldest_puback_counts():
    for peer in _each(0):
        for _ in range(3):
            peer.session.outbox.put(b"t", b"x", 1, False)
            peer.say()
            peer.wait(1000)
        assert peer.check() == limits.PUBACK_MS - 3000
        peer.hear(b"\x40\x02\x00\x02")
        assert peer.check() == limits.PUBACK_MS - 3000
        peer.hear(b"\x40\x02\x00\x01")
        assert peer.check() == limits.PUBACK_MS - 1000
        peer.hear(b"\x40\x02\x00\x03")
        assert peer.check() >= _FOREVER_MS


def case_pingresp_is_waited_for():
    for peer in _each():
        peer.session.ping()
        assert peer.say() == _PINGREQ
        assert peer.check() == limits.PING_REPLY_MS
        peer.dies_after(limits.PING_REPLY_MS, "ping_timeout")


def case_only_pingresp_answers_a_ping():
    for peer in _each():
        peer.session.ping()
        peer.say()
        peer.wait(limits.PING_REPLY_MS - 1).hear(b"\x30\x03\x00\x01t")
        peer.wait(1).check()
        assert peer.session.error == "ping_timeout"


def case_a_pingresp_in_the_last_millisecond_is_in_time():
    for peer in _each():
        peer.session.ping()
        peer.say()
        peer.wait(limits.PING_REPLY_MS - 1).hear(_PINGRESP)
        peer.wait(1).check()
        assert peer.session.state == UP


def case_a_socket_that_takes_nothing_is_given_up():
    for peer in _each(0):
        peer.wait(limits.WRITE_MS * 2)
        peer.session.outbox.put(b"t", b"x", 0, False)
        assert peer.session.tx(peer.now_ms)
        assert peer.check() == limits.WRITE_MS
        peer.dies_after(limits.WRITE_MS, "write_timeout")


def case_every_byte_that_is_taken_starts_the_time_anew():
    for peer in _each(0):
        peer.session.outbox.put(b"t", b"x", 0, False)
        for _ in range(5):
            assert len(peer.say(1)) == 1
            peer.wait(limits.WRITE_MS - 1)
            assert peer.check() == 1
        assert len(peer.say(1)) == 1
        assert peer.check() >= _FOREVER_MS


def case_asking_again_gives_a_stalled_socket_no_more_time():
    for peer in _each(0):
        peer.session.outbox.put(b"t", b"x", 0, False)
        for _ in range(limits.WRITE_MS // 1000):
            assert peer.session.tx(peer.now_ms)
            peer.check()
            peer.wait(1000)
        peer.check()
        assert peer.session.error == "write_timeout"


def case_the_first_deadline_counts():
    for peer in _each():
        peer.session.outbox.put(b"t", b"x", 1, False)
        peer.say()
        peer.wait(limits.PUBACK_MS - 4000)
        peer.session.ping()
        peer.say()
        assert peer.check() == 4000
        peer.hear(b"\x40\x02\x00\x01")
        assert peer.check() == limits.PING_REPLY_MS


def case_nothing_times_out_once_it_is_dead():
    for peer in _each():
        peer.session.outbox.put(b"t", b"x", 1, False)
        peer.session.ping()
        peer.say(1)
        peer.session.fail("reset")
        assert peer.wait(100_000).check() >= _FOREVER_MS
        assert peer.session.error == "reset"


# -- keep-alive ----------------------------------------------------------------------------------

_HALF_MS = _KEEPALIVE_S * 500


def case_a_ping_goes_after_half_the_keepalive_of_silence():
    for peer in _each():
        assert peer.check() == _HALF_MS
        peer.wait(_HALF_MS - 1)
        assert peer.check() == 1
        assert peer.say() == b""
        peer.wait(1)
        assert peer.check() == 0
        assert peer.say() == _PINGREQ
        assert peer.say() == b""  # one is enough


def case_pings_go_on_as_long_as_they_are_answered():
    for peer in _each():
        left_ms = _HALF_MS
        for _ in range(5):
            peer.wait(left_ms)
            assert peer.say() == _PINGREQ
            peer.wait(50).hear(_PINGRESP)
            # Counted from the last byte on the quieter side, which is the ping itself.
            left_ms = peer.check()
            assert left_ms == _HALF_MS - 50


def case_a_silent_hub_is_pinged_however_much_we_write():
    for peer in _each():
        for _ in range(_KEEPALIVE_S // 2 - 1):
            peer.wait(1000)
            peer.session.announce(b"s", b"x", False)
            assert peer.say() == b"\x30\x04\x00\x01sx"
        peer.wait(1000)
        assert peer.check() == 0
        assert peer.say() == _PINGREQ


def case_a_hub_that_writes_much_is_pinged_when_we_are_silent():
    # MQTT 3.1.1, 3.1.2.10: the hub counts what we send, not what it sends.
    for peer in _each():
        for _ in range(_KEEPALIVE_S // 2):
            peer.wait(1000).hear(b"\x30\x03\x00\x01t")
        assert peer.say() == _PINGREQ


def case_a_packet_that_does_not_end_is_no_sign_of_life():
    for peer in _each():
        peer.hear(b"\x30\xff\xff\xff\x7f")  # 256 MB are to follow
        for _ in range(_KEEPALIVE_S // 2 - 1):
            peer.wait(1000).hear(b"\x30\x03\x00\x01t")
            peer.session.announce(b"s", b"x", False)
            assert peer.say() == b"\x30\x04\x00\x01sx"
        peer.wait(1000)
        assert peer.say() == _PINGREQ
        peer.hear(_PINGRESP).dies_after(limits.PING_REPLY_MS, "ping_timeout")


def case_no_ping_while_both_sides_talk():
    for peer in _each():
        for _ in range(2 * _KEEPALIVE_S):
            peer.wait(1000).hear(b"\x30\x03\x00\x01t")
            peer.session.announce(b"s", b"x", False)
            assert peer.say() == b"\x30\x04\x00\x01sx"


def case_without_keepalive_nothing_is_pinged():
    for peer in _each(0):
        assert peer.check() >= _FOREVER_MS
        assert peer.wait(100_000_000).say() == b""
        assert peer.check() >= _FOREVER_MS


def case_the_longest_keepalive_is_kept():
    for peer in _each(65535):
        assert peer.check() == 32_767_500
        peer.wait(32_767_499)
        assert peer.say() == b""
        peer.wait(1)
        assert peer.say() == _PINGREQ


def case_a_ping_that_is_asked_for_goes_at_once():
    for peer in _each():
        peer.session.ping()
        peer.session.ping()
        assert peer.say() == _PINGREQ
        peer.hear(_PINGRESP)
        assert peer.say() == b""


def case_a_ping_asked_for_during_another_goes_after_it():
    for peer in _each():
        peer.session.ping()
        assert peer.say() == _PINGREQ
        peer.session.ping()
        assert peer.say() == b""
        peer.hear(_PINGRESP)
        assert peer.say() == _PINGREQ


def case_a_pingresp_nobody_asked_for_changes_nothing():
    for peer in _each():
        peer.hear(_PINGRESP * 3)
        assert peer.session.state == UP
        assert peer.check() == _HALF_MS
        peer.session.ping()
        assert peer.say() == _PINGREQ
        peer.dies_after(limits.PING_REPLY_MS, "ping_timeout")


def case_a_ping_waits_for_the_packet_in_writing():
    for peer in _each():
        peer.session.outbox.put(b"t", b"x", 0, False)
        assert peer.say(2) == b"\x30\x04"
        peer.session.ping()
        assert peer.say() == b"\x00\x01tx" + _PINGREQ


def case_the_ping_for_qos_0_has_its_deadline():
    for peer in _each(0):
        for _ in range(6):
            peer.session.outbox.put(b"t", bytes(20), 0, False)
        assert _PINGREQ in peer.say()
        assert peer.check() == limits.PING_REPLY_MS
        peer.dies_after(limits.PING_REPLY_MS, "ping_timeout")


def case_ids_of_the_last_connection_have_no_deadline():
    for peer in _each(0):
        peer.session.outbox.put(b"t", b"x", 1, False)
        peer.session.subscribe(packets.SUBSCRIBE, [(b"t", 0)], peer.now_ms)
        peer.say()
        peer.session.paused = True
        peer.session.connect(peer.now_ms, b"d", None, None, 0, True, None)
        peer.say()
        peer.hear(b"\x20\x02\x00\x00")
        assert peer.session.state == UP
        assert peer.wait(100_000).check() >= _FOREVER_MS
