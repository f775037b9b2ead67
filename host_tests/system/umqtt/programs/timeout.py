# Goes on until the other end falls silent, then connects again and says one thing more.
import sys

from umqtt.simple import MQTTClient


def ping():
    client.ping()
    client.wait_msg()


def fill(topic, msg):
    while True:
        client.publish(topic, msg)


STEPS = {
    "connack": lambda: None,
    "suback": lambda: client.subscribe("topic", 1),
    "unsuback": lambda: client.unsubscribe("topic"),
    "puback": lambda: client.publish("count", "one", qos=1),
    "pubrec": lambda: client.publish("count", "one", qos=2),
    "pubcomp": lambda: client.publish("count", "one", qos=2),
    "ping": ping,
    "write": lambda: fill("bulk", "x" * 4000),
    "write_express": lambda: fill(b"bulk", b"x" * 200),
}

client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.set_callback(print)
try:
    client.connect(False)
    STEPS[sys.argv[2]]()
    print("no error")
except OSError as e:
    print(e.args[1])
client.connect(False)
client.publish("count", "two", qos=1)
client.disconnect()
