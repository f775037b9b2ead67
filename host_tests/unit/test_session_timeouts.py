"""A hub that falls silent, or a link that breaks, at each point there is: noticed when limits.py says, by the
name it has there, and made good on the next connection. Every deadline also behind the wrap of the ticks.
"""

import pytest

from host_tests.fakes import codec
from host_tests.fakes.broker import Broker
from host_tests.fakes.publishing_model import TICKS
from host_tests.fakes.session_model import DEAD, FOREVER_MS, UP, SessionModel
from host_tests.shim import install

with install():
    from hublink import limits
    from hublink.outbox import Outbox
    from hublink.protocol.session import Session

# The last ones put every deadline, or the moment that it counts from, behind the wrap.
STARTS_MS = (0, TICKS // 2 - 1, TICKS - 30_000, TICKS - 5_000, TICKS - 1)
KEEPALIVE_S = limits.KEEPALIVE_S
HALF_MS = KEEPALIVE_S * 500


def new_broker(start_ms):
    session = Session(Outbox(1024), 128, 4, 600)
    return Broker(SessionModel(session, 128, 4, 600), start_ms)


def connected(start_ms):
    broker = new_broker(start_ms)
    broker.connect(KEEPALIVE_S)
    broker.settle()
    return broker


# -- how a link comes to its silent end: each leaves the broker at the moment that the deadline counts from --


def connect(broker):
    broker.forget()
    broker.connect(KEEPALIVE_S)
    broker.settle()


def subscribe(broker):
    broker.client.subscribe(codec.SUBSCRIBE, [("a/#", 1), ("b", 0)], broker.now_ms)
    broker.settle()


def unsubscribe(broker):
    broker.client.subscribe(codec.UNSUBSCRIBE, [("a/#", 1)], broker.now_ms)
    broker.settle()


def ping(broker):
    broker.client.ping()
    broker.settle()


def fall_silent(broker):
    broker.wait(HALF_MS)
    broker.settle()


def publish_1(broker):
    broker.client.put(b"1:", 1)
    broker.settle()


def publish_2(broker):
    broker.client.put(b"1:", 2)
    broker.settle()


def publish_two(qos):
    """Two messages a second apart; the hub answers the first."""

    def act(broker):
        broker.client.put(b"1:", qos)
        broker.settle()
        broker.wait(1000)
        broker.client.put(b"2:", qos)
        broker.settle()
        broker.release()
        broker.settle()

    return act


def publish_many_0(broker):
    for number in range(1, 6):
        broker.client.put(b"%d:" % number + bytes(30), 0)
    broker.settle()


# What the hub does not send, how the client comes to wait for it, and what it is told.
SILENCES = {
    "connack": (codec.CONNACK, connect, limits.CONNACK_MS, "connack_timeout"),
    "suback": (codec.SUBACK, subscribe, limits.SUBACK_MS, "suback_timeout"),
    "unsuback": (codec.UNSUBACK, unsubscribe, limits.SUBACK_MS, "suback_timeout"),
    "pingresp": (codec.PINGRESP, ping, limits.PING_REPLY_MS, "ping_timeout"),
    "pingresp after silence": (codec.PINGRESP, fall_silent, limits.PING_REPLY_MS, "ping_timeout"),
    "pingresp for qos 0": (codec.PINGRESP, publish_many_0, limits.PING_REPLY_MS, "ping_timeout"),
    "puback": (codec.PUBACK, publish_1, limits.PUBACK_MS, "puback_timeout"),
    "pubrec": (codec.PUBREC, publish_2, limits.PUBACK_MS, "puback_timeout"),
    "second puback": (codec.PUBACK, publish_two(1), limits.PUBACK_MS, "puback_timeout"),
    "pubcomp": (codec.PUBCOMP, publish_2, limits.PUBACK_MS, "pubcomp_timeout"),
    "second pubcomp": (codec.PUBCOMP, publish_two(2), limits.PUBACK_MS, "pubcomp_timeout"),
}
each_silence = pytest.mark.parametrize(
    ("held", "begin", "limit_ms", "reason"), SILENCES.values(), ids=SILENCES
)
each_start = pytest.mark.parametrize("start_ms", STARTS_MS)


@each_silence
@each_start
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "forgotten"])
def test_a_silent_hub_is_noticed_in_time_and_the_next_connection_makes_it_good(
    held, begin, limit_ms, reason, start_ms, kept
):
    broker = connected(start_ms)
    broker.holds = {held}
    begin(broker)
    dies_after(broker, limit_ms, reason)
    broker.holds = set()
    publishing = broker.client.publishing
    # Of a handshake that the hub has forgotten, nobody hears any more.
    due = sum(message.qos > 0 for message in publishing.messages) + kept * len(publishing.releases)
    told = list(broker.client.told)
    makes_good(broker, kept)
    assert sum(each[0] == "ack" for each in broker.client.told[len(told) :]) == due
    subscribe(broker)
    assert all_is_well(broker)


