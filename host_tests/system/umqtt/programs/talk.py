# Every call of umqtt.simple's, and what it returns.
import sys

from umqtt import simple
from umqtt.simple import MQTTClient


def heard(topic, msg):
    print("heard", topic, msg)


client = MQTTClient(b"device", "127.0.0.1", int(sys.argv[1]), keepalive=30)
client.set_callback(heard)
print("extends", isinstance(client, simple.MQTTClient))
print("session", client.connect())
client.subscribe(b"topic", 1)
print(*(client.publish(b"topic", b"payload", False, qos) for qos in range(3)))
print("message", client.wait_msg())
print("nothing", client.check_msg())
client.ping()
print("pong", client.wait_msg())
print("unsubscribed", client.unsubscribe(b"topic"))
print("disconnected", client.disconnect())
client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
try:
    client.connect()
except Exception as e:
    print("refused", type(e).__name__, e.args)
