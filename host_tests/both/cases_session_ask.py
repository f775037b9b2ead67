# session, requests past the outbox, and messages that the hub says it will not acknowledge.
from hublink import limits, ticks
from hublink.outbox import Outbox
from hublink.protocol.session import DEAD, UP, Session

_START_MS = 0x3FFFFFFF - 4000


class _Desk:
    """A session that is up."""

    def __init__(self):
        self.now_ms = _START_MS
        self.acked = []
        self.session = Session(Outbox(512), 256, 4)
        self.session.on_ack = self.acked.append
        self.connect()

    def connect(self):
        self.session.connect(self.now_ms, b"d", None, None, 0, True, None)
        self.written()
        self.hear(b"\x20\x02\x00\x00")
        assert self.session.state == UP

    def hear(self, data):
        reader = self.session.reader
        at = 0
        while at < len(data):
            n = min(reader.want, len(data) - at)
            for i in range(n):
                reader.into[i] = data[at + i]
            at += n
            self.session.received(n, self.now_ms)

    def puback(self, packet_id):
        self.hear(b"\x40\x02" + bytes([packet_id >> 8, packet_id & 255]))

    def written(self):
        out = []
        session = self.session
        while session.tx(self.now_ms):
            out.append(bytes(session.tx_buf[session.tx_at : session.tx_at + session.tx_len]))
            session.sent(session.tx_len, self.now_ms)
        return out

    def ask(self, topic=b"t", payload=b"p", retain=False):
        return self.session.ask(topic, payload, self.now_ms, retain)

    # Puts QoS 1 messages on these topics in flight.
    def publish(self, *topics):
        for topic in topics:
            self.session.outbox.put(topic, b"x", 1)
        self.written()

    def wait(self, for_ms):
        self.now_ms = ticks.add(self.now_ms, for_ms)
        self.session.check(self.now_ms)


# -- requests ------------------------------------------------------------------------------------


def case_a_request_goes_out_at_qos_1_ahead_of_the_outbox():
    desk = _Desk()
    desk.session.paused = True
    desk.session.outbox.put(b"a", b"1", 1)
    packet_id = desk.ask()
    assert desk.written() == [b"\x32\x06\x00\x01t\x00" + bytes([packet_id]) + b"p"]
    desk.puback(packet_id)
    assert desk.acked == [packet_id]
    assert desk.session.asked_id == 0
    desk.ask(retain=True)
    assert desk.written()[0][0] == 0x33


def case_requests_are_made_one_at_a_time():
    desk = _Desk()
    first = desk.ask()
    desk.written()
    assert first and desk.ask() == 0
    desk.puback(first)
    second = desk.ask()
    assert second not in (0, first)


def case_one_that_is_not_answered_ends_the_connection():
    desk = _Desk()
    desk.ask()
    desk.written()
    desk.wait(limits.PUBACK_MS - 1)
    assert desk.session.state == UP
    desk.wait(1)
    assert (desk.session.state, desk.session.error) == (DEAD, "puback_timeout")


def case_the_connection_forgets_it():
    desk = _Desk()
    desk.ask()
    desk.session.close()
    desk.connect()
    assert desk.session.asked_id == 0
    assert desk.written() == []
    assert desk.ask()


def case_one_that_never_fits_is_an_error():
    desk = _Desk()
    assert desk.ask(b"t", bytes(limits.CONTROL_LEN - 8))
    try:
        desk.session.check_request(b"t", bytes(limits.CONTROL_LEN))
    except ValueError as e:
        assert "expected at most %d" % limits.CONTROL_LEN in str(e), e
        return
    raise AssertionError


# -- what the hub refuses ------------------------------------------------------------------------


def case_a_refused_request_is_over_and_not_taken_for_delivered():
    desk = _Desk()
    packet_id = desk.ask()
    desk.written()
    assert desk.session.refused(packet_id) == 0  # no message of the user's
    desk.puback(packet_id)  # some hubs do both
    assert desk.acked == []
    desk.wait(limits.PUBACK_MS)
    assert desk.session.state == UP
    assert desk.ask()


def case_a_refused_message_is_never_sent_again():
    desk = _Desk()
    desk.publish(b"a", b"b", b"c")
    assert desk.session.refused(2) == 1
    assert desk.session.in_flight == 2
    desk.puback(2)
    assert desk.session.state == UP
    desk.session.close()
    desk.connect()
    assert [packet[4:5] for packet in desk.written()] == [b"a", b"c"]


def case_refused_is_what_is_on_the_topics_of_a_filter():
    for refused, left in (
        (b"/d/x1/state", [b"/d/x1/events", b"/d/x10/state"]),
        (b"/d/x1/#", [b"/d/x10/state"]),
        (b"/d/x1", [b"/d/x1/state", b"/d/x1/events", b"/d/x10/state"]),
        (b"/d/#", []),
        (0, [b"/d/x1/state", b"/d/x1/events", b"/d/x10/state"]),
        (99, [b"/d/x1/state", b"/d/x1/events", b"/d/x10/state"]),
    ):
        desk = _Desk()
        desk.publish(b"/d/x1/state", b"/d/x1/events", b"/d/x10/state")
        assert desk.session.refused(refused) == 3 - len(left)
        desk.session.close()
        desk.connect()
        assert [packet[4:-3] for packet in desk.written()] == left, refused
