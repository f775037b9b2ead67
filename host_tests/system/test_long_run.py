"""Thousands of messages over a connection that is cut now and then, and as many connections as in years.

The node's client on real MicroPython, over mutual TLS. What is counted is counted on the far side of the
broker. `make long` runs the full numbers; otherwise it is fewer, so that the suite stays quick.
"""

import random

import pytest
from hublink_desk.hub import DeskHub
from hublink_desk.hub.limits import Limits
from hublink_desk.mosquitto import Mosquitto
from hublink_desk.reference import Unavailable, build
from hublink_desk.run import DeskBoard
from hublink_desk.wire import Wire

from host_tests.both.interpreters import needs
from host_tests.system.listener import Listener
from host_tests.system.node_parts import PROGRAMS

LIMIT_S = 60.0
END = ("courier", 0)


@pytest.fixture
def is_long(request):
    return request.config.getoption("long")


@pytest.fixture
def seed(request, is_long):
    """What was asked for; else another one each time, but always the same in the suite."""
    given = request.config.getoption("seed")
    if given is None:
        return random.randrange(1 << 30) if is_long else 0
    return given


@pytest.fixture
def messages(is_long):
    return 10_000 if is_long else 2_000


@pytest.fixture
def cuts(is_long):
    return 50 if is_long else 20


@pytest.fixture
def connections(is_long):
    return 2_000 if is_long else 100


@pytest.fixture(params=["mosquitto", "desk hub"])
def broker_port(request, workshop, tmp_path):
    """The port of each broker in turn. Neither drops what its subscriber is too slow for."""
    if request.param == "mosquitto":
        with Mosquitto(
            tmp_path / "mosquitto", workshop.ca, workshop.hub, extra="max_queued_messages 0"
        ) as broker:
            yield broker.port
        return
    hub = DeskHub(
        dialect="generic",
        server_cert=workshop.hub.cert_pem,
        server_key=workshop.hub.key_pem,
        ca=workshop.ca.cert_pem,
        limits=Limits(queue_count=20_000),
    )
    with hub.in_thread():
        yield hub.port


def environment(mpy, **settings):
    return {"MICROPYPATH": f"{mpy}:.frozen"} | {name: str(value) for name, value in settings.items()}


def deliver(workshop, mpy, broker_port, qos, messages, cuts, seed):
    """Lets the courier send its messages and cuts its connection so many times on the way.

    Returns:
        list of the numbers that arrived, in order.
    """
    chance = random.Random(seed)
    # Not towards the end: the listener may be behind, and a courier that is done cannot be cut off.
    cut_after = sorted(chance.sample(range(1, messages * 3 // 4), cuts))
    with Wire(broker_port) as wire, Listener(workshop, broker_port, "courier", qos=qos) as listener:
        config = workshop.device("courier", {})
        env = environment(mpy, PORT=wire.port, QOS=qos, COUNT=messages)
        with DeskBoard(config, "micropython32", script=PROGRAMS / "courier.py", env=env) as board:
            board.start()
            for last in cut_after:
                board.wait_line("courier: up", LIMIT_S)
                listener.wait_until(lambda arrived, last=last: arrived and arrived[-1][1] >= last, LIMIT_S)
                wire.cut(reset=chance.random() < 0.5)
                wire.restore()
            board.wait_line("courier: done, dropped 0", 10 * LIMIT_S)
            assert board.wait_exit(LIMIT_S) == 0
        arrived = listener.wait_until(lambda arrived: END in arrived[-1:], LIMIT_S)
        assert wire.connections > cuts
    return [number for _, number in arrived if number]


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_messages_over_a_connection_that_is_cut(
    workshop, mpy, broker_port, request, qos, messages, cuts, seed
):
    needs("micropython32")
    where = request.node.callspec.params["broker_port"]
    arrived = deliver(workshop, mpy, broker_port, qos, messages, cuts, seed)
    missing = messages - len(set(arrived))
    doubled = len(arrived) - len(set(arrived))
    print(
        f"long run: {where}, QoS {qos}, seed {seed}: {messages} messages, {cuts} cuts, "
        f"{missing} lost, {doubled} came more than once"
    )
    assert set(arrived) <= set(range(1, messages + 1))
    if qos == 0:
        assert not doubled
        assert missing < messages // 2  # what was under way when the connection went
    else:
        assert not missing
    # The desk hub forgets a session with its connection, so that there QoS 2 may arrive twice.
    if qos == 2 and where == "mosquitto":
        assert not doubled
        assert arrived == sorted(arrived)


def test_heap_and_descriptors_over_many_connections(workshop, mpy, tmp_path, connections):
    try:
        interpreter = build()
    except Unavailable as reason:
        pytest.skip(reason.message)
    deaf = Mosquitto(tmp_path / "deaf", plain=True)
    with deaf, Mosquitto(tmp_path / "mosquitto", workshop.ca, workshop.hub) as broker:
        config = workshop.device("returner", {})
        env = environment(mpy, PORT=broker.port, DEAF_PORT=deaf.port, COUNT=connections)
        with DeskBoard(config, interpreter, script=PROGRAMS / "returner.py", env=env) as board:
            board.start()
            found = []
            for _ in ("warm", "at the end"):
                line = board.wait_line(r"after (\d+) heap (\d+) descriptor (\d+)", 10 * LIMIT_S)
                found.append([int(number) for number in line.groups()])
            assert board.wait_exit(LIMIT_S) == 0
    (_, heap_len, descriptor), (count, last_heap_len, last_descriptor) = found
    print(f"long run: {count} connections: heap {heap_len} to {last_heap_len} bytes")
    assert count == connections
    assert abs(last_heap_len - heap_len) <= 64
    assert last_descriptor == descriptor
