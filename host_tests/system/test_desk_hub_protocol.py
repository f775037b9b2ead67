"""The desk hub's session loop: malformed input, deadlines, slow clients, its switches, the generic dialect.

What is sent is made of bytes here; what a well-behaved client sees is seen through paho.
"""

import json
import queue
import socket
import ssl
import threading

import pytest
from hublink_desk.hub import Device, Limits, packets

from host_tests.system.desk_hub_parts import (
    CONNACK_OK,
    DISCONNECT,
    PATIENCE_S,
    PINGREQ,
    PINGRESP,
    connect,
    packet,
    publish,
    subscribe,
    text,
    wait_until,
)

SENSOR, WATCHER = "sensor-id", "watcher-id"
DEVICES = [Device(SENSOR, "sensor-1", allow_insecure=True), Device(WATCHER, "watcher", allow_insecure=True)]
FAILED = 0x80  # SUBACK
READ_HEADER, DECODE_HEADER = "cannot read MQTT header", "cannot decode MQTT header"
UNPACK = "failed to unpack message body"


def watch(desk, **options):
    """A scaleway hub and a watcher of its events."""
    desk.start(devices=DEVICES, **options)
    watcher = desk.connected(WATCHER)
    assert watcher.subscribe("$SCW/events/#") == 0
    return watcher


def assert_event(watcher, object_id, msg):
    record = json.loads(watcher.message()[1])
    assert (record["object-id"], record["msg"]) == (object_id, msg)
    return record


def assert_unharmed(desk):
    """The hub still serves others, and one that misbehaved may come again."""
    client = desk.connected(SENSOR)
    client.subscribe("well")
    client.publish("well", b"done")
    assert client.message() == ("well", b"done")


# --- malformed, before CONNECT was accepted ---

FIRST = {
    "packet-before-connect": (PINGREQ, None),
    "publish-before-connect": (publish("a"), None),
    "unknown-type-0": (b"\x00\x00", "unknown MQTT message type: 0"),
    "unknown-type-15": (b"\xf0\x00", "unknown MQTT message type: 15"),
    "connack-from-client": (CONNACK_OK, "unknown MQTT message type: 2"),
    "remaining-length-of-5-bytes": (b"\x10\xff\xff\xff\xff\x01", DECODE_HEADER),
    "reserved-header-flags": (b"\x11" + connect("x")[1:], DECODE_HEADER),
    "empty-connect": (b"\x10\x00", UNPACK),
    "truncated-field": (packet(0x10, text("MQTT") + b"\x04\x02\x00\x00\x00\x09abc"), UNPACK),
    "bytes-left-over": (connect("x", rest=b"\x00"), UNPACK),
    "announced-will-is-missing": (connect("x", flags=6), UNPACK),
    "announced-user-name-is-missing": (connect("x", flags=0x82), UNPACK),
    "will-qos-3": (connect("x", flags=0x1E, rest=text("a") + text("b")), UNPACK),
    "will-flags-without-will": (connect("x", flags=0x22), UNPACK),
    "will-topic-with-wildcard": (connect("x", flags=6, rest=text("a/#") + text("b")), UNPACK),
    "password-without-user-name": (connect("x", flags=0x42, rest=text("b")), UNPACK),
    "reserved-connect-flag": (connect("x", flags=3), UNPACK),
    "client-id-not-utf-8": (packet(0x10, text("MQTT") + b"\x04\x02\x00\x00\x00\x02\xc3\x28"), UNPACK),
    "oversized-connect": (b"\x10\xff\xff\xff\x7f", UNPACK),
    "http-request": (b"GET / HTTP/1.1\r\n\r\n", DECODE_HEADER),
}


@pytest.mark.parametrize(("sent", "msg"), FIRST.values(), ids=FIRST)
def test_malformed_first_packet_closes(desk, sent, msg):
    watcher = watch(desk)
    raw = desk.raw()
    raw.send(sent)
    assert raw.is_closed()
    assert desk.log.wait("refuse")["reason"]
    if msg:
        assert_event(watcher, "unknown", msg)
    assert_unharmed(desk)


