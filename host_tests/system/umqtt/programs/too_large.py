# Connects again while a message is half written that its outbox has no room for.
import sys

from hublink.outbox import Outbox
from umqtt.simple import MQTTClient

client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]), outbox=Outbox(64))
client.connect()
client.publish(b"topic", b"small")
client.connection._stream.io_write = lambda buf, at, n: None
print(client.enqueue(b"topic", b"x" * 200))
client.connect()
client.publish(b"topic", b"again")
client.disconnect()
