"""The wire between real sockets: what goes through it, what each fault looks like from both ends."""


import random
import socket
import ssl
import threading
import time

import psutil
import pytest
from hublink_desk import pki
from hublink_desk.errors import DeskError
from hublink_desk.servers import lasting_listener
from hublink_desk.wire import Wire, _RecordCount

LIMIT_S = 5
SILENCE_S = 0.15  # how long nothing must come for us to believe that nothing comes


@pytest.fixture
def target():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT_S)
        yield listener


@pytest.fixture
def wire(target):
    with Wire(target.getsockname()[1]) as wire:
        yield wire


@pytest.fixture
def ends(wire, target):
    """A connection through the wire: (client, server)."""
    client = dial(wire)
    server, _ = target.accept()
    server.settimeout(LIMIT_S)
    with client, server:
        yield client, server


def dial(wire):
    return socket.create_connection(("127.0.0.1", wire.port), timeout=LIMIT_S)


def receive(sock, count):
    sock.settimeout(LIMIT_S)
    data = b""
    while len(data) < count:
        piece = sock.recv(65536)
        assert piece, f"ended after {len(data)} of {count} bytes"
        data += piece
    return data


def assert_silent(sock):
    sock.settimeout(SILENCE_S)
    with pytest.raises(TimeoutError):
        sock.recv(1)
    sock.settimeout(LIMIT_S)


def assert_soon(predicate):
    deadline_s = time.monotonic() + LIMIT_S
    while not predicate():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def test_bytes_go_both_ways_and_are_counted(wire, ends):
    client, server = ends
    client.sendall(b"up there")
    assert receive(server, 8) == b"up there"
    server.sendall(b"down")
    assert receive(client, 4) == b"down"
    assert (wire.bytes_up, wire.bytes_down) == (8, 4)
    assert (wire.connections, wire.open_connections) == (1, 1)


def test_round_trips_are_counted(wire, ends):
    client, server = ends
    server.sendall(b"hello")  # unasked
    assert receive(client, 5) == b"hello"
    for question in (b"a", b"b"):
        client.sendall(question)
        assert receive(server, 1) == question
        for piece in (b"c", b"d"):
            server.sendall(piece)
            assert receive(client, 1) == piece
    assert wire.round_trips == 2


def test_half_close_is_passed_on(ends):
    client, server = ends
    client.shutdown(socket.SHUT_WR)
    assert server.recv(1) == b""
    server.sendall(b"still here")
    assert receive(client, 10) == b"still here"
    server.close()
    assert client.recv(1) == b""


def test_closed_connections_are_forgotten(wire, target):
    for _ in range(3):
        with dial(wire), target.accept()[0]:
            assert_soon(lambda: wire.open_connections == 1)
        assert_soon(lambda: wire.open_connections == 0)
    assert wire.connections == 3


@pytest.mark.parametrize("resetting", [0, 1], ids=["client", "server"])
def test_reset_is_passed_on(ends, resetting):
    ends[resetting].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    ends[resetting].close()
    with pytest.raises(ConnectionResetError):
        ends[1 - resetting].recv(1)