@pytest.mark.parametrize(("level", "name"), [(3, "MQIsdp"), (3, "MQTT"), (5, "MQTT"), (4, "MQTX")])
def test_other_protocol_gets_connack_1(desk, level, name):
    desk.start(devices=DEVICES)
    raw = desk.raw()
    raw.send(connect(SENSOR, level=level, name=name))
    assert raw.read(5) == b"\x20\x02\x00\x01"
    assert desk.log.wait("refuse")["reason"] == f"protocol {name!r} level {level}"


def test_packet_that_comes_byte_by_byte_is_one_packet(desk):
    desk.start(devices=DEVICES)
    raw = desk.raw()
    for byte in connect(SENSOR) + PINGREQ:
        raw.send(bytes([byte]))
    assert raw.read(6) == CONNACK_OK + PINGRESP


def test_packets_that_come_at_once_are_many_packets(desk):
    desk.start(devices=DEVICES)
    raw = desk.raw()
    raw.send(connect(SENSOR) + subscribe("a") + publish("a", b"1") + PINGREQ)
    got = raw.read(17)
    assert got.startswith(CONNACK_OK + b"\x90\x03\x00\x01\x00")
    assert PINGRESP in got and publish("a", b"1") in got  # in either order


# --- malformed, from a connected device ---

LATER = {
    "second-connect": (connect(SENSOR), None),
    "second-connect-of-mqtt-5": (connect(SENSOR, level=5), None),
    "remaining-length-of-5-bytes": (b"\x30\x80\x80\x80\x80\x01", DECODE_HEADER),
    "subscribe-flags": (b"\x80" + subscribe("a")[1:], DECODE_HEADER),
    "pingreq-with-a-body": (b"\xc0\x01\x00", UNPACK),
    "publish-qos-3": (publish("a", b"", 0x36, b"\x00\x01"), "invalid MQTT QoS value: 3"),
    "subscribe-qos-3": (subscribe("a", qos=3), "invalid MQTT QoS value: 3"),
    "publish-to-wildcard": (publish("a/+"), UNPACK),
    "publish-topic-cut": (packet(0x30, b"\x00\x09abc"), UNPACK),
    "publish-topic-not-utf-8": (packet(0x30, b"\x00\x02\xc3\x28abcdef"), UNPACK),
    "publish-topic-with-nul": (publish("a\0b"), UNPACK),
    "publish-packet-id-0": (publish("a", b"", 0x32, b"\x00\x00"), UNPACK),
    "publish-without-packet-id": (packet(0x32, text("a")), UNPACK),
    "publish-without-topic": (publish("", b"x"), "empty topics are not authorized"),
    "subscribe-to-nothing": (packet(0x82, b"\x00\x01"), UNPACK),
    "subscribe-cut": (packet(0x82, b"\x00\x01\x00\x01a"), UNPACK),
    "subscribe-misplaced-hash": (subscribe("a/#/b"), UNPACK),
    "subscribe-misplaced-plus": (subscribe("a+/b"), UNPACK),
    "subscribe-packet-id-0": (subscribe("a", packet_id=b"\0\0"), UNPACK),
    "unsubscribe-from-nothing": (packet(0xA2, b"\x00\x01"), UNPACK),
    "puback-too-long": (b"\x40\x03\x00\x01\x00", UNPACK),
    "oversized-subscribe": (b"\x82\xff\xff\xff\x7f", UNPACK),
}


@pytest.mark.parametrize(("sent", "msg"), LATER.values(), ids=LATER)
def test_malformed_later_packet_closes(desk, sent, msg):
    watcher = watch(desk)
    raw = desk.raw_connected(SENSOR)
    raw.send(sent)
    assert raw.is_closed()
    assert desk.log.wait("disconnect", client=SENSOR)["reason"]
    if msg:
        assert_event(watcher, SENSOR, msg)
    assert_unharmed(desk)


