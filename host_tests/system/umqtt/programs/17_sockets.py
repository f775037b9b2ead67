# Connects again without having closed, then closes what the other end has broken off.
import sys

from umqtt.simple import MQTTClient

client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.set_callback(print)
client.connect()
client.connect()
client.publish("now", "break", qos=0)
try:
    client.wait_msg()
except OSError:
    print("OSError")
client.disconnect()
print("closed")
