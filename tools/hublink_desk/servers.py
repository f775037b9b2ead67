"""Small servers on loopback for a node under test, DNS and SNTP, that misbehave on request.

Here too is what every server of the desk needs: a port that can be closed and opened again without
losing it to somebody else, and a child process that does not outlive its parent.
A server here answers one datagram at a time on a thread of its own, keeps nothing, and is gone when
its `with` block ends. How it misbehaves is a `mode`, which may be changed while it runs.
"""

import ctypes
import ipaddress
import os
import random
import select
import signal
import socket
import sys
import threading
import time

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from .errors import DeskError

LOOPBACK = "127.0.0.1"

# Below the ports that systems hand out by themselves (from 32768 on Linux, 49152 on macOS). A port
# from there that is closed for a moment can be handed to anybody, and a client that keeps knocking
# at it can even be given that very port and connect to itself.
_LASTING_PORTS = range(20000, 32000)
_PORT_TRIES = 100


def lasting_listener():
    """A listening TCP socket on loopback whose port can be closed for a while and bound again.

    Returns:
        socket.socket, listening, with SO_REUSEADDR set.

    Raises:
        DeskError: no free port was found.
    """
    for port in random.sample(_LASTING_PORTS, _PORT_TRIES):
        try:
            return socket.create_server((LOOPBACK, port))
        except OSError:
            continue
    raise DeskError(f"None of {_PORT_TRIES} ports tried on {LOOPBACK} is free.", "end some servers")


_PR_SET_PDEATHSIG = 1  # prctl(2)
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def end_with_parent():
    """What a child process does first (`preexec_fn=end_with_parent()`): bind its life to ours.

    On Linux the child is killed when the thread that started it ends, so start it from a thread that
    lasts (prctl(2), PR_SET_PDEATHSIG). Elsewhere the system offers nothing like it, and a child
    outlives a parent that is killed outright. Ctrl-C works in the child even where we ignore it.
    """
    parent = os.getpid()

    def in_child():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if _prctl:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:  # it died before we had asked
                os._exit(1)

    return in_child


