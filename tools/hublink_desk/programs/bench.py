# One contender of the benchmark at work: hublink, umqtt.simple, or "limit", which writes packets that were
# encoded before, reads into buffers that it has, and is what no client can beat. Arguments: name=value, as
# bench/measure.py gives them. The result is printed as a JSON object.
# time.clock() marks where counting begins and ends (see reference/instructions.py).
import gc
import json
import socket
import sys
import time

from micropython import heap_lock, heap_unlock

TOPIC = b"plant/7/telemetry"
PAYLOAD = b"x" * 100
WARM_UP = 20

options = dict([argument.split("=", 1) for argument in sys.argv[1:]])
contender = options["contender"]
is_tls = options["transport"] == "tls"
port, gate_port, qos, count, window = [
    int(options[name]) for name in ("port", "gate_port", "qos", "count", "window")
]
writes = 0


def tell(**found):
    print("bench: " + json.dumps(found))


def tcp(to):
    sock = socket.socket()
    sock.connect(socket.getaddrinfo("127.0.0.1", to)[0][-1])
    return sock


# The desk publishes n messages for us (see bench/gate.py); when this returns they have all arrived.
def await_messages(n):
    gate = tcp(gate_port)
    gate.write(b"%d\n" % n)
    gate.read(1)
    gate.close()


def context():
    from hublink.net import tls

    ca, cert, key = [open(options[name], "rb").read() for name in ("ca", "cert", "key")]
    return tls.make_context([ca], cert, key)


def secured(sock):
    return context().wrap_socket(sock, server_hostname="localhost") if is_tls else sock


