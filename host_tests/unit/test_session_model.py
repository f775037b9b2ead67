"""The session between an application and a hub that both do as they like, over links that break.

What `SessionModel` promises is checked with every byte. Here it is asked whether the messages arrive:
QoS 1 at least once, QoS 2 once (as long as the hub keeps the session), in order, in both directions.
"""

import copy
import functools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from host_tests.fakes import codec
from host_tests.fakes.broker import ANSWERS, Broker
from host_tests.fakes.publishing_model import TICKS
from host_tests.fakes.session_model import DEAD, HELD_MAX, UP, SessionModel
from host_tests.shim import install

with install():
    from hublink.outbox import Outbox
    from hublink.protocol.session import Session

RX_LEN = 100
LAST_ID = 65535
FEW_LEFT = LAST_ID - 2

# What hubs may send twice: a second one answers nothing.
REPEATED = (codec.PUBACK, codec.PUBREC, codec.PUBCOMP, codec.PINGRESP)

sizes = st.lists(st.integers(1, 9), min_size=1, max_size=3)


def broker_with(now_ms, outbox_len, window, unacked_max_len):
    """A Broker that holds every answer, and its client; not connected."""
    session = Session(Outbox(outbox_len), RX_LEN, window, unacked_max_len)
    return Broker(SessionModel(session, RX_LEN, window, unacked_max_len), now_ms, ANSWERS)


def broker_near_the_last_id(ids_left):
    """The same, connected; ids 1 to 3 are a message each, in all stages; so many follow before 1."""
    broker = copy.deepcopy(broker_with_few_ids_left())
    spend_ids(broker.client.session, FEW_LEFT, LAST_ID + 1 - ids_left)
    return broker


@functools.cache
def broker_with_few_ids_left():
    broker = broker_with(0, 300, 6, 400)
    broker.holds = {codec.PUBACK, codec.PUBREC, codec.PUBCOMP}
    broker.connect()
    broker.settle()
    for payload, qos in ((b"1:", 2), (b"2:", 2), (b"3:", 1)):
        broker.client.put(payload, qos)
    broker.settle()
    broker.release()  # PUBREC of the first
    broker.settle()
    spend_ids(broker.client.session, 4, FEW_LEFT)
    broker.holds = ANSWERS
    return broker


def spend_ids(session, first, end):
    """Uses the packet ids first to end - 1 up; the model needs not see it."""
    told, session.on_unsuback = session.on_unsuback, None
    for packet_id in range(first, end):
        assert session.subscribe(codec.UNSUBSCRIBE << 4, [(b"t", 0)], 0) == packet_id
        while session.tx(0):
            session.sent(session.tx_len, 0)
        for piece in (b"\xb0\x02", packet_id.to_bytes(2, "big")):
            session.reader.into[:2] = piece
            session.received(2, 0)
    session.on_unsuback = told


@pytest.mark.parametrize("ids_left", range(LAST_ID - FEW_LEFT + 2))
def test_ids_wrap_and_none_is_given_that_is_in_use(ids_left):
    broker = broker_near_the_last_id(ids_left)
    broker.holds = {codec.PUBACK, codec.PUBREC, codec.PUBCOMP}
    for number in range(4, 12):
        assert broker.client.put(b"%d:" % number, 1)
        broker.settle()  # the model looks at each id
        broker.release(-1)
        broker.settle()


def test_a_subscription_takes_no_id_of_what_is_to_be_sent_again():
    broker = broker_near_the_last_id(0)
    broker.holds = {codec.PUBCOMP}
    broker.client.session.paused = True
    broker.connect()
    broker.settle()
    assert broker.client.subscribe(codec.SUBSCRIBE, [("t", 0)], broker.now_ms)  # the model looks at the id


# The hub holds the id of a QoS 2 message until it is released, whatever becomes of the message here.
def test_no_message_is_sent_under_an_id_that_the_hub_still_holds():
    broker = broker_near_the_last_id(0)
    broker.connect()
    for number in range(4, 12):
        broker.client.put(b"%d:" % number + bytes(60), 2)
    broker.holds = set()
    broker.settle()
    while broker.answers:
        broker.release()
        broker.settle()
    assert {b"1:", b"2:"} < set(broker.arrived)
    assert not broker.exchanges


