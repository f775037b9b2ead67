# A user name without a password, and one that is empty.
import sys

from umqtt.simple import MQTTClient

for user in ("someone", ""):
    client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]), user)
    try:
        client.connect()
        client.disconnect()
    except Exception as e:
        print(type(e).__name__)