class Counting:
    """A stream that counts how often it is written to."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, *args):
        global writes
        n = self._stream.write(*args)
        if n:
            writes += 1
        return n

    def __getattr__(self, name):
        return getattr(self._stream, name)


# -- the contenders: each is connected when it is made, publishes n messages, or receives n --------------


class Hublink:
    def __init__(self):
        from hublink import ticks
        from hublink.net import connection
        from hublink.net.mqtt import MQTTClient
        from hublink.outbox import Outbox
        from hublink.protocol import packets

        self.now_ms = time.ticks_ms() & ticks.MASK
        self.received = 0
        self.granted = False
        client = self.client = MQTTClient(
            b"bench", "127.0.0.1", port, keepalive=60, ssl=context() if is_tls else None,
            ssl_params={"server_hostname": "localhost"}, outbox=Outbox(8192), window=window,
        )  # fmt: skip
        self.connection = client.connection
        self.session = client.session
        self.outbox = client.session.outbox
        client.start(self.now_ms)
        while client.connection.state != connection.UP:
            self.turn()
        if options["measure"] == "wire":
            stream = client.connection._stream
            stream.io_write = Counting(stream.socket()).write
        if options["work"] == "receive":
            client.on(TOPIC, self.on_message)
            client.session.on_suback = self.on_suback
            client.session.subscribe(packets.SUBSCRIBE, [(TOPIC, qos)], self.now_ms)
            client.poll(self.now_ms, 0)
            while not self.granted:
                self.turn()

    def on_message(self, _message):
        self.received += 1

    def on_suback(self, _packet_id, _index, _code):
        self.granted = True

    def turn(self):
        self.connection.wait(1000)
        self.client.poll(self.now_ms, 0)
        if self.connection.error:
            raise OSError(self.connection.error)

    # What is not sent at once is sent, and its acknowledgements are waited for, in turns.
    def publish(self, n):
        client = self.client
        now_ms = self.now_ms
        for _ in range(n):
            client.enqueue(TOPIC, PAYLOAD, qos)
            while self.outbox.count or self.session.in_flight:
                client.poll(now_ms, 0)
                if self.outbox.count or self.session.in_flight:
                    self.connection.wait(1000)

    # As many at a time as the window holds.
    def publish_at_once(self, n):
        while n or self.outbox.count:
            while n and self.outbox.waiting < window:
                self.client.enqueue(TOPIC, PAYLOAD, qos)
                n -= 1
            self.client.poll(self.now_ms, 0)
            if self.outbox.count:
                self.connection.wait(1000)

    def receive(self, n):
        until = self.received + n
        while self.received < until:
            self.client.poll(self.now_ms, 0)


class Ssl:
    """What umqtt.simple takes for the ssl module, on a verified context."""

    wrap_socket = staticmethod(secured)


class Umqtt:
    def __init__(self):
        from umqtt.simple import MQTTClient

        client = self.client = MQTTClient(b"bench", "127.0.0.1", port, keepalive=60)
        if is_tls:
            # 1.3.4's own way to TLS raises ImportError; this does what it would do.
            sys.modules["ussl"] = Ssl
            client.ssl = True
            client.ssl_params = {}
        client.connect()
        if options["measure"] == "wire":
            client.sock = Counting(client.sock)
        client.set_callback(lambda _topic, _payload: None)
        if options["work"] == "receive":
            client.subscribe(TOPIC, qos)

    def publish(self, n):
        for _ in range(n):
            self.client.publish(TOPIC, PAYLOAD, False, qos)

    publish_at_once = publish  # it knows no window

    def receive(self, n):
        for _ in range(n):
            self.client.wait_msg()


class Limit:
    def __init__(self):
        body = bytes([0, len(TOPIC)]) + TOPIC + (b"\x00\x01" if qos else b"") + PAYLOAD
        self.packet = bytearray(bytes([0x30 | qos << 1, len(body)]) + body)
        self.answer = bytearray(4)
        self.puback = bytearray(b"\x40\x02\x00\x00")
        stream = self.stream = secured(tcp(port))
        stream.write(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05bench")
        stream.readinto(self.answer)
        if options["measure"] == "wire":
            self.stream = Counting(stream)
        if options["work"] == "receive":
            stream.write(bytes([0x82, 5 + len(TOPIC), 0, 1, 0, len(TOPIC)]) + TOPIC + bytes([qos]))
            stream.read(5)

    def publish(self, n):
        stream, packet, answer = self.stream, self.packet, self.answer
        for _ in range(n):
            stream.write(packet)
            if qos:
                stream.readinto(answer)
            if qos == 2:
                stream.write(b"\x62\x02\x00\x01")
                stream.readinto(answer)

    def receive(self, n):
        stream, packet, puback = self.stream, self.packet, self.puback
        id_at = 4 + len(TOPIC)
        for _ in range(n):
            stream.readinto(packet)
            if qos:
                puback[2] = packet[id_at]
                puback[3] = packet[id_at + 1]
                stream.write(puback)


# -- what is measured --------------------------------------------------------------------------------


# So many times and no more: the desk counts what goes over the wire.
def measure_wire(prepare, work):
    prepare(count)
    work(count)
    tell(writes=writes)


# One, and then the desk looks at what went over the wire.
def measure_first(_prepare, work):
    work(1)
    await_messages(0)
    tell()


# hublink shows that it needs no heap by having none; of the others it is said how much they take.
def measure_heap(prepare, work):
    prepare(WARM_UP)
    work(WARM_UP)
    prepare(1)
    gc.collect()
    gc.disable()
    before_len = gc.mem_alloc()
    work(1)
    heap_len = gc.mem_alloc() - before_len
    prepare(count)
    if contender == "hublink":
        heap_lock()
    try:
        work(count)
    finally:
        if contender == "hublink":
            heap_unlock()
    tell(heap=heap_len)


# A chain of small objects that fills every hole in the heap. Functions with many variables take room there
# while they run, and what it costs to find it would depend on what happened before.
def without_holes():
    gc.collect()
    chain = None
    for _ in range(10000):
        chain = (chain,)
    return chain


# Between marks 3 and 4 n times, between marks 5 and 6 2 n times.
def measure_instructions(prepare, work):
    for n in (WARM_UP, count, 2 * count):
        prepare(n)
        filler = without_holes()
        gc.disable()
        time.clock()
        work(n)
        time.clock()
        gc.enable()
        del filler


def measure_rate(_prepare, work):
    began_ms = time.ticks_ms()
    work(count)
    tell(ms=time.ticks_diff(time.ticks_ms(), began_ms))


# What the import alone costs, and what it brings.
def measure_import(name):
    gc.collect()
    before_len = gc.mem_alloc()
    __import__(name)
    gc.collect()
    tell(heap=gc.mem_alloc() - before_len, modules=list(sys.modules))


def main():
    if options["measure"] == "import":
        measure_import({"hublink": "hublink.net.mqtt", "umqtt": "umqtt.simple"}[contender])
        return
    client = {"hublink": Hublink, "umqtt": Umqtt, "limit": Limit}[contender]()
    measure = {
        "wire": measure_wire, "heap": measure_heap, "instructions": measure_instructions,
        "first": measure_first, "rate": measure_rate,
    }[options["measure"]]  # fmt: skip
    prepare = await_messages if options["work"] == "receive" else lambda _n: None
    measure(prepare, getattr(client, options["work"]))


main()
