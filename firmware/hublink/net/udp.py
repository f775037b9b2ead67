# One question over UDP, asked of several servers in turn until one answers; never blocks.
# Used by the resolver and the clock. It decides nothing about contents: the caller's parser does.
import errno
import socket

from .. import ticks

_REPLY_LEN = 512


# ("host", 53) out of "host:53", "host", with the default port.
def split_port(server, port):
    host, _, given = server.partition(":")
    return host, int(given) if given else port


class Question:
    """Asks each of servers [(IPv4 address, port)] `tries` times, reply_ms apart."""

    def __init__(self, servers, reply_ms, tries, timeout):
        self._servers = servers
        self._reply_ms = reply_ms
        self._left = tries * len(servers)
        self._index = -1
        self._socket = None
        self._asked_ms = 0
        self.answer = None  # what the parser returned; a text is the reason why there is none
        self._timeout = timeout

    # data: the datagram. parse(reply): None if it is not for us, a text if it is no use, else the
    # answer. Returns True once `answer` is set.
    def poll(self, now_ms, data, parse):
        if self._index < 0:
            return self._ask(now_ms, data)
        found = self._receive(parse)
        if found is not None:
            self.answer = found
            if not isinstance(found, str):
                self.close()
                return True
            return self._ask(now_ms, data)
        if ticks.diff(now_ms, self._asked_ms) >= self._reply_ms:
            self.answer = self.answer or self._timeout
            return self._ask(now_ms, data)
        return False

    def close(self):
        if self._socket:
            self._socket.close()
            self._socket = None

    # A new socket, so a new source port, for every try.
    def _ask(self, now_ms, data):
        self.close()
        if not self._left:
            self.answer = self.answer or self._timeout
            return True
        self._left -= 1
        self._index = (self._index + 1) % len(self._servers)
        self._asked_ms = now_ms
        address, port = self._servers[self._index]
        try:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.sendto(data, socket.getaddrinfo(address, port)[0][-1])
        except OSError:  # no socket, or no route yet: the next try is reply_ms away
            pass
        return False

    def _receive(self, parse):
        if self._socket is None:
            return None
        try:
            reply = self._socket.recv(_REPLY_LEN)
        except OSError as e:
            return None if e.args[0] == errno.EAGAIN else "network"
        return parse(reply) if reply else None
