"""What lies behind the radio: hosts with addresses, datagrams that arrive or do not, TCP connections.

Delays are whole round trips of `latency_ms`; nothing is random unless `loss` says so.
"""

from . import radio as air
from .tcp import Connection


class Host:
    """A machine out there.

    Attributes:
        address: IPv4, text.
        mode: "up"; "refuses" (no program listens: TCP is reset, datagrams vanish); "gone" (nothing answers).
        tcp: port -> f(connection) that returns the far end's receiver (see `tcp.Connection`).
        udp: port -> f(datagram) that returns the answer, or None.
    """

    def __init__(self, address):
        self.address = address
        self.mode = "up"
        self.tcp = {}
        self.udp = {}


class Internet:
    """Everything the device can reach.

    Attributes:
        latency_ms: one way.
        loss: share of packets that are lost, 0..1.
        cut: nothing passes behind the access point, although Wi-Fi is fine.
        moves: counts whatever happened to a socket of the device; polls look at it.
        connects_ms: when the device began each TCP connection.
    """

    def __init__(self, clock, random, radio, port):
        self.clock = clock
        self.port = port
        self.latency_ms = 20
        self.loss = 0.0
        self.cut = False
        self.moves = 0
        self.connects_ms = []
        self._random = random
        self._radio = radio
        self._hosts = {}

    def host(self, address):
        """The Host of that address; made when it is first asked for."""
        if address not in self._hosts:
            self._hosts[address] = Host(address)
        return self._hosts[address]

    # Does a packet to or from this host get through now? None for a host that nobody has.
    def passes(self, host):
        if host is None or host.mode == "gone" or self.cut or not self._radio.passes():
            return False
        return not (self.loss and self._random.random() < self.loss)

    # What the device's stack believes; without it, sending is refused at once.
    def has_route(self):
        return self._radio.state == air.UP

    def find(self, address):
        return self._hosts.get(address)

    def connect(self, sock, address, port):
        """Begins a TCP connection from the device's socket. Returns it."""
        self.connects_ms.append(self.clock.now_ms)
        return Connection(self, sock, self.find(address), port)

    # deliver(datagram) is called for the answer, if there is one.
    def send_datagram(self, data, address, port, deliver):
        host = self.find(address)
        if not self.passes(host):
            return

        def back(answer):
            if self.passes(host):
                deliver(answer)

        def there():
            serve = host.udp.get(port) if host.mode == "up" and self.passes(host) else None
            answer = serve(data) if serve else None
            if answer is not None:
                self.clock.after(self.latency_ms, lambda: back(answer))

        self.clock.after(self.latency_ms, there)