@pytest.mark.parametrize(
    ("sent", "msg"),
    [(b"", READ_HEADER), (b"\x30", READ_HEADER), (b"\x30\x80", READ_HEADER), (b"\x30\x05\x00\x01", UNPACK)],
    ids=["between-packets", "inside-header", "inside-length", "inside-body"],
)
def test_connection_that_ends_is_told_apart_by_where(desk, sent, msg):
    watcher = watch(desk)
    raw = desk.raw_connected(SENSOR)
    raw.send(sent)
    raw.close()
    assert_event(watcher, SENSOR, msg)


def test_empty_topic_need_not_close(desk):
    watcher = watch(desk, closes_on_empty_topic=False)
    raw = desk.raw_connected(SENSOR)
    raw.send(publish("", b"x") + subscribe("") + PINGREQ)
    assert raw.read(7) == b"\x90\x03\x00\x01\x80" + PINGRESP
    for _ in range(2):
        assert_event(watcher, SENSOR, "empty topics are not authorized")


def test_plain_text_on_the_tls_port_is_refused(desk):
    hub = desk.start(devices=DEVICES)
    with socket.create_connection(("127.0.0.1", hub.port), PATIENCE_S) as plain:
        plain.sendall(connect(SENSOR))
        while plain.recv(100):
            pass
    assert desk.log.wait("refuse")["reason"].startswith("TLS handshake: ")
    assert_unharmed(desk)


# --- deadlines and bounds ---


@pytest.mark.parametrize("with_tls", [False, True])
def test_client_without_connect_is_cut(desk, with_tls):
    hub = desk.start(devices=DEVICES, limits=Limits(connect_s=0.2))
    if with_tls:
        assert desk.raw().is_closed()
    else:
        with socket.create_connection(("127.0.0.1", hub.port), PATIENCE_S) as plain:
            assert plain.recv(1) == b""
    assert desk.log.wait("refuse")["reason"] == "no CONNECT within 0.2 s"


def test_ping_keeps_a_connection_alive(desk):
    desk.start(devices=DEVICES)
    raw = desk.raw_connected(SENSOR, keepalive_s=1)
    for _ in range(2):  # 1.8 s in all, more than the 1.5 s that one silence may last
        assert raw.hears_nothing(0.9)
        raw.send(PINGREQ)
        assert raw.read(2) == PINGRESP


def test_slow_subscriber_loses_its_oldest_and_holds_up_nobody(desk):
    desk.start(devices=DEVICES, limits=Limits(queue_count=4, write_s=60))
    slow, fast = desk.raw_connected(SENSOR, receive_buffer_len=4096), desk.connected(WATCHER)
    slow.send(subscribe("big"))
    fast.subscribe("big")
    payload, count = bytes(256 * 1024), 40
    for number in range(count):
        fast.publish("big", b"%03d" % number + payload)
        assert fast.message()[1][:3] == b"%03d" % number
    lost = desk.log.wait("overflow", client=SENSOR)
    assert (lost["topic"], lost["len"]) == ("big", len(payload) + 3)
    assert slow.read(5) == b"\x90\x03\x00\x01\x00"
    numbers, one_len = [], len(publish("big", b"000" + payload))
    while not numbers or numbers[-1] < count - 1:
        numbers.append(int(slow.read(one_len)[9:12]))
    assert numbers == sorted(set(numbers))
    assert numbers[-4:] == list(range(count - 4, count))  # the newest were kept
    assert len(numbers) < count


def test_client_that_does_not_read_is_cut(desk):
    desk.start(devices=DEVICES, limits=Limits(write_s=0.2))
    slow, fast = desk.raw_connected(SENSOR, receive_buffer_len=4096), desk.connected(WATCHER)
    slow.send(subscribe("big"))
    desk.log.wait("subscribe")
    fast.subscribe("$SCW/events/#")
    for _ in range(4):
        fast.publish("big", bytes(4 * 1024 * 1024))
    assert_event(fast, SENSOR, "cannot write MQTT packet")
    assert desk.log.wait("disconnect", client=SENSOR)["reason"] == "the client did not read for 0.2 s"


