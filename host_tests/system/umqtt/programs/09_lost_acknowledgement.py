# The connection breaks before the acknowledgement; after it comes the next message.
import sys

from umqtt.simple import MQTTClient

client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.connect(False)
try:
    client.publish("count", "one", qos=1)
except OSError:
    print("session:", int(client.connect(False)))
client.publish("count", "two", qos=1)
client.disconnect()
