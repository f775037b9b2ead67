# Waits for messages of whatever length the other end says they have.
import sys

from umqtt.simple import MQTTClient


def heard(topic, msg):
    print("heard", topic, len(msg))


client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.set_callback(heard)
client.connect()
try:
    while True:
        client.wait_msg()
except Exception as e:
    print(type(e).__name__)
