"""What the handshake refuses, on either side, and what it does when memory is short."""


import pytest

from host_tests.fakes import World
from host_tests.simulation.weather import (
    BACKOFF_S,
    BOARDS,
    CONNECT_S,
    RADIO_BOARDS,
    assert_recovered,
    counting,
    online_world,
)

DAY_S = 86400


def assert_refused_then_recovered(board, facts, reason):
    """A hub with such a certificate hears nothing of us; with a good one it does."""
    with World(board) as world:
        good = world.hub.certificate
        world.hub.certificate = good.but(**facts(world))
        world.boot(counting)
        world.run(for_s=120)
        assert world.hub.knocks and not world.hub.connects, "never open: no CONNECT to an unverified hub"
        world.hub.certificate = good
        assert_recovered(world, reason, BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_certificate_expired(board):
    assert_refused_then_recovered(
        board, lambda world: {"not_after_s": int(world.clock.unix_s()) - DAY_S}, "certificate_expired"
    )


@pytest.mark.parametrize("board", BOARDS)
def test_certificate_not_yet_valid(board):
    assert_refused_then_recovered(
        board, lambda world: {"not_before_s": int(world.clock.unix_s()) + DAY_S}, "certificate_not_yet_valid"
    )


@pytest.mark.parametrize("board", BOARDS)
def test_certificate_of_the_wrong_host(board):
    assert_refused_then_recovered(board, lambda world: {"names": ("other.example.test",)}, "wrong_host")


@pytest.mark.parametrize("board", BOARDS)
def test_certificate_of_the_wrong_authority(board):
    assert_refused_then_recovered(
        board, lambda world: {"authority": world.foreign_authority}, "untrusted_hub"
    )


@pytest.mark.parametrize("board", RADIO_BOARDS)
def test_certificate_that_is_not_yet_valid_for_a_clock_that_is_slow(board):
    with World(board) as world:
        world.hub.certificate = world.hub.certificate.but(not_before_s=int(world.clock.unix_s()) - DAY_S)
        world.sntp.offset_s = -5 * DAY_S
        world.boot(counting)
        world.run(until=lambda: world.logged("certificate_not_yet_valid"), limit_s=CONNECT_S)
        world.sntp.offset_s = 0
        assert_recovered(world, "certificate_not_yet_valid", BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_certificate_expires_while_online(board):
    with online_world(board) as world:
        world.hub.certificate = world.hub.certificate.but(not_after_s=int(world.clock.unix_s()) - DAY_S)
        world.hub.drop()
        world.run(until=lambda: world.logged("certificate_expired"), limit_s=CONNECT_S)
        world.hub.certificate = world.hub.certificate.but(not_after_s=2_000_000_000)
        assert_recovered(world, "certificate_expired", BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("alert", "hub_refuses_certificate"),
        ("reset", "reset_in_handshake"),
        ("eof", "tls_broken_off"),
        ("plain", "tls_broken_off"),
        ("silent", "tls_timeout"),
    ],
)
def test_hub_breaks_the_handshake_off(board, mode, reason):
    with World(board) as world:
        world.hub.tls_mode = mode
        world.boot(counting)
        world.run(for_s=90)
        assert not world.hub.connects
        world.hub.tls_mode = "normal"
        assert_recovered(world, reason, 20 + BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
def test_hub_does_not_trust_our_certificate(board):
    with World(board) as world:
        trusts = world.hub.trusts
        world.hub.trusts = lambda device: False
        world.boot(counting)
        world.run(for_s=60)
        world.hub.trusts = trusts
        assert_recovered(world, "hub_refuses_certificate", BACKOFF_S + CONNECT_S)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("where", ["records", "handshake", "sign"])
def test_out_of_memory_in_the_handshake(board, where):
    with online_world(board) as world:
        world.tls.faults = [where, where]
        world.hub.drop()
        assert_recovered(world, "out_of_memory", 1 + 2 + 4 + 3 * CONNECT_S)


def test_out_of_memory_that_looks_like_a_bad_certificate():
    with online_world() as world:
        world.device.heap_free = 30_000
        world.tls.faults = ["verify"]
        world.hub.drop()
        assert_recovered(world, "out_of_memory", 3 + 2 * CONNECT_S)
        assert not world.logged("untrusted_hub")


@pytest.mark.parametrize("board", BOARDS)
def test_no_memory_for_a_connection(board):
    with online_world(board) as world:
        world.device.stack.full = True
        world.hub.drop()
        world.run(for_s=10)
        world.device.stack.full = False
        assert_recovered(world, "out_of_memory", BACKOFF_S + CONNECT_S)
