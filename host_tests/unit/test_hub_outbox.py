"""The queue of messages for one client: bounded in every way, and it never repeats a packet id in use."""

import asyncio

import pytest
from hublink_desk.hub import Limits
from hublink_desk.hub.outbox import Outbox, OutboxFull
from hublink_desk.hub.packets import Ack, Message


def sent_by(outbox):
    """All that the outbox sends until it waits for something."""
    sent = []

    async def write(data):
        sent.append(data)

    async def run():
        sender = asyncio.ensure_future(outbox.send_all(write))
        await asyncio.sleep(0)  # the sender runs until it waits; write() never does
        sender.cancel()

    asyncio.run(run())
    return sent


def test_oldest_qos_0_makes_room_by_count():
    dropped = []
    outbox = Outbox(Limits(queue_count=2), dropped.append)
    first, kept, second, third = Message("1", b""), Message("k", b"", 1), Message("2", b""), Message("3", b"")
    for message in (first, kept, second, third):
        outbox.put(message)
    assert dropped == [first, second]
    assert [data[4:5] for data in sent_by(outbox)] == [b"k", b"3"]


def test_oldest_qos_0_makes_room_by_bytes():
    dropped = []
    outbox = Outbox(Limits(queue_len=10), dropped.append)
    messages = [Message("a", bytes(length)) for length in (4, 4, 4, 10)]
    for message in messages:
        outbox.put(message)
    assert dropped == messages[:3]
    assert len(sent_by(outbox)) == 1
    outbox.put(messages[3])  # what was sent has left the count
    assert dropped == messages[:3]


def test_qos_1_is_never_dropped():
    outbox = Outbox(Limits(queue_count=1), None)
    outbox.put(Message("a", b"", 1))
    with pytest.raises(OutboxFull):
        outbox.put(Message("b", b"", 1))


def test_window_holds_back_qos_1_and_what_is_behind_it():
    outbox = Outbox(Limits(in_flight=1), None)
    for topic, qos in (("1", 1), ("2", 1), ("3", 0)):
        outbox.put(Message(topic, b"", qos))
    assert [data[4:] for data in sent_by(outbox)] == [b"1\x00\x01"]
    assert outbox.acknowledged(Ack("PUBACK", 1, "")) == b""
    assert [data[4:] for data in sent_by(outbox)] == [b"2\x00\x02", b"3"]


def test_qos_2_is_done_at_pubcomp():
    outbox = Outbox(Limits(in_flight=1), None)
    for topic in "12":
        outbox.put(Message(topic, b"", 2))
    assert len(sent_by(outbox)) == 1
    assert outbox.acknowledged(Ack("PUBREC", 1, "")) == b"\x62\x02\x00\x01"
    assert sent_by(outbox) == []
    assert outbox.acknowledged(Ack("PUBCOMP", 1, "")) == b""
    assert len(sent_by(outbox)) == 1


def test_packet_ids_wrap_and_skip_the_ones_in_use():
    outbox = Outbox(Limits(in_flight=2), None)
    outbox.put(Message("stuck", b"", 1))
    sent_by(outbox)
    ids = []
    for _ in range(65_535):
        ids.append(outbox._new_id(None))
        outbox.acknowledged(Ack("PUBACK", ids[-1], ""))
    assert ids[:2] == [2, 3]
    assert ids[-2:] == [65_535, 2]  # neither 0, which is forbidden, nor 1, which is in use
