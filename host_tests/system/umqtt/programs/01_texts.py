# Topic and payload as text with letters of more than one byte.
import sys

from umqtt.simple import MQTTClient

client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.connect()
client.publish("t/é", "café")
client.publish("after", "it")
client.disconnect()
