"""Whatever a hub sends is an event or ends the link: never an exception, never more work than it has bytes.

A million cases: pytest --hypothesis-profile=million --hypothesis-seed=1 host_tests/unit/test_any_bytes.py
"""

from hypothesis import given
from hypothesis import strategies as st

from host_tests.fakes import codec
from host_tests.fakes.session_model import SessionModel
from host_tests.shim import install

with install():
    from hublink.outbox import Outbox
    from hublink.protocol.session import Session

RX_LEN = 24
CONNACK = codec.connack(0, False)
# Packets that mean something to waiting_for_everything(), and beginnings of larger ones.
KNOWN = [
    codec.publish("t", b"x"),
    codec.publish("t", b"x", 1, 5),
    codec.publish("t", b"x", 2, 5),
    codec.publish("t", b"x", 2, 5, dup=True),
    codec.publish("t", bytes(RX_LEN), 1, 6),
    codec.ack(codec.PUBACK, 2),
    codec.ack(codec.PUBREC, 3),
    codec.ack(codec.PUBCOMP, 4),
    codec.ack(codec.PUBCOMP, 3),
    codec.ack(codec.PUBREL, 5),
    codec.suback(1, [0]),
    codec.ack(codec.UNSUBACK, 1),
    codec.pingresp(),
    CONNACK,
    b"\x60\x02\x00\x05",  # PUBREL and PUBACK with the flags of the other
    b"\x42\x02\x00\x02",
    b"\x30\xff\xff\xff\x7f",
    b"\x30\xff\xff\xff\xff",
    b"\x90\x80\x01",
]


EACH_LEN = 40  # bytes of a recipe
CASES_AT_ONCE = 10  # in one draw, which takes hypothesis as long as ten cases take us
SPLITS = ((1 << 20,), (1,), (2,), (3, 1), (1, 7))


def stream_of(recipe):
    """Bytes that a hub sends: known packets, known packets with one byte changed, and others."""
    stream, left = b"", iter(recipe)
    for step in left:
        packet = KNOWN[step // 2 % len(KNOWN)]
        if step >= 6 * len(KNOWN):
            stream += bytes(byte for byte, _ in zip(left, range(step % 8), strict=False))
        elif step % 2:
            at = next(left, 0) % len(packet)
            stream += packet[:at] + bytes([next(left, 0)]) + packet[at + 1 :]
        else:
            stream += packet
    return stream


def waiting_for_everything(connack):
    """A client with its model that waits for SUBACK 1, PUBACK 2, PUBREC 3, PUBCOMP 4 and a pong."""
    client = SessionModel(Session(Outbox(128), RX_LEN, 4), RX_LEN, 4, 65535)
    client.connect(0)
    client.take(0)
    if connack:
        client.give(CONNACK, 0)
        client.subscribe(codec.SUBSCRIBE, [("t", 0)], 0)
        for payload, qos in ((b"a", 1), (b"b", 2), (b"c", 2)):
            client.put(payload, qos)
        client.take(0)
        client.give(codec.ack(codec.PUBREC, 4), 0)
        client.ping()
        client.take(0)
    return client


@given(st.binary(min_size=CASES_AT_ONCE * EACH_LEN, max_size=CASES_AT_ONCE * EACH_LEN))
def test_any_bytes_are_events_or_the_end(recipes):
    for at in range(0, len(recipes), EACH_LEN):
        recipe = recipes[at : at + EACH_LEN]
        client = waiting_for_everything(connack=recipe[0] >= 16)
        read_to_the_end(client, stream_of(recipe[1:]), SPLITS[recipe[0] % len(SPLITS)])


def read_to_the_end(client, data, sizes):
    while data:
        read_len = client.give(data, 0, sizes)
        client.take(0)
        if not read_len:
            assert client.session.error
            break
        data = data[read_len:]
