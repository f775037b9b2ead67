# Answers a message from its callback, while an own message waits for its acknowledgement.
import sys

from umqtt.simple import MQTTClient


def heard(topic, msg):
    client.publish("answer", msg, qos=1)
    print("answered", msg)


client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.set_callback(heard)
client.connect()
client.publish("question", "?", qos=1)
print("acknowledged")
client.disconnect()
