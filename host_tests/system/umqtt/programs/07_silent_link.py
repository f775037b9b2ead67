# Pings for as long as nothing seems wrong.
import sys
import time

from umqtt.simple import MQTTClient

client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.set_callback(print)
client.connect()
try:
    for _ in range(5):
        client.ping()
        time.sleep_ms(150)
        client.check_msg()
    print("all well")
except OSError:
    print("OSError")
