# Publishes some messages, and one more without waiting for it, then leaves.
import sys

from umqtt.simple import MQTTClient

TOPIC = b"topic"
client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.connect()
for i in range(3):
    client.publish(TOPIC, b"%d" % i)
    print("left to write", client.session.tx_len)
client.enqueue(TOPIC, b"3")
client.disconnect()
