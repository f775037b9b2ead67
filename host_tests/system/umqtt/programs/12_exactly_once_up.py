# Sends a message of QoS 2.
import sys

from umqtt.simple import MQTTClient

client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.connect()
try:
    client.publish("up", "once", qos=2)
    print("delivered")
except Exception as e:
    print(type(e).__name__)
client.disconnect()
