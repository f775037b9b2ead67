"""A broker whose every answer is a line of a script: it sends, holds back, stalls, closes when the test says.

The script is a function that runs in the broker's thread; what it does not send is never sent. Packets
are read with the strict decoder of `fakes.codec`, so a client's mistake ends the script in a Violation.
"""

import socket
import ssl
import struct
import threading

from host_tests.fakes import codec

_NO_LINGER = struct.pack("ii", 1, 0)  # close() then sends RST

_RECEIVE_LEN = 16384


class Ended(Exception):
    """The client has closed its connection, or reset it."""


class Peer:
    """One accepted connection. Used by the script's thread; what it recorded can be read afterwards.

    Attributes:
        chunks: what each recv gave, bytes.
        packets: codec.Packet of the client, in order, as far as the script read them.
    """

    def __init__(self, sock, limit_s, said):
        self._sock = sock
        self._said = said
        self._sock.settimeout(limit_s)
        self._decoder = codec.Decoder()
        self._ready = []
        self.chunks = []
        self.packets = []

    @property
    def received(self):
        """All bytes of the client so far."""
        return b"".join(self.chunks)

    def packet(self, kind=None):
        """Waits for the client's next packet.

        Args:
            kind: a codec constant; any other packet then fails the script.

        Raises:
            Ended: no further packet comes.
            codec.Violation: the bytes are no packet of a client's.
            TimeoutError: nothing came within the broker's limit.
        """
        while not self._ready:
            self._ready += self._decoder.packets(self._receive())
        packet = self._ready.pop(0)
        self.packets.append(packet)
        assert kind in (None, packet.kind), f"expected a packet of type {kind}, got {packet}"
        return packet

    def end(self):
        """The script has said all: waits until the client closes, returns the packets that came before."""
        self._said.set()
        before = len(self.packets)
        try:
            while True:
                self.packet()
        except Ended:
            return self.packets[before:]

    def is_silent(self, silence_s):
        """Whether the client neither sends nor closes for so long."""
        limit_s = self._sock.gettimeout()
        self._sock.settimeout(silence_s)
        try:
            self._ready += self._decoder.packets(self._receive())
        except TimeoutError:
            return not self._ready
        except Ended:
            return False
        finally:
            self._sock.settimeout(limit_s)
        return not self._ready

    def greet(self, session_present=False, code=0):
        """Reads CONNECT and answers it; returns the packet."""
        packet = self.packet(codec.CONNECT)
        self.send(codec.connack(code, session_present))
        return packet

    def grant(self, *codes):
        """Reads SUBSCRIBE and answers it, granting what was asked for unless codes say otherwise."""
        packet = self.packet(codec.SUBSCRIBE)
        self.send(codec.suback(packet.packet_id, codes or [qos for _, qos in packet.filters]))
        return packet

    def acknowledge(self):
        """Reads a PUBLISH of QoS 1 and answers it; returns the packet."""
        packet = self.packet(codec.PUBLISH)
        assert packet.qos == 1, packet
        self.send(codec.ack(codec.PUBACK, packet.packet_id))
        return packet

    def send(self, data):
        try:
            self._sock.sendall(data)
        except ConnectionError:
            raise Ended from None

    def close(self):
        self._sock.close()

    def reset(self):
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._sock.close()

    # The next bytes, at least one.
    def _receive(self):
        try:
            chunk = self._sock.recv(65536)
        except ConnectionError:
            raise Ended from None
        if not chunk:
            raise Ended
        self.chunks.append(chunk)
        return chunk


class ScriptedBroker:
    """Listens on 127.0.0.1 while in its `with` block, which also runs the script.

    Connections that the script leaves open stay open, and silent, until the block ends. The client ends
    before it does.

    Args:
        script: function of one argument, this broker.
        context: ssl.SSLContext of a server; None for plain TCP.
        limit_s: no single wait of the script is longer.

    Attributes:
        port: it listens on.
        said: threading.Event that is set once the script has nothing more to say.
        peers: each Peer, in the order they came.
        error: what ended the script early, an exception; None while all is well.
    """

    def __init__(self, script, context=None, limit_s=10.0):
        self._script = script
        self._context = context
        self._limit_s = limit_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(limit_s)
        # What a stalled script leaves unread is soon felt by the client.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_LEN)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = self._listener.getsockname()[1]
        self.said = threading.Event()
        self.peers = []
        self.error = None

    def accept(self):
        """Waits for the next connection (TLS handshake included); returns its Peer."""
        sock, _ = self._listener.accept()
        sock.settimeout(self._limit_s)
        if self._context:
            try:
                sock = self._context.wrap_socket(sock, server_side=True)
            except (ConnectionError, ssl.SSLError):
                sock.close()
                raise Ended from None
        # The script, not Nagle, says when its bytes go.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(sock, self._limit_s, self.said)
        self.peers.append(peer)
        return peer

    def join(self):
        """Waits for the end of the script."""
        self._thread.join(4 * self._limit_s)
        assert not self._thread.is_alive(), "the script does not end"

    def _run(self):
        try:
            self._script(self)
        except Exception as e:
            self.error = e
        finally:
            self.said.set()

    def __enter__(self):
        self._thread.start()
        return self

    # The client has ended, or been ended: what the script still waits for is a close that has come, or a
    # connection that will not.
    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self.join()
        self._listener.close()
        for peer in self.peers:
            peer.close()