class SessionAndHub(RuleBasedStateMachine):
    @initialize(
        ids_left=st.none() | st.integers(0, LAST_ID - FEW_LEFT + 1),
        start_ms=st.sampled_from([0, TICKS - 30_000, TICKS // 2 - 5]),
        outbox_len=st.integers(128, 700),
        window=st.integers(1, 5),
        unacked_max_len=st.integers(60, 500),
    )
    def start(self, ids_left, start_ms, outbox_len, window, unacked_max_len):
        self.put_qos, self.sent_qos = {}, {}  # payload -> QoS, of the client and of the hub
        if ids_left is not None:
            self.broker = broker_near_the_last_id(ids_left)
            self.put_qos = {b"1:": 2, b"2:": 2, b"3:": 1}
        else:
            self.broker = broker_with(start_ms, outbox_len, window, unacked_max_len)
            self.broker.connect()
        self.client = self.broker.client
        self.repeats = ids_left is None  # ids come back too soon there for a second answer

    # Numbered in order, so that no two are alike.
    def next_payload(self, filler_len):
        return b"%d:" % (len(self.put_qos) + len(self.sent_qos) + 1) + b"x" * filler_len

    # -- the application -----------------------------------------------------------------------

    @rule(filler_len=st.integers(0, 140), qos=st.integers(0, 2), retain=st.booleans())
    def put(self, filler_len, qos, retain):
        payload = self.next_payload(filler_len)
        if len(codec.publish("t", payload, qos, 1)) <= self.client.session.outbox.packet_max():
            self.put_qos[payload] = qos
            self.client.put(payload, qos, retain)

    @rule(kind=st.sampled_from([codec.SUBSCRIBE, codec.UNSUBSCRIBE]), qos=st.integers(0, 2))
    def subscribe(self, kind, qos):
        self.client.subscribe(kind, [("t", qos), ("a/+", 0)], self.broker.now_ms)

    @rule()
    def announce(self):
        self.client.announce(b"on")

    @rule()
    def ping(self):
        self.client.ping()

    @rule(paused=st.booleans())
    def pause(self, paused):
        self.client.session.paused = paused

    # -- the link ------------------------------------------------------------------------------

    @rule(limit_len=st.one_of(st.integers(0, 20), st.just(2000)))
    def take(self, limit_len):
        self.broker.take(limit_len)

    @rule(limit_len=st.one_of(st.integers(1, 40), st.just(2000)))
    def read(self, limit_len):
        self.broker.read(limit_len)

    @rule(limit_len=st.one_of(st.integers(1, 20), st.just(2000)), sizes=sizes)
    def deliver(self, limit_len, sizes):
        self.broker.deliver(limit_len, sizes)
        assert self.client.session.error is None

    @rule(wait_ms=st.integers(0, 3000))
    def wait(self, wait_ms):
        self.broker.wait(wait_ms)
        if self.client.session.state == DEAD:
            self.lose(True, 0, True)

    @rule(kept=st.booleans(), keepalive_s=st.sampled_from([0, 4]), at_once=st.booleans())
    def lose(self, kept, keepalive_s, at_once):
        if not kept:
            self.broker.forget()
        self.broker.connect(keepalive_s)
        if at_once:
            self.broker.take()
            self.broker.read()
            self.broker.release()
            self.broker.deliver()

    @rule(kept=st.booleans())
    def leave(self, kept):
        if self.client.disconnect():
            self.broker.take()
            self.lose(kept, 0, True)

    # -- the hub -------------------------------------------------------------------------------

    @precondition(lambda self: self.broker.answers)
    @rule(data=st.data(), twice=st.booleans())
    def release(self, data, twice):
        index = data.draw(st.integers(0, len(self.broker.answers) - 1))
        twice = twice and self.repeats and self.broker.answers[index].kind in REPEATED
        self.broker.release(index, 1 + twice)

    @precondition(lambda self: self.broker.up and len(self.broker.outgoing) < HELD_MAX)
    @rule(filler_len=st.integers(0, RX_LEN + 20), qos=st.integers(0, 2))
    def publish(self, filler_len, qos):
        payload = self.next_payload(filler_len)
        self.sent_qos[payload] = qos
        self.broker.publish(payload, qos)

    @precondition(lambda self: self.broker.up and self.broker.outgoing)
    @rule(data=st.data())
    def repeat(self, data):
        self.broker.repeat(data.draw(st.sampled_from(list(self.broker.outgoing))))

    @precondition(lambda self: self.broker.up)
    @rule(kind=st.sampled_from([codec.PUBACK, codec.PUBREC, codec.PUBCOMP]), data=st.data())
    def lie(self, kind, data):
        self.broker.deliver()
        half_written = {self.client.writing_id} - {0}
        ids = half_written or {9} | self.client.publishing.used_ids() - {0}
        packet_id = data.draw(st.sampled_from(sorted(ids)))
        if half_written or not self.client.publishing.expects(kind, packet_id):
            self.broker.send(codec.ack(kind, packet_id))
            self.broker.deliver()
        if self.client.session.state == DEAD:
            self.lose(True, 0, True)

    # -- what is promised ----------------------------------------------------------------------

    @invariant()
    def nothing_comes_twice_that_should_not(self):
        for payload, qos in self.put_qos.items():
            if qos == 0 or (qos == 2 and payload not in self.broker.forgotten):
                assert self.broker.arrived.count(payload) <= 1, payload
        for payload, qos in self.sent_qos.items():
            assert qos == 1 or self.client.heard.count(payload) <= 1, payload

    @invariant()
    def all_comes_in_order(self):
        for payloads in (self.broker.arrived, self.client.heard):
            first = list(
                dict.fromkeys(int(payload.split(b":")[0]) for payload in payloads if payload != b"on")
            )
            assert first == sorted(first)

    # With a hub that answers everything, everything comes.
    def teardown(self):
        broker, client = self.broker, self.client
        broker.holds = set()
        client.session.paused = False
        if client.session.state == DEAD:
            self.lose(True, 0, True)
        broker.settle()
        while broker.answers:
            broker.release()
            broker.settle()
        assert (client.session.state, client.session.outbox.count, client.session.in_flight) == (UP, 0, 0)
        assert not broker.outgoing
        to_hub = {payload for payload, qos in self.put_qos.items() if qos}
        assert to_hub <= {*broker.arrived, *client.lost}
        to_client = {payload for payload, qos in self.sent_qos.items() if qos and len(payload) + 5 <= RX_LEN}
        assert to_client <= {*client.heard, *self.broker.forgotten}


TestSession = SessionAndHub.TestCase
TestSession.settings = settings(max_examples=300, stateful_step_count=60)
