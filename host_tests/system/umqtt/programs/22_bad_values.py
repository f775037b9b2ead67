# Values that MQTT forbids, one connection for each.
import sys

from umqtt.simple import MQTTClient

PORT = int(sys.argv[1])


def password_alone():
    client = MQTTClient("device", "127.0.0.1", PORT, None, "secret")
    client.connect()


def will_with_wildcard():
    client = MQTTClient("device", "127.0.0.1", PORT)
    client.set_last_will("status/#", "gone")
    client.connect()


def topic_with_wildcard():
    client = MQTTClient("device", "127.0.0.1", PORT)
    client.connect()
    client.publish("all/#", "msg")
    client.disconnect()


def qos_3():
    client = MQTTClient("device", "127.0.0.1", PORT)
    client.connect()
    client.publish("topic", "msg", False, 3)
    client.disconnect()


def filter_with_wildcard_inside():
    client = MQTTClient("device", "127.0.0.1", PORT)
    client.set_callback(print)
    client.connect()
    client.subscribe("a#b")


def zero_in_client_id():
    client = MQTTClient("de\0vice", "127.0.0.1", PORT)
    client.connect()


def keepalive_of_more_than_two_bytes():
    client = MQTTClient("device", "127.0.0.1", PORT, keepalive=65536)
    client.connect()


def larger_than_the_outbox():
    client = MQTTClient("device", "127.0.0.1", PORT)
    client.connect()
    client.publish("topic", "x" * 70000)
    client.disconnect()


NAMES = (
    password_alone,
    will_with_wildcard,
    topic_with_wildcard,
    qos_3,
    filter_with_wildcard_inside,
    zero_in_client_id,
    keepalive_of_more_than_two_bytes,
    larger_than_the_outbox,
)
try:
    NAMES[int(sys.argv[2])]()
    print("sent")
except Exception as e:
    print(type(e).__name__)
