# Hears of two messages; the first says that its topic is longer than itself.
import sys

from umqtt.simple import MQTTClient


def heard(topic, msg):
    print("heard", topic, msg)


client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.set_callback(heard)
client.connect()
try:
    client.wait_msg()
except Exception as e:
    print(type(e).__name__)
