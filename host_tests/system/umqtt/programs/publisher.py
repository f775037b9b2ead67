# Publishes with QoS 0 for as long as nothing seems wrong, and never looks for a message.
import sys
import time

from umqtt.simple import MQTTClient

client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]), keepalive=1)
client.connect()
try:
    for _ in range(60):
        client.publish("topic", "at most once")
        time.sleep_ms(50)
    print("all well")
except OSError as e:
    print(e.args[1])
