# Publishes from two buffers, which are used again and again.
import sys

from umqtt.simple import MQTTClient

topic, msg = bytearray(b"topic/0"), bytearray(b"0")
client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.connect()
for digit in b"012":
    topic[-1] = msg[0] = digit
    client.publish(topic, msg)
client.disconnect()
