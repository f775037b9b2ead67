# Fails in one way, and prints what a program that catches umqtt's errors gets to see.
import sys

from umqtt import simple
from umqtt.simple import MQTTClient

PORT, NOBODY = int(sys.argv[1]), int(sys.argv[2])
client = MQTTClient("device", "127.0.0.1", PORT)
client.set_callback(print)


def nobody_there():
    MQTTClient("device", "127.0.0.1", NOBODY).connect()


def too_late():
    client.connect(True, 0.1)


def refused():
    client.connect()


def subscription_refused():
    client.connect()
    client.subscribe("topic")


def closed():
    client.connect()
    client.wait_msg()


def garbled():
    closed()


def not_connected():
    client.check_msg()


def disconnected():
    client.connect()
    client.disconnect()
    client.publish("topic", "msg")


FAILURES = (
    nobody_there,
    too_late,
    refused,
    subscription_refused,
    closed,
    garbled,
    not_connected,
    disconnected,
)
for failure in FAILURES:
    if failure.__name__ == sys.argv[3]:
        try:
            failure()
        except OSError as e:
            print("OSError", *e.args)
        except simple.MQTTException as e:
            print("MQTTException", *e.args)
