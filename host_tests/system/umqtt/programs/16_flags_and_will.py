# Takes back a last will, and tells a retained message from a new one.
import sys

from umqtt.simple import MQTTClient

client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.set_callback(lambda topic, msg: print("heard", topic))
client.set_last_will("status", "gone")
try:
    client.set_last_will(None, None)
except Exception as e:
    print(type(e).__name__)
client.connect()
for _ in range(2):
    first = client.wait_msg()
    print("retained", None if first is None else first & 1)
client.disconnect()
