# Names to addresses without blocking: our own UDP queries, with a cache.
# getaddrinfo has no timeout and takes up to 7 s per server on rp2, for ever on 1.26 and 1.27 without
# a link (platform-facts 2.3); it is used only where board data says that it is bounded.
import os
import socket

from .. import limits
from ..protocol import dns
from .udp import Question, split_port


class Resolver:
    """servers: list of "address[:port]"; empty: those DHCP gave. wlan_servers: f() -> such a list."""

    def __init__(self, servers, wlan_servers, getaddrinfo_bounded):
        self._servers = servers
        self._wlan_servers = wlan_servers
        self._getaddrinfo_bounded = getaddrinfo_bounded
        self._cache = {}  # host -> (addresses, until uptime second)
        self._question = None
        self.host = None
        self.addresses = None
        self.error = None

    # Begins to look a host up; poll() until it returns True.
    def start(self, host):
        self.stop()
        self.host = host
        self.addresses = self.error = None

    def stop(self):
        if self._question:
            self._question.close()
            self._question = None
        self.host = None

    # Returns True once addresses (a list of texts) or error (a text) is set.
    def poll(self, now_ms, uptime_s):
        if self.addresses or self.error:
            return True
        if self._question is None and self._at_once(uptime_s):
            return True
        if self._question.poll(now_ms, self._query, self._parse):
            self._finish(self._question.answer, uptime_s)
            self._question = None
            return True
        return False

    # The addresses led nowhere: ask again next time, but remember them for when nobody answers.
    def distrust(self, host):
        if host in self._cache:
            self._cache[host] = (self._cache[host][0], 0)

    def _at_once(self, uptime_s):
        host = self.host
        if dns.is_address(host):
            self.addresses = [host]
            return True
        cached = self._cache.get(host)
        if cached and uptime_s < cached[1]:
            self.addresses = cached[0]
            return True
        servers = self._servers or ([] if self._getaddrinfo_bounded else self._wlan_servers())
        if servers:
            self._query = dns.query(host, int.from_bytes(os.urandom(2), "big"))
            self._question = Question(
                [split_port(s, 53) for s in servers], limits.DNS_REPLY_MS, limits.DNS_TRIES, "dns_timeout"
            )
            return False
        self._finish(self._getaddrinfo() if self._getaddrinfo_bounded else "dns_no_server", uptime_s)
        return True

    def _getaddrinfo(self):
        try:
            # The unix port hides the address in bytes: socket.sockaddr() opens them.
            found = socket.getaddrinfo(self.host, 0)
            return [_text(info[-1]) for info in found if info[0] == socket.AF_INET], 0
        except OSError:
            return "dns_no_such_name"

    def _parse(self, data):
        return dns.reply(data, self._query)

    def _finish(self, answer, uptime_s):
        if isinstance(answer, str):
            cached = self._cache.get(self.host)
            if cached and answer == "dns_timeout":  # a stale address beats none
                self.addresses = cached[0]
            else:
                self.error = answer
            return
        self.addresses = answer[0]
        self._cache[self.host] = (answer[0], uptime_s + answer[1])


def _text(sockaddr):
    if isinstance(sockaddr, tuple):
        return sockaddr[0]
    address = socket.sockaddr(sockaddr)[1]
    return "%d.%d.%d.%d" % tuple(address)