def test_queue_full_of_qos_1_ends_the_slow_client(desk):
    desk.start(devices=DEVICES, plan="dedicated", limits=Limits(queue_count=3, in_flight=2))
    mute, other = desk.raw_connected(SENSOR), desk.connected(WATCHER)  # mute: acknowledges nothing
    mute.send(subscribe("a", qos=1))
    desk.log.wait("subscribe")
    for _ in range(7):
        other.publish("a", b"", qos=1)
    assert "QoS 1 and 2" in desk.log.wait("disconnect", client=SENSOR)["reason"]


def test_acknowledgement_makes_room_in_the_window(desk):
    desk.start(devices=DEVICES, plan="dedicated", limits=Limits(in_flight=2))
    raw = desk.raw_connected(SENSOR)
    raw.send(subscribe("a", qos=1))
    for number in (1, 2, 3):
        raw.send(publish("a", b"", 0x32, bytes([0, number])))
    sent = [publish("a", b"", 0x32, bytes([0, number])) for number in (1, 2, 3)]
    pubacks = [b"\x40\x02" + bytes([0, number]) for number in (1, 2, 3)]
    got = raw.read(5 + 2 * 7 + 3 * 4)
    assert sorted(got) == sorted(b"\x90\x03\x00\x01\x01" + b"".join(pubacks) + sent[0] + sent[1])
    raw.send(b"\x40\x02\x00\x01")
    assert raw.read(7) == sent[2]


def test_too_many_filters_are_refused(desk):
    desk.start(devices=DEVICES, limits=Limits(subscriptions=2))
    client = desk.connected(SENSOR)
    assert [client.subscribe(topic) for topic in "aba"] == [0, 0, 0]
    assert client.subscribe("c") == FAILED
    client.paho.unsubscribe("b")
    assert desk.log.wait("unsubscribe")["topic"] == "b"
    assert client.subscribe("c") == 0


def test_too_many_connections_are_refused(desk, pki):
    desk.start(devices=DEVICES, limits=Limits(connections=1))
    desk.connected(SENSOR)
    with pytest.raises((ConnectionError, ssl.SSLError)):
        desk.raw()
    assert desk.log.wait("refuse")["reason"] == "as many connections as the hub may have"


# --- acknowledgements ---


def test_puback_comes_after_the_message_was_routed(desk):
    desk.start(devices=DEVICES)
    watcher = desk.connected(WATCHER)
    watcher.subscribe("a")
    desk.connected(SENSOR).publish("a", b"x", qos=1)
    assert desk.log.has("publish", topic="a")
    assert watcher.message() == ("a", b"x")


def test_qos_2_sent_twice_is_delivered_once(desk):
    desk.start(devices=DEVICES, plan="dedicated")
    raw = desk.raw_connected(SENSOR)
    watcher = desk.connected(WATCHER)
    watcher.subscribe("a")
    first, again = publish("a", b"1", 0x34, b"\x00\x05"), publish("a", b"1", 0x3C, b"\x00\x05")
    release = b"\x62\x02\x00\x05"
    raw.send(first + again + release + publish("a", b"2", 0x34, b"\x00\x05") + release)
    pubrec, pubcomp = b"\x50\x02\x00\x05", b"\x70\x02\x00\x05"
    assert raw.read(20) == pubrec + pubrec + pubcomp + pubrec + pubcomp
    assert [watcher.message()[1] for _ in range(2)] == [b"1", b"2"]


def test_messages_of_one_client_keep_their_order(desk):
    desk.start(devices=DEVICES)
    watcher, raw = desk.connected(WATCHER), desk.raw_connected(SENSOR)
    watcher.subscribe("a/#")
    numbers = [str(number).encode() for number in range(300)]
    for number in numbers:
        at_qos_0, at_qos_1 = publish("a/0", number), publish("a/1", number, 0x32, b"\x00\x01")
        raw.send(at_qos_0 + at_qos_1)
    for number in numbers:
        assert [watcher.message() for _ in range(2)] == [("a/0", number), ("a/1", number)]


