# Says nothing about keep-alive, then asks for a second of it and waits.
import sys

from umqtt.simple import MQTTClient

for keepalive in ({}, {"keepalive": 1}):
    client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]), **keepalive)
    client.set_callback(print)
    client.connect()
    if keepalive:
        try:
            client.wait_msg()
        except OSError:
            print("OSError")
    else:
        client.disconnect()
