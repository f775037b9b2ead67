# Subscribes to a long topic, with a time limit, and takes it back.
import sys

from umqtt.simple import MQTTClient

client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.set_callback(print)
client.connect()
client.subscribe("t" * 200)
client.unsubscribe("t" * 200)
client.connect(True, 5)
client.disconnect()
