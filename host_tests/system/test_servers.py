"""The desk's DNS and SNTP servers, asked by dnspython's resolver and by datagrams written by hand."""


import socket
import threading
import time

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import psutil
import pytest
from hublink_desk.errors import DeskError
from hublink_desk.servers import DnsServer, SntpServer, lasting_listener

LIMIT_S = 5
SILENCE_S = 0.15
HUB = "hub.example.test"


def exchange(port, datagram, limit_s=LIMIT_S):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(limit_s)
        sock.sendto(datagram, ("127.0.0.1", port))
        return sock.recv(4096)


# --- DNS ---


@pytest.fixture
def names():
    with DnsServer({HUB: ["127.0.0.1", "127.0.0.2", "::1"], "empty.example.test": []}) as server:
        yield server


def ask(server, host=HUB, kind="A", limit_s=LIMIT_S):
    """The answer, checked by dnspython to belong to the question."""
    question = dns.message.make_query(host, kind)
    return dns.query.udp(question, "127.0.0.1", timeout=limit_s, port=server.port)


def addresses(response):
    return [record.address for rrset in response.answer for record in rrset]


def test_dns_answers_with_addresses_of_the_kind_asked_for(names):
    response = ask(names)
    assert response.rcode() == dns.rcode.NOERROR
    assert response.answer[0].name.to_text() == HUB + "."
    assert response.answer[0].ttl == 60
    assert addresses(response) == ["127.0.0.1", "127.0.0.2"]
    assert addresses(ask(names, kind="AAAA")) == ["::1"]
    assert names.queries == 2


def test_dns_ignores_case(names):
    assert addresses(ask(names, "HUB.Example.TEST")) == ["127.0.0.1", "127.0.0.2"]


@pytest.mark.parametrize(("host", "kind"), [("empty.example.test", "A"), (HUB, "MX")])
def test_dns_known_name_without_such_records(names, host, kind):
    response = ask(names, host, kind)
    assert (response.rcode(), response.answer) == (dns.rcode.NOERROR, [])


def test_dns_unknown_name(names):
    assert ask(names, "nowhere.example.test").rcode() == dns.rcode.NXDOMAIN


def test_dns_default_is_the_desk_hub():
    with DnsServer() as server:
        assert addresses(ask(server)) == ["127.0.0.1"]


def test_dns_names_can_change(names):
    names.names["later.example.test"] = ["127.0.0.9"]
    names.ttl_s = 5
    response = ask(names, "later.example.test")
    assert (addresses(response), response.answer[0].ttl) == (["127.0.0.9"], 5)


def test_dns_silent(names):
    names.mode = "silent"
    with pytest.raises(dns.exception.Timeout):
        ask(names, limit_s=SILENCE_S)
    names.mode = "answer"
    assert addresses(ask(names))
    assert names.queries == 2


@pytest.mark.parametrize("mode", ["nxdomain", "servfail"])
def test_dns_refuses(names, mode):
    names.mode = mode
    response = ask(names)
    assert (dns.rcode.to_text(response.rcode()).lower(), response.answer) == (mode, [])


def test_dns_garbage_passes_for_an_answer_until_it_is_read(names):
    names.mode = "garbage"
    question = dns.message.make_query(HUB, "A")
    garbage = exchange(names.port, question.to_wire())
    assert garbage[:2] == question.id.to_bytes(2, "big")
    with pytest.raises(dns.exception.DNSException):
        dns.message.from_wire(garbage)


def test_dns_wrong_id(names):
    names.mode = "wrong_id"
    question = dns.message.make_query(HUB, "A")
    response = dns.message.from_wire(exchange(names.port, question.to_wire()))
    assert response.id == question.id ^ 0xFFFF
    assert addresses(response) == ["127.0.0.1", "127.0.0.2"]


def test_dns_truncated(names):
    names.mode = "truncated"
    response = ask(names)
    assert response.flags & dns.flags.TC
    assert response.answer == []


def test_dns_slow(names):
    names.mode = "slow"
    names.slow_s = 0.3
    started_s = time.monotonic()
    assert addresses(ask(names))
    assert time.monotonic() - started_s >= 0.3


def test_dns_closes_at_once_while_being_slow(names):
    names.mode = "slow"
    names.slow_s = 60
    with pytest.raises(dns.exception.Timeout):
        ask(names, limit_s=SILENCE_S)
    started_s = time.monotonic()
    names.close()
    assert time.monotonic() - started_s < LIMIT_S


@pytest.mark.parametrize("rubbish", [b"", b"\0", bytes(12), b"\xff" * 40, bytes(1500)])
def test_dns_survives_rubbish(names, rubbish):
    with pytest.raises(TimeoutError):
        # a header without a question is answered, and that is no harm: then wait for a second answer
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(SILENCE_S)
            sock.sendto(rubbish, ("127.0.0.1", names.port))
            sock.recv(4096)
            sock.recv(4096)
    assert addresses(ask(names))
    assert names.queries == 2