# --- test switches ---


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 99])
def test_refuse_connect_answers_with_the_code(desk, code):
    hub = desk.start(devices=DEVICES)
    hub.refuse_connect(code)
    raw = desk.raw()
    raw.send(connect(SENSOR))
    assert raw.read(5) == bytes([0x20, 2, 0, code])
    assert desk.log.wait("refuse", code=code, claimed=SENSOR)
    hub.refuse_connect(None)
    desk.raw_connected(SENSOR)


def test_refuse_connect_takes_no_code_that_accepts(desk):
    hub = desk.start(devices=DEVICES)
    for code in (0, 256):
        with pytest.raises(ValueError, match="1 to 255"):
            hub.refuse_connect(code)


def test_frozen_hub_is_silent_and_cuts_nobody(desk):
    hub = desk.start(devices=DEVICES, limits=Limits(connect_s=0.3))
    raw, watcher = desk.raw_connected(SENSOR, keepalive_s=1), desk.connected(WATCHER)
    watcher.subscribe("a")
    hub.freeze(True)
    with socket.create_connection(("127.0.0.1", hub.port), PATIENCE_S) as newcomer:
        raw.send(publish("a", b"late") + PINGREQ)
        assert raw.hears_nothing(1.7)  # longer than 1.5 keep-alives, and than the CONNECT deadline
        newcomer.settimeout(0.01)
        with pytest.raises(TimeoutError):
            newcomer.recv(1)
        assert hub.connected() == {SENSOR, WATCHER}
        assert watcher.messages.empty()
        hub.freeze(False)
    assert raw.read(2) == PINGRESP
    assert watcher.message() == ("a", b"late")


def test_frozen_hub_still_stops(desk):
    hub = desk.start(devices=DEVICES)
    raw = desk.raw_connected(SENSOR)
    hub.freeze(True)
    wait_until(lambda: hub.connected() == {SENSOR})
    desk.close_hub()
    assert raw.is_closed()


def test_hub_that_stops_closes_connections_without_wills(desk):
    hub = desk.start(devices=DEVICES)
    watcher = desk.connected(WATCHER)
    watcher.subscribe("#")
    desk.connected(SENSOR, will=("gone", b""))
    desk.close_hub()
    assert watcher.lost.get(timeout=PATIENCE_S)
    assert not desk.log.has("will")
    assert hub.connected() == set()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", hub.port), PATIENCE_S)


def test_hub_can_be_started_again_on_its_port(desk):
    hub = desk.start(devices=DEVICES)
    port = hub.port
    desk.close_hub()
    with hub.in_thread():
        assert hub.port == port
        desk.raw_connected(SENSOR)


def test_hub_in_thread_stops_when_the_block_fails(desk):
    hub = desk.start(devices=DEVICES)
    desk.close_hub()
    with pytest.raises(ZeroDivisionError), hub.in_thread():
        1 / 0  # noqa: B018 - reading it is what is tested
    assert "desk hub" not in [thread.name for thread in threading.enumerate()]


def test_log_may_call_the_hub(desk):
    cut = queue.Queue()
    hub = desk.start(devices=DEVICES)
    desk.log.also = lambda record: record["what"] == "publish" and cut.put(hub.drop(SENSOR))
    desk.connected(SENSOR).paho.publish("a", b"")
    assert cut.get(timeout=PATIENCE_S) is True


