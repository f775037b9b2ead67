# Leaves when it is told to, from its callback.
import sys

from umqtt.simple import MQTTClient


def heard(topic, msg):
    print("heard", msg)
    if msg == b"stop":
        client.disconnect()


client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.set_callback(heard)
client.connect()
getattr(client, sys.argv[2])()
print("left")
