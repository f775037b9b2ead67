# Asks for TLS and nothing else, and sends a password.
import sys

from umqtt.simple import MQTTClient

try:
    client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]), "someone", "secret", ssl=True)
    client.connect()
    print("connected")
except Exception as e:
    print(type(e).__name__)