class _UdpServer:
    """A UDP socket on loopback and the thread that answers on it.

    Attributes:
        port: where it listens.
        queries: how many datagrams came in.
        mode: how it answers, one of `MODES`; may be set at any time.
    """

    MODES = ()
    _DATAGRAM_MAX_LEN = 4096

    def __init__(self, mode):
        self.mode = mode
        self.queries = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]
        self._closing = threading.Event()
        self._wake_in, self._wake_out = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name=type(self).__name__, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def mode(self):
        return self._mode

    @mode.setter
    def mode(self, mode):
        if mode not in self.MODES:
            known = ", ".join(self.MODES)
            raise DeskError(f"{type(self).__name__} mode {mode!r}: one of {known} is expected.")
        self._mode = mode

    def close(self):
        """Stop answering; returns when thread and sockets are gone. A second call does nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._wake_out.send(b"x")
        self._thread.join()
        for each in (self._socket, self._wake_in, self._wake_out):
            each.close()

    def _serve(self):
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(self._wake_in, select.POLLIN)
        while not self._closing.is_set():
            poll.poll()
            try:
                self._serve_one()
            except OSError:  # woken for the end, or the answer found nobody
                continue

    def _serve_one(self):
        query, sender = self._socket.recvfrom(self._DATAGRAM_MAX_LEN)
        self.queries += 1
        answer = self._answer(query)
        if answer is not None and not self._closing.is_set():
            self._socket.sendto(answer, sender)


class DnsServer(_UdpServer):
    """A DNS server that knows a few names (RFC 1035).

    Modes: answer; silent; nxdomain (no name exists); servfail; garbage (a proper header, then a name
    that points at itself); wrong_id (the right answer to another question); truncated (the TC flag
    and no addresses); slow (the right answer after `slow_s` seconds).

    Args:
        names: host name in lower case -> list of IPv4 and IPv6 addresses; may be changed at any time.
        mode: see above.

    Attributes:
        ttl_s: how long an answer is good for, in seconds.
        slow_s: how long the mode slow takes, in seconds.
        port, queries, mode: where it listens, datagrams received, how it answers.
    """

    MODES = ("answer", "silent", "nxdomain", "servfail", "garbage", "wrong_id", "truncated", "slow")
    _ANSWER_FLAGS = b"\x81\x80"
    _ONE_QUESTION_ONE_ANSWER = b"\x00\x01\x00\x01\x00\x00\x00\x00"
    _NAME_THAT_IS_ITSELF = b"\xc0\x0c"  # a pointer to offset 12, where it stands itself

    def __init__(self, names=None, mode="answer"):
        self.names = {"hub.example.test": [LOOPBACK]} if names is None else names
        self.ttl_s = 60
        self.slow_s = 1.0
        super().__init__(mode)

    def _answer(self, query):
        mode = self.mode
        if mode == "silent":
            return None
        if mode == "garbage":
            start = query[:2] + self._ANSWER_FLAGS + self._ONE_QUESTION_ONE_ANSWER
            return start + self._NAME_THAT_IS_ITSELF * 8
        try:
            question = dns.message.from_wire(query)
            response = dns.message.make_response(question, recursion_available=True)
        except dns.exception.DNSException:  # no question: nothing to answer
            return None
        return self._respond(mode, question, response).to_wire()

    def _respond(self, mode, question, response):
        if mode == "slow":
            self._closing.wait(self.slow_s)
        if mode in ("nxdomain", "servfail"):
            response.set_rcode(dns.rcode.from_text(mode))
        elif mode == "truncated":
            response.flags |= dns.flags.TC
        else:
            self._look_up(question, response)
        if mode == "wrong_id":
            response.id ^= 0xFFFF
        return response

    def _look_up(self, question, response):
        """The addresses of the kind asked for; no addresses if there are none, NXDOMAIN if no such name."""
        for asked in question.question[:1]:
            host = asked.name.to_text(omit_final_dot=True).lower()
            if host in self.names:
                self._add_addresses(asked, self.names[host], response)
                return
        response.set_rcode(dns.rcode.NXDOMAIN)

    def _add_addresses(self, asked, addresses, response):
        kind = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 6}.get(asked.rdtype)
        for text in addresses:
            if ipaddress.ip_address(text).version == kind:  # a set of one each keeps their order
                record = dns.rrset.from_text(asked.name, self.ttl_s, "IN", asked.rdtype, text)
                response.answer.append(record)


_NTP_LEN = 48
_NTP_CLIENT, _NTP_SERVER = 3, 4
_NTP_VERSION = 4
_UNIX_TO_NTP_S = 2_208_988_800  # 1970-01-01 in seconds since 1900-01-01 (RFC 5905, figure 4)


class SntpServer(_UdpServer):
    """A time server (RFC 5905, section 7.3: 48 bytes, no extension).

    Modes: ok; silent; garbage (48 bytes of 0xFF); zero_time (transmit timestamp 0); kiss_of_death
    (stratum 0, code RATE, and nothing else wrong); wrong_mode (says it is a client); wrong_originate
    (the answer to another question); short (47 bytes).

    Args:
        offset_s: how far its clock is ahead of the desk's, in seconds; may be changed at any time.
        mode: see above.

    Attributes:
        port, queries, mode: where it listens, datagrams received, how it answers.
    """

    MODES = (
        "ok", "silent", "garbage", "zero_time", "kiss_of_death", "wrong_mode", "wrong_originate", "short",
    )  # fmt: skip

    def __init__(self, offset_s=0, mode="ok"):
        self.offset_s = offset_s
        super().__init__(mode)

    def _answer(self, query):
        mode = self.mode
        if mode == "silent" or len(query) < _NTP_LEN or query[0] & 7 != _NTP_CLIENT:
            return None
        if mode == "garbage":
            return b"\xff" * _NTP_LEN
        answer = self._packet(mode, query[40:48])
        return answer[:-1] if mode == "short" else answer

    def _packet(self, mode, originate):
        now = self._timestamp()
        if mode == "wrong_originate":
            originate = bytes(byte ^ 0xFF for byte in originate)
        stratum, reference_id = (0, b"RATE") if mode == "kiss_of_death" else (1, b"DESK")
        packet_mode = _NTP_CLIENT if mode == "wrong_mode" else _NTP_SERVER
        poll_log2_s, precision_log2_s = 6, 256 - 20
        head = bytes((_NTP_VERSION << 3 | packet_mode, stratum, poll_log2_s, precision_log2_s))
        root_delay_and_dispersion = bytes(8)
        transmit = bytes(8) if mode == "zero_time" else now
        return head + root_delay_and_dispersion + reference_id + now + originate + now + transmit

    def _timestamp(self):
        """Seconds since 1900 and their fraction, 32 bits each; wraps in 2036 as the real thing does."""
        ticks = int((time.time() + self.offset_s + _UNIX_TO_NTP_S) * 2**32)
        return (ticks % 2**64).to_bytes(8, "big")
