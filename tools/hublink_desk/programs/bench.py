# One contender of the benchmark, publishing: hublink, umqtt.simple, or "limit", which writes one packet
# that was encoded before and is what no client can beat. Arguments: contender, transport (plain, tls), port,
# QoS, how often, names of the authority's, the device's and the key's DER file.
# time.clock() marks where counting begins and ends (see reference/instructions.py).
import gc
import socket
import sys
import time

TOPIC = b"plant/7/telemetry"
PAYLOAD = b"x" * 100
WARM_UP = 20

contender, transport = sys.argv[1:3]
port, qos, count = [int(text) for text in sys.argv[3:6]]


def context():
    from hublink.net import tls

    ca, cert, key = [open(name, "rb").read() for name in sys.argv[6:9]]
    return tls.make_context([ca], cert, key)


class Ssl:
    """What umqtt.simple takes for the ssl module, on a verified context."""

    def wrap_socket(self, sock, **_):
        return context().wrap_socket(sock, server_hostname="localhost")


def umqtt():
    import umqtt.simple as module

    client = module.MQTTClient(b"bench", "127.0.0.1", port, keepalive=60)
    if transport == "tls":
        # 1.3.4's own way to TLS raises ImportError; this does what it would do.
        sys.modules["ussl"] = Ssl()
        client.ssl = True
        client.ssl_params = {}
    client.connect()
    return lambda: client.publish(TOPIC, PAYLOAD, False, qos)


def hublink():
    from hublink.net.mqtt import MQTTClient

    ssl = context() if transport == "tls" else None
    name = {"server_hostname": "localhost"}
    client = MQTTClient(b"bench", "127.0.0.1", port, keepalive=60, ssl=ssl, ssl_params=name)
    client.connect()
    now_ms = time.ticks_ms() & 0x3FFFFFFF
    outbox = client.session.outbox

    def publish():
        client.enqueue(TOPIC, PAYLOAD, qos)
        while outbox.count:
            client.poll(now_ms, 0)
            if outbox.count:
                client.connection.wait(1000)

    return publish


def limit():
    sock = socket.socket()
    sock.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    stream = Ssl().wrap_socket(sock) if transport == "tls" else sock
    stream.write(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05bench")
    stream.read(4)
    body = bytes([0, len(TOPIC)]) + TOPIC + (b"\x00\x01" if qos else b"") + PAYLOAD
    packet = bytes([0x30 | qos << 1, len(body)]) + body

    def publish():
        stream.write(packet)
        if qos:
            stream.read(4)

    return publish


publish = {"umqtt": umqtt, "hublink": hublink, "limit": limit}[contender]()
for _ in range(WARM_UP):
    publish()
gc.collect()
gc.disable()
before = gc.mem_alloc()
publish()
print("bench: heap %d" % (gc.mem_alloc() - before))
time.clock()
for _ in range(count):
    publish()
time.clock()
for _ in range(2 * count):
    publish()
time.clock()
