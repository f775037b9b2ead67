# umqtt.simple as it is, over plain TCP, printing what it does: umqtt_client.py PORT
import sys
import time

from umqtt.simple import MQTTClient

HOST = "127.0.0.1"
PORT = int(sys.argv[1])

heard = []


def hear(topic, message):
    heard.append((topic, message))
    print("heard:", topic, message[:20], len(message))


# Non-blocking looks until so many messages were heard in all; how many it takes is left unsaid.
def look_until(client, count):
    while len(heard) < count:
        client.check_msg()
        time.sleep_ms(1)


client = MQTTClient("talker", HOST, PORT, keepalive=30)
client.set_callback(hear)
client.set_last_will("will", "gone", qos=1)
print("connect:", client.connect())
print("nothing:", client.check_msg())
client.subscribe(b"talk/#", qos=1)
client.publish(b"talk/0", b"at most once")
client.wait_msg()
client.publish("talk/1", "at least once", qos=1)
look_until(client, 2)
client.publish("talk/2", "x" * 300, qos=1)
look_until(client, 3)
client.publish(b"talk/kept", b"kept", retain=True, qos=1)
look_until(client, 4)
print("ping:", client.ping())
print("pong:", client.wait_msg())
client.disconnect()

# A second client takes up the retained message.
other = MQTTClient("other", HOST, PORT)
other.set_callback(hear)
other.connect()
other.subscribe("talk/kept")
look_until(other, 5)
other.disconnect()
try:
    other.wait_msg()
except OSError as e:
    print("after disconnect:", *e.args)
