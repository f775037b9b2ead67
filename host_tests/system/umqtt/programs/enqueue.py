# Enqueues what MQTT forbids or what is no bytes, each twice, then a message.
import sys

from umqtt.simple import MQTTClient

FORBIDDEN = (
    (b"bad/#", b"x"),
    (b"bad/+", b"x", 1),
    (b"", b"x"),
    (b"a\0b", b"x", 1),
    (b"\xff", b"x"),
    (b"t" * 65536, b"x"),
    (b"good", b"x", 3),
    (b"good", b"x", -1),
    ("t/é", "café", 1),
    ("text", b"x"),
    (b"good", "café", 1),
    (bytearray(b"good"), b"x"),
)
client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.connect()
for message in FORBIDDEN:
    for _ in range(2):
        try:
            print("taken", message, client.enqueue(*message))
        except ValueError as e:
            print("refused" if "expected" in str(e) else e)
client.enqueue(b"good", b"it", 1)
client.flush()
client.disconnect()
