# Answers many messages, each from its callback.
import sys

from umqtt.simple import MQTTClient


def heard(topic, msg):
    client.publish("answer", msg)


client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.set_callback(heard)
client.connect()
for _ in range(int(sys.argv[2])):
    client.wait_msg()
client.disconnect()
print("done")
