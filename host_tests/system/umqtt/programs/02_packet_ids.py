# Five acknowledged messages; the client's packet ids are about to run out.
import sys

from umqtt.simple import MQTTClient

client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.connect()
for i in range(5):
    client.publish("count", str(i), qos=1)
    print("acknowledged", i)
client.disconnect()