def test_error_of_the_hubs_own_is_told_and_ends_the_connection(desk, monkeypatch):
    hub = desk.start("generic")
    client = desk.connected("1", desk.pki.sensor)
    client.subscribe("a")
    monkeypatch.setattr(packets, "publish", lambda message, packet_id: 1 // 0)
    hub.publish("a")
    assert client.lost.get(timeout=PATIENCE_S)
    bug = desk.log.wait("bug")
    assert "ZeroDivisionError" in bug["reason"]
    desk.log.wait("disconnect", client="1")
    desk.log.records.remove(bug)  # it was made to happen


# --- the generic dialect ---


def test_generic_lets_in_any_certificate_of_its_authority(desk, pki):
    hub = desk.start("generic")
    desk.connected("first", pki.sensor)
    desk.connected("second", pki.stranger)
    assert hub.connected() == {"first", "second"}


@pytest.mark.parametrize(
    ("identity", "alert", "reason"),
    [
        (None, "handshake failure", "peer did not return a certificate"),
        ("foreign", "unknown ca", "unable to get local issuer certificate"),
        ("self_signed", "unknown ca", "self-signed certificate"),
    ],
)
def test_generic_refuses_without_its_certificate_in_the_handshake(desk, pki, identity, alert, reason):
    desk.start("generic")
    with pytest.raises(ssl.SSLError, match=alert):
        desk.raw(identity and getattr(pki, identity))
    assert desk.log.wait("refuse")["reason"] == f"TLS handshake: {reason}"


def test_generic_keeps_retained_messages(desk, pki):
    desk.start("generic")
    sensor = desk.connected("s", pki.sensor)
    sensor.publish("a/1", b"old", retain=True)
    sensor.publish("a/1", b"new", qos=1, retain=True)
    sensor.publish("a/2", b"cleared", retain=True)
    sensor.publish("a/2", b"", qos=1, retain=True)
    sensor.publish("a/3", b"live", retain=False)
    late = desk.connected("w", pki.watcher)
    assert late.subscribe("a/+", 1) == 1
    kept = late.messages.get(timeout=PATIENCE_S)
    assert (kept.topic, kept.payload, kept.qos, kept.retain) == ("a/1", b"new", 1, True)
    sensor.publish("a/1", b"newer", retain=True)
    live = late.messages.get(timeout=PATIENCE_S)
    assert (live.payload, live.retain) == (b"newer", False)


def test_generic_retained_will_is_kept(desk, pki):
    hub = desk.start("generic")
    desk.connected("s", pki.sensor, will=("state", b"offline", 1, True))
    hub.drop("s")
    watcher = desk.connected("w", pki.watcher)
    watcher.subscribe("state")
    assert watcher.message() == ("state", b"offline")


def test_generic_has_a_bound_on_retained_messages(desk, pki):
    desk.start("generic", limits=Limits(retained_count=1))
    sensor = desk.connected("s", pki.sensor)
    sensor.publish("a", b"1", retain=True)
    sensor.publish("b", b"2", retain=True)
    assert desk.log.wait("overflow")["topic"] == "b"
    sensor.subscribe("#")
    assert sensor.message() == ("a", b"1")


def test_generic_evicts_the_older_of_one_client_id(desk, pki):
    desk.start("generic")
    older = desk.connected("same", pki.sensor)
    desk.connected("same", pki.stranger)
    assert older.lost.get(timeout=PATIENCE_S)


def test_generic_names_a_client_without_client_id(desk, pki):
    hub = desk.start("generic")
    raw = desk.raw_connected("", pki.sensor)
    desk.raw_connected("", pki.sensor)
    assert [name[:10] for name in hub.connected()] == ["generated-"] * 2
    raw.send(DISCONNECT)
    assert raw.is_closed()


def test_generic_refuses_to_keep_a_session_without_client_id(desk, pki):
    desk.start("generic")
    raw = desk.raw(pki.sensor)
    raw.send(connect("", flags=0))
    assert raw.read(5) == b"\x20\x02\x00\x02"


@pytest.mark.parametrize("sent", [publish("", b"x"), publish("a", bytes(4 * 1024 * 1024 + 1))])
def test_generic_closes_on_what_it_cannot_publish(desk, pki, sent):
    desk.start("generic")
    raw = desk.raw_connected("s", pki.sensor)
    raw.send(sent)
    assert raw.is_closed()
    assert desk.log.wait("drop")["reason"]