@each_silence
@each_start
def test_an_answer_in_the_last_millisecond_is_in_time(held, begin, limit_ms, reason, start_ms):
    broker = connected(start_ms)
    broker.holds = {held}
    begin(broker)
    broker.wait(limit_ms - 1)
    broker.release()
    broker.settle()
    broker.wait(1)
    assert all_is_well(broker)


# Is it alive limit_ms - 1 after the last thing, and dead of that reason one later?
def dies_after(broker, limit_ms, reason):
    session = broker.client.session
    assert broker.client.check(broker.now_ms) <= limit_ms
    assert broker.wait(limit_ms - 1) == 1
    assert session.state != DEAD
    broker.wait(1)
    assert (session.state, session.error) == (DEAD, reason)


# Connects anew. Does the hub get what the client did not know it to have, QoS 2 only if it has not got it?
def makes_good(broker, kept):
    arrived = list(broker.arrived)
    for message in broker.client.publishing.messages:
        if not (kept and message.qos == 2 and message.payload in broker.arrived):
            arrived.append(message.payload)
    if not kept:
        broker.forget()
    broker.connect(KEEPALIVE_S)
    broker.settle()
    assert all_is_well(broker)
    assert broker.arrived == arrived


def all_is_well(broker):
    client = broker.client
    idle = not (client.publishing.messages or client.session.in_flight or broker.outgoing or broker.exchanges)
    return client.session.state == UP and idle


# -- a socket that takes nothing more --------------------------------------------------------------


def half_written(begin):
    """The action, but the socket takes three bytes of what it leads to."""

    def act(broker):
        settle, broker.settle = broker.settle, lambda: broker.take(3)
        begin(broker)
        broker.settle = settle

    return act


def hear_1(broker):
    broker.publish(b"9:", 1)
    broker.deliver()
    broker.take(3)


def release_2(broker):
    broker.holds = {codec.PUBREC}
    publish_2(broker)
    broker.holds = set()
    broker.release()
    broker.deliver()
    broker.take(3)


def announce(broker):
    broker.client.announce(b"on")
    broker.take(3)


STALLS = {
    "SUBSCRIBE": half_written(subscribe),
    "UNSUBSCRIBE": half_written(unsubscribe),
    "PUBLISH of QoS 0": half_written(publish_many_0),
    "PUBLISH of QoS 1": half_written(publish_1),
    "PUBLISH of QoS 2": half_written(publish_2),
    "PUBLISH that overtakes": announce,
    "PUBACK": hear_1,
    "PUBREL": release_2,
}


@each_start
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "forgotten"])
@pytest.mark.parametrize("begin", STALLS.values(), ids=STALLS)
def test_a_stalled_write_is_given_up_and_the_next_connection_makes_it_good(begin, kept, start_ms):
    broker = connected(start_ms)
    begin(broker)
    dies_after(broker, limits.WRITE_MS, "write_timeout")
    makes_good(broker, kept)


# CONNECT has no such deadline here: its owner gives the TLS handshake one, and CONNECT with it.
@each_start
def test_connect_is_not_given_up_while_it_is_written(start_ms):
    broker = new_broker(start_ms)
    broker.connect(KEEPALIVE_S)
    broker.take(3)
    assert broker.wait(limits.TLS_HANDSHAKE_MS) == FOREVER_MS


# -- a link that breaks behind any byte ------------------------------------------------------------


def move(broker, total_len):
    """Moves so many bytes, one each way in turn."""
    for turn in range(total_len):
        if turn & 1:
            broker.deliver(1)
        else:
            broker.take(1)
            broker.read()


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "forgotten"])
@each_start
def test_a_link_may_break_behind_any_byte(kept, start_ms):
    for first_len in range(70):  # that many bytes bring all four messages to their end
        for second_len in (0, 40):  # and the beginning of that, behind CONNECT
            broker = connected(start_ms)
            broker.client.put(b"1:", 1)
            broker.client.put(b"2:", 2)
            broker.publish(b"3:", 1)
            broker.publish(b"4:", 2)
            for cut_len in (first_len, second_len):
                move(broker, cut_len)
                if not kept:
                    broker.forget()
                broker.connect(KEEPALIVE_S)
            broker.settle()
            assert all_is_well(broker)
            arrived, heard = broker.arrived, broker.client.heard
            assert set(arrived) == {b"1:", b"2:"}
            assert heard.count(b"4:") <= 1
            if kept:
                assert arrived.count(b"2:") == 1
                assert set(heard) == {b"3:", b"4:"}
            # Under the ids of the first two.
            broker.publish(b"5:", 2)
            broker.publish(b"6:", 2)
            broker.settle()
            assert broker.client.heard[-2:] == [b"5:", b"6:"]
