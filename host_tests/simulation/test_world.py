"""The simulated world is as strict as it says: what it must catch, it catches."""


import pytest

from host_tests.fakes import World, codec
from host_tests.fakes.clock import NEVER, Clock, EndOfRun, WorldError
from host_tests.fakes.sockets import DATAGRAM
from host_tests.simulation.weather import CONNECT_S, counting, online_world

TICK_S = 1_795_248_000


def test_same_seed_gives_the_same_run():
    def log(seed):
        with World(seed=seed) as world:
            world.net.loss = 0.1
            world.boot(counting)
            world.run(for_s=600)
            return world.lines

    assert log(1) == log(1)
    assert log(1) != log(2)


def test_events_come_in_order_and_time_stands_still_between():
    clock = Clock(TICK_S)
    seen = []
    for ms in (30, 10, 20):
        clock.after(ms, lambda ms=ms: seen.append((ms, clock.now_ms)))
    clock.wait(25)
    assert seen == [(10, 10), (20, 20)] and clock.now_ms == 25
    assert clock.wait(100, ready=lambda: len(seen) == 3) and clock.now_ms == 30


def test_watchdog_bites_to_the_millisecond():
    clock = Clock(TICK_S)
    clock.deadline_ms = 100
    clock.wait(99)
    with pytest.raises(EndOfRun, match="watchdog"):
        clock.wait(50)
    assert clock.now_ms == 100


def test_loop_that_spins_is_caught():
    with online_world() as world:
        world.unchecked = True
        time = world.modules["time"]

        def spin(now_ms):
            while time.ticks_ms() == now_ms:
                pass

        world.node.step = spin
        with pytest.raises(AssertionError, match="spins"):
            world.run(for_s=10)


def test_bug_of_the_world_is_not_swallowed_by_the_firmware():
    with online_world() as world:
        world.unchecked = True
        world.clock.after(100, lambda: 1 / 0)
        with pytest.raises(AssertionError, match="ZeroDivisionError") as caught:
            world.run(for_s=10)
        assert isinstance(caught.value.__cause__, WorldError)


def test_other_bytes_after_a_refused_tls_write_are_caught():
    with online_world() as world:
        world.unchecked = True
        world.hub.deaf = True
        tls = world.node.uplink.connection._stream._io
        while tls.write(b"a" * 4000):
            pass
        with pytest.raises(WorldError, match="same bytes"):
            tls.write(b"b" * 4000)


def test_socket_in_blocking_mode_is_caught():
    with online_world() as world:
        world.unchecked = True
        sock = world.modules["socket"].socket()
        with pytest.raises(WorldError, match="blocking"):
            sock.connect(("10.0.0.5", 8883))
        sock.close()


@pytest.mark.parametrize("board", ["RPI_PICO_W", "ESP32_GENERIC"])
def test_getaddrinfo_with_a_name_is_caught(board):
    with online_world(board) as world, pytest.raises(WorldError, match="getaddrinfo"):
        world.modules["socket"].getaddrinfo("hub.example.test", 8883)


def test_socket_left_open_is_caught():
    with pytest.raises(AssertionError, match="left open"), online_world() as world:
        world.modules["socket"].socket(2, DATAGRAM)


def test_call_longer_than_the_watchdog_is_caught():
    with pytest.raises(AssertionError, match="longer than the watchdog"), online_world() as world:
        world.clock.deadline_ms = NEVER
        world.modules["network"].WLAN(0).scan()


def test_write_into_a_full_stack_blocks_ten_seconds_on_rp2():
    with online_world() as world:
        world.may_bite = True
        world.hub.deaf = True
        raw = world.node.uplink.connection._stream._raw

        def write_often(now_ms):
            raw.write(b"x")
            return 0

        world.node.step = write_often
        assert world.run(for_s=20) == "watchdog"


@pytest.mark.parametrize(
    ("packet", "clause"),
    [
        (b"\x10\x0c\x00\x04MQTT\x05\x02\x00\x3c\x00\x00", "3.1.2"),
        (b"\x10\x0c\x00\x04MQTT\x04\x03\x00\x3c\x00\x00", "3.1.2.3"),
        (b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x3c\x00\x00", "3.1.3.1"),
        (b"\x10\x0e\x00\x04MQTT\x04\x42\x00\x3c\x00\x00\x00\x00", "3.1.2.9"),
        (b"\x30\x02\x00\x00", "4.7"),
        (b"\x30\x03\x00\x01#", "4.7"),
        (b"\x30\x03\x00\x01\xff", "1.5.3"),
        (b"\x30\x03\x00\x01\x00", "1.5.3"),
        (b"\x36\x05\x00\x01a\x00\x01", "3.3.1"),
        (b"\x38\x03\x00\x01a", "3.3.1"),
        (b"\x32\x05\x00\x01a\x00\x00", "2.3.1"),
        (b"\x80\x06\x00\x01\x00\x01a\x00", "2.2.2"),
        (b"\x82\x02\x00\x01", "3.8.3"),
        (b"\x82\x06\x00\x01\x00\x01a\x03", "3.8.3"),
        (b"\xc0\x01\x00", "2.2.3"),
        (b"\x20\x02\x00\x00", "2.2.1"),
        (b"\x30\xff\xff\xff\xff\x01", "2.2.3"),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else value,
)
def test_hub_notes_what_the_standard_forbids(packet, clause):
    with pytest.raises(codec.Violation, match=clause.replace(".", r"\.")):
        list(codec.Decoder().packets(packet))


def test_hub_resets_a_client_that_breaks_the_rules():
    with online_world() as world:
        world.unchecked = True
        tls = world.node.uplink.connection._stream._io
        tls.write(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")
        world.run(until=lambda: not world.online(), limit_s=5)
        world.run(until=world.online, limit_s=CONNECT_S)
        assert len(world.hub.violations) == 1 and "CONNECT must come first" in world.hub.violations[0]


@pytest.mark.parametrize(
    ("topic_filter", "topic", "fits"),
    [
        ("a/#", "a", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("#", "$SCW/x", False),
        ("+/b", "a/b", True),
    ],
)
def test_hub_matches_topics(topic_filter, topic, fits):
    assert codec.matches(topic_filter, topic) == fits
