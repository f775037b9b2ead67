"""The device's own trouble: sensors, handlers, memory, an exception nobody caught."""


import pytest

from host_tests.fakes import World
from host_tests.simulation.weather import (
    BOARDS,
    CONNECT_S,
    assert_readings_in_order,
    assert_recovered,
    counting,
    online_world,
)


def failing_at(times, error):
    """A program that counts, and has a second sensor that raises error the first `times` times."""

    def program(node):
        counting(node)
        calls = iter(range(1, 1_000_000))

        @node.telemetry(every_s=2)
        def probe():
            if next(calls) <= times:
                raise error
            return 1

    return program


@pytest.mark.parametrize("board", BOARDS)
def test_sensor_raises(board):
    with World(board) as world:
        world.boot(failing_at(3, ValueError("no probe on the bus")))
        assert_recovered(world, "sensor_probe", CONNECT_S)
        assert world.logged("no probe on the bus")
        world.run(until=lambda: world.hub.telemetry("probe"), limit_s=10)
        assert world.hub.troubles()["sensor_probe"] == 3


@pytest.mark.parametrize("board", BOARDS)
def test_sensor_runs_out_of_memory(board):
    with World(board) as world:
        world.boot(failing_at(2, MemoryError("memory allocation failed, allocating 4000 bytes")))
        assert_recovered(world, "out_of_memory", CONNECT_S)
        world.run(until=lambda: world.hub.telemetry("probe"), limit_s=10)


class BadFrame(ValueError):
    """What was read is in it, and is more than the heap has room for as text."""

    def __repr__(self):
        raise MemoryError("memory allocation failed, allocating 32000 bytes")


def test_what_was_raised_is_too_long_for_a_line():
    def program(node):
        failing_at(2, BadFrame())(node)

        @node.on_event()
        def broken(event):
            raise BadFrame

    with World() as world:
        world.boot(program)
        assert_recovered(world, "sensor_probe", CONNECT_S)
        world.run(until=lambda: world.hub.telemetry("probe"), limit_s=10)
        world.hub.publish("errors/one", b"something is wrong")
        assert_recovered(world, "handler_raised", 10)
        assert len(world.logged(": BadFrame")) == 3


_NOT_JSON = {"nan": float("nan"), "object": object(), "key": {1: 2}, "bytes": b"bytes", "deep": [[[[[1]]]]]}


@pytest.mark.parametrize("value", _NOT_JSON.values(), ids=_NOT_JSON)
def test_sensor_returns_what_json_cannot_say(value):
    with World() as world:

        def program(node):
            counting(node)

            @node.telemetry(every_s=60)
            def probe():
                return value

        world.boot(program)
        assert_recovered(world, "sensor_probe", CONNECT_S)


def test_sensor_returns_more_than_fits():
    with World() as world:

        def program(node):
            counting(node)

            @node.telemetry(every_s=60)
            def probe():
                return "x" * 5000

        world.boot(program)
        assert_recovered(world, "sensor_probe", CONNECT_S)


def test_sensor_that_returns_nothing_sends_nothing():
    with online_world(program=lambda node: node.telemetry(every_s=1)(lambda: None)) as world:
        world.run(for_s=30)
        assert not world.hub.telemetry()


@pytest.mark.parametrize("board", BOARDS)
def test_handler_raises(board):
    heard = []

    def program(node):
        counting(node)

        @node.on_event()
        def broken(event):
            raise KeyError(event.code)

        node.on_event()(heard.append)

    with online_world(board, program) as world:
        world.hub.publish("errors/one", b"something is wrong")
        assert_recovered(world, "handler_raised", 10)
        assert world.logged("KeyError")
        assert [event.message for event in heard] == ["something is wrong"]
        assert world.node.uplink.link.failed_count == 0


def test_handler_sends_from_inside():
    def program(node):
        @node.on_event()
        def answer(event):
            node.send("heard", event.message)

    with online_world(program=program) as world:
        for number in range(20):
            world.hub.publish("errors/one", b"%d" % number, qos=1)
        world.run(until=lambda: len(world.hub.telemetry("heard")) == 20, limit_s=10)
        assert [message["data"] for _, message in world.hub.telemetry("heard")] == [str(n) for n in range(20)]


def test_out_of_memory_while_a_message_is_read(monkeypatch):
    with online_world() as world:

        def no_memory(topic, payload):
            raise MemoryError("memory allocation failed, allocating 200 bytes")

        monkeypatch.setattr(world.node.hub, "event", no_memory)
        world.hub.publish("errors/one", b"{}", qos=1)
        assert_recovered(world, "out_of_memory", 10)
        assert world.node.uplink.link.failed_count == 0


@pytest.mark.parametrize("board", BOARDS)
def test_exception_that_nobody_caught_resets_the_board(board, monkeypatch):
    with online_world(board) as world:
        world.may_reset = True

        def bug(now_ms):
            raise IndexError("a bug of ours")

        monkeypatch.setattr(world.node.uplink, "step", bug)
        assert world.run(for_s=10) == "reset"
        assert world.logged("a bug of ours")
        world.boot(counting)
        world.run(until=world.online, limit_s=CONNECT_S)
        assert_readings_in_order(world)
        boots = [message["boot"] for _, message in world.hub.telemetry()]
        assert boots == sorted(boots) and set(boots) == {1, 2}


def test_many_kinds_of_trouble_are_bounded():
    def program(node):
        counting(node)
        for number in range(40):

            def sensor():
                raise ValueError("broken")

            sensor.__name__ = f"s{number}"
            node.telemetry(every_s=1)(sensor)

    with online_world(program=program) as world:
        world.run(for_s=30)
        assert all(len(message["data"]) <= 16 for _, message in world.hub.telemetry("troubles"))
        assert_readings_in_order(world)


@pytest.mark.parametrize("board", BOARDS)
def test_slow_sensor_costs_no_connection(board):
    def program(node):
        @node.telemetry(every_s=10)
        def n():
            world.modules["time"].sleep_ms(7000)  # just below the watchdog, with all else to come
            return 1

    with World(board) as world:
        world.boot(program)
        world.run(until=world.online, limit_s=3 * CONNECT_S)
        world.run(for_s=600)
        assert world.node.uplink.link.failed_count == 0 and not world.hub.cuts
        assert len(world.hub.telemetry("n")) >= 55
