# A callback that raises, and a program that goes on.
import sys

from umqtt.simple import MQTTClient


def heard(topic, msg):
    raise RuntimeError("callback is broken")


client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.set_callback(heard)
client.connect()
try:
    client.wait_msg()
except RuntimeError as e:
    print(e)
client.publish("going", "on", qos=1)
client.disconnect()