# --- SNTP ---

ORIGINATE = bytes(range(1, 9))
CLIENT_PACKET = bytes([0x23]) + bytes(39) + ORIGINATE  # version 4, mode 3 (RFC 5905, figure 8)


@pytest.fixture
def clock():
    with SntpServer() as server:
        yield server


class Reply:
    """The fields of RFC 5905, figure 8, that a client looks at."""

    def __init__(self, data):
        self.data = data
        self.leap, self.version, self.mode = data[0] >> 6, data[0] >> 3 & 7, data[0] & 7
        self.stratum = data[1]
        self.reference_id = data[12:16]
        self.originate = data[24:32]
        self.transmit_s = int.from_bytes(data[40:44], "big") + int.from_bytes(data[44:48], "big") / 2**32


def ask_time(server, packet=CLIENT_PACKET):
    return Reply(exchange(server.port, packet))


def looks_right(reply):
    """What a careful client checks; returns the names of what fails."""
    checks = {
        "length": len(reply.data) == 48,
        "mode": reply.mode == 4,
        "stratum": 1 <= reply.stratum <= 15,
        "originate": reply.originate == ORIGINATE,
        "transmit": reply.transmit_s != 0,
    }
    return [name for name, passed in checks.items() if not passed]


def test_sntp_tells_the_time(clock):
    before_s = time.time()
    reply = ask_time(clock)
    assert before_s <= reply.transmit_s - 2_208_988_800 <= time.time()
    assert (reply.leap, reply.version, looks_right(reply)) == (0, 4, [])
    assert clock.queries == 1


@pytest.mark.parametrize("offset_s", [-86400, 3600.5, 2**31])
def test_sntp_clock_can_be_wrong(clock, offset_s):
    clock.offset_s = offset_s
    expected_s = (time.time() + offset_s + 2_208_988_800) % 2**32  # era 1 begins in 2036
    assert abs(ask_time(clock).transmit_s - expected_s) < 1


@pytest.mark.parametrize(
    ("mode", "failed"),
    [
        ("zero_time", ["transmit"]),
        ("kiss_of_death", ["stratum"]),
        ("wrong_mode", ["mode"]),
        ("wrong_originate", ["originate"]),
    ],
)
def test_sntp_lies_in_exactly_one_field(clock, mode, failed):
    clock.mode = mode
    assert looks_right(ask_time(clock)) == failed
    clock.mode = "ok"
    assert looks_right(ask_time(clock)) == []


def test_sntp_kiss_of_death_has_its_code(clock):
    clock.mode = "kiss_of_death"
    assert ask_time(clock).reference_id == b"RATE"


def test_sntp_short(clock):
    clock.mode = "short"
    assert len(exchange(clock.port, CLIENT_PACKET)) == 47


def test_sntp_garbage(clock):
    clock.mode = "garbage"
    assert exchange(clock.port, CLIENT_PACKET) == b"\xff" * 48


def assert_no_answer(port, datagram):
    with pytest.raises(TimeoutError):
        exchange(port, datagram, SILENCE_S)


def test_sntp_silent(clock):
    clock.mode = "silent"
    assert_no_answer(clock.port, CLIENT_PACKET)
    assert clock.queries == 1


@pytest.mark.parametrize("packet", [b"", CLIENT_PACKET[:47], b"\x24" + CLIENT_PACKET[1:]])
def test_sntp_answers_clients_only(clock, packet):
    assert_no_answer(clock.port, packet)
    assert looks_right(ask_time(clock)) == []


# --- both ---


@pytest.mark.parametrize("server", [DnsServer, SntpServer])
def test_unknown_mode_is_refused(server):
    before = psutil.Process().num_fds()
    with pytest.raises(DeskError, match=f"{server.__name__} mode 'loud': one of .*silent"):
        server(mode="loud")
    assert psutil.Process().num_fds() == before
    with server() as running, pytest.raises(DeskError, match="mode None"):
        running.mode = None


@pytest.mark.parametrize("server", [DnsServer, SntpServer])
def test_nothing_is_left_behind(server):
    before = psutil.Process().num_fds(), threading.active_count()
    with server() as running:
        pass
    running.close()
    assert (psutil.Process().num_fds(), threading.active_count()) == before


# --- what servers share ---


def test_lasting_port_is_below_those_that_systems_hand_out():
    with lasting_listener() as listener:
        port = listener.getsockname()[1]
        assert port < 32768
        socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S).close()
    with socket.create_server(("127.0.0.1", port)) as again:
        assert again.getsockname()[1] == port
