# Looks for a message while only its first bytes have come, then waits for the rest.
import sys

from umqtt.simple import MQTTClient

client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]), keepalive=1)
client.set_callback(print)
client.connect()
client.publish("ready", "", qos=1)  # the first bytes come with the answer
print("checked", client.check_msg())
try:
    client.wait_msg()
except OSError:
    print("OSError")