def test_large_transfers_arrive_whole(ends):
    size_len = 3_000_000
    sent = [random.Random(seed).randbytes(size_len) for seed in range(2)]
    got = [None, None]

    def read(number):
        got[number] = receive(ends[number], size_len)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(2)]
    threads += [threading.Thread(target=ends[n].sendall, args=(sent[n],)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert got == sent[::-1]


def test_slow_reader_slows_its_writer(wire, ends):
    client, server = ends
    client.settimeout(SILENCE_S)
    sent_len = 0
    with pytest.raises(TimeoutError):
        while sent_len < 100_000_000:
            sent_len += client.send(bytes(65536))
    held_by_systems = 12_000_000  # two socket pairs with buffers the kernel may grow to 6 MB each
    assert wire.bytes_up < 256 * 1024 + held_by_systems
    client.settimeout(LIMIT_S)
    assert len(receive(server, sent_len)) == sent_len


# --- cut ---


def test_cut_resets_both_sides(wire, ends):
    wire.cut()
    for end in ends:
        with pytest.raises(ConnectionResetError):
            end.recv(1)
    assert wire.open_connections == 0


def test_cut_can_end_both_sides_properly(wire, ends):
    wire.cut(reset=False)
    for end in ends:
        assert end.recv(1) == b""


def test_cut_ends_properly_although_bytes_were_held_back(wire, ends):
    client, server = ends
    wire.stall()
    client.sendall(b"never taken")
    wire.cut(reset=False)
    assert server.recv(1) == b""
    assert client.recv(1) == b""


def test_cut_refuses_until_restored_on_the_same_port(wire, target, ends):
    port = wire.port
    wire.cut()
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            dial(wire)
    wire.cut()  # again: changes nothing
    wire.restore()
    assert wire.port == port
    with dial(wire) as client, target.accept()[0] as server:
        client.sendall(b"x")
        assert receive(server, 1) == b"x"
    assert wire.connections == 2


def test_restore_says_when_the_port_is_lost(wire):
    wire.cut()
    with socket.create_server(("127.0.0.1", wire.port)):
        with pytest.raises(DeskError, match=f"port {wire.port} cannot be opened again"):
            wire.restore()
    wire.restore()
    dial(wire).close()


# --- stall ---


def test_stall_holds_back_everything(wire, ends):
    client, server = ends
    wire.stall()
    client.sendall(b"later")
    server.sendall(b"later")
    server.shutdown(socket.SHUT_WR)
    assert_silent(client)
    assert_silent(server)
    assert (wire.bytes_up, wire.bytes_down) == (0, 0)
    wire.restore()
    assert receive(server, 5) == b"later"
    assert receive(client, 5) == b"later"
    assert client.recv(1) == b""


def test_stall_holds_back_what_is_under_way(wire, ends):
    client, server = ends
    wire.delay(50)
    client.sendall(b"under way")
    assert_soon(lambda: wire.bytes_up == 9)
    wire.stall()
    assert_silent(server)
    wire.delay(0)  # the wire is awake again, what waits is due by now, and yet
    assert_silent(server)
    wire.restore()
    assert receive(server, 9) == b"under way"


def test_stall_accepts_and_stays_silent(wire, target):
    wire.stall()
    with dial(wire) as client:
        client.sendall(b"hello?")
        assert_silent(client)
        wire.restore()
        with target.accept()[0] as server:
            assert receive(server, 6) == b"hello?"


def test_stall_after_cut_listens_again(wire):
    wire.cut()
    wire.stall()
    with dial(wire) as client:
        assert_silent(client)
        wire.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1)


# --- delay ---


def test_delay_each_way(wire, ends):
    client, server = ends
    wire.delay(300)
    started_s = time.monotonic()
    client.sendall(b"a")
    receive(server, 1)
    one_way_s = time.monotonic() - started_s
    server.sendall(b"b")
    receive(client, 1)
    both_ways_s = time.monotonic() - started_s
    assert 0.3 <= one_way_s < 0.55
    assert 0.6 <= both_ways_s < 1.0


def test_delay_is_latency_and_not_less_bandwidth(wire, ends):
    client, server = ends
    wire.delay(300)
    started_s = time.monotonic()
    for number in range(1, 11):
        client.sendall(b"m")
        assert_soon(lambda: wire.bytes_up == number)  # noqa: B023 - it is called before the loop goes on
    receive(server, 10)
    assert 0.3 <= time.monotonic() - started_s < 1.5  # one after the other: 3 s


def test_end_of_stream_is_delayed_behind_the_data(wire, ends):
    client, server = ends
    wire.delay(50)
    client.sendall(b"last words")
    client.close()
    assert receive(server, 10) == b"last words"
    assert server.recv(1) == b""


def test_delay_can_be_taken_away(wire, ends):
    client, server = ends
    wire.delay(10_000)
    wire.delay(0)
    client.sendall(b"now")
    assert receive(server, 3) == b"now"


# --- a target that is not there ---


def test_dead_target_resets_its_client_and_a_later_one_is_found():
    with lasting_listener() as probe:
        port = probe.getsockname()[1]
    with Wire(port) as wire:
        with pytest.raises(ConnectionResetError):  # at once, or when it reads
            with dial(wire) as client:
                client.recv(1)
        with socket.create_server(("127.0.0.1", port)) as late:
            with dial(wire) as client, late.accept()[0] as server:
                client.sendall(b"x")
                assert receive(server, 1) == b"x"


# --- TLS on the wire ---


@pytest.fixture
def tls_ends(ends, tmp_path):
    ca = pki.Authority.create(tmp_path)
    hub = ca.issue("hub", "hub")
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.maximum_version = ssl.TLSVersion.TLSv1_2
    server_context.options |= ssl.OP_NO_TICKET
    server_context.load_cert_chain(hub.cert_pem, hub.key_pem)
    client_context = ssl.create_default_context(cafile=ca.cert_pem)
    made = {}
    thread = threading.Thread(
        target=lambda: made.update(server=server_context.wrap_socket(ends[1], server_side=True))
    )
    thread.start()
    client = client_context.wrap_socket(ends[0], server_hostname="localhost")
    thread.join(LIMIT_S)
    with client, made["server"] as server:
        yield client, server


def test_tls_records_are_counted(wire, tls_ends):
    client, server = tls_ends
    # TLS 1.2 without a client certificate (RFC 5246, section 7.3), a record for each up: ClientHello,
    # ClientKeyExchange, ChangeCipherSpec, Finished; OpenSSL packs no two messages into one record.
    assert wire.records_up == 4
    before_up, before_down = wire.records_up, wire.records_down
    for _ in range(10):
        client.send(b"telemetry")
    receive(server, 90)
    server.send(bytes(40_000))  # 16,384 bytes per record at most
    receive(client, 40_000)
    assert wire.records_up - before_up == 10
    assert wire.records_down - before_down == 3


def test_corrupted_record_is_noticed_by_tls(wire, tls_ends):
    client, server = tls_ends
    wire.corrupt_next()
    server.send(b"command")
    with pytest.raises(ssl.SSLError, match=r"BAD_RECORD_MAC|bad record mac"):
        client.recv(10)


def test_only_one_piece_is_corrupted(wire, ends):
    client, server = ends
    wire.corrupt_next(up=True)
    client.sendall(b"abc")
    assert receive(server, 3) == b"abb"
    client.sendall(b"abc")
    assert receive(server, 3) == b"abc"


RECORDS = b"".join(b"\x17\x03\x03" + n.to_bytes(2, "big") + bytes(n) for n in (0, 1, 5, 300, 0, 2))


@pytest.mark.parametrize("piece_len", [1, 2, 3, 4, 5, 6, 7, 100, len(RECORDS)])
def test_records_are_found_in_any_pieces(piece_len):
    count = _RecordCount()
    pieces = [RECORDS[at : at + piece_len] for at in range(0, len(RECORDS), piece_len)]
    assert sum(count.begun_in(piece) for piece in pieces) == 6


# --- orders and the end ---


def test_orders_from_several_threads_with_traffic(wire, ends):
    client, server = ends
    stop = threading.Event()

    def fuss(seed):
        chooser = random.Random(seed)
        while not stop.is_set():
            chooser.choice([wire.stall, wire.restore, lambda: wire.delay(chooser.choice([0, 1, 2]))])()

    threads = [threading.Thread(target=fuss, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(50):
            client.sendall(number.to_bytes(4, "big"))
            assert receive(server, 4) == number.to_bytes(4, "big")
    finally:
        stop.set()
        for thread in threads:
            thread.join(LIMIT_S)


def test_nothing_is_left_behind(target):
    before = psutil.Process().num_fds(), threading.active_count()
    wire = Wire(target.getsockname()[1])
    with dial(wire), target.accept()[0], dial(wire):
        wire.stall()
        wire.close()
    wire.close()
    assert (psutil.Process().num_fds(), threading.active_count()) == before
    with pytest.raises(DeskError, match="closed"):
        wire.cut()
