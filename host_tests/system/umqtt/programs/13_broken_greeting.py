# Connects to something that ends, or says something else, instead of CONNACK.
import sys

from umqtt.simple import MQTTClient

for _ in range(4):
    client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
    try:
        client.connect()
    except Exception as e:
        print(type(e).__name__)
