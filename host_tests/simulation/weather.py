"""What the tests of the whole node share: its boards, its program, and what coming back means."""

from contextlib import contextmanager

from host_tests.fakes import World

BOARDS = ("RPI_PICO_W", "ESP32_GENERIC", "unix")
RADIO_BOARDS = BOARDS[:2]  # unix has no radio
READING_S = 5
# Join (2 s), clock, TCP and TLS (2 s), CONNECT and SUBSCRIBE, with some air.
CONNECT_S = 10
BACKOFF_S = 32  # the longest wait between two tries


def counting(node):
    """A program that sends 1, 2, 3 ... as "n" every READING_S."""
    count = iter(range(1, 1_000_000))

    @node.telemetry(every_s=READING_S)
    def n():
        return next(count)


@contextmanager
def booted_world(board="RPI_PICO_W", program=counting, seed=0, **sections):
    """A World whose device has started and whose node has not run yet."""
    with World(board, seed=seed) as world:
        world.boot(program, **sections)
        yield world


@contextmanager
def online_world(board="RPI_PICO_W", program=counting, events_qos=0, **sections):
    """A World whose node is ONLINE and has sent its first readings. It asked for reports of that QoS."""
    with booted_world(board, program, **sections) as world:
        if events_qos:
            world.node.hub.subscriptions = lambda: [(b"errors/#", events_qos)]
        world.run(until=world.online, limit_s=CONNECT_S)
        world.run(for_s=2 * READING_S)
        yield world


def assert_recovered(world, reason, within_s):
    """The node notices, comes back by itself within so many seconds, and has reported the reason.

    (a) a line in the log, (b) a count in telemetry "troubles", (c) ONLINE, (e) readings in order with
    every gap accounted for. That the watchdog slept and the hub had no complaint (d) is checked
    when the World is left.
    """
    began_ms = world.clock.now_ms
    world.run(until=lambda: world.logged("trouble " + reason), limit_s=within_s)
    world.run(until=world.online, limit_s=within_s - (world.clock.now_ms - began_ms) / 1000)
    world.run(until=lambda: reason in world.hub.troubles(), limit_s=10)
    assert_readings_in_order(world)


def assert_readings_in_order(world):
    """All that was made has arrived in order, except what the last message says was dropped."""
    world.run(for_s=READING_S)
    world.run(until=lambda: not world.node._outbox.count, limit_s=30)
    messages = [message for _, message in world.hub.telemetry()]
    keys = [(message["boot"], message["seq"]) for message in messages]
    assert keys == sorted(keys), f"out of order: {keys}"
    last_boot, last_seq = keys[-1]
    arrived = sum(boot == last_boot for boot, _ in keys)
    assert last_seq - arrived == messages[-1].get("dropped", 0), f"lost without a word: {keys}"
    values = [(message["boot"], message["data"]) for message in messages if message["name"] == "n"]
    assert values == sorted(values), f"readings out of order: {values}"
