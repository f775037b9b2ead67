# Hears of a message of QoS 2, once, and of the last one.
import sys

from umqtt.simple import MQTTClient


def heard(topic, msg):
    print("heard", topic, msg)


client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.set_callback(heard)
client.connect()
for _ in range(2):
    try:
        client.wait_msg()
    except Exception as e:
        print(type(e).__name__)
client.disconnect()
