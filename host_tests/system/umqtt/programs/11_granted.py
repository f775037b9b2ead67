# What became of three subscriptions: granted less, refused, answered for another.
import sys

from umqtt.simple import MQTTClient

client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.set_callback(print)
client.connect()
for topic in ("less", "refused", "other"):
    try:
        print(topic, client.subscribe(topic, 1))
    except Exception as e:
        print(topic, type(e).__name__)
