# Written for umqtt.robust: hears commands and counts, whatever happens to the connection.
import sys

from umqtt.robust import MQTTClient


def heard(topic, msg):
    print("heard", topic, msg)


client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.DEBUG = True
client.set_callback(heard)
if not client.connect(clean_session=False):
    client.subscribe(b"command/#", qos=1)
for i in range(2):
    client.publish("count", str(i), qos=1)
    print("counted", i)
for _ in range(2):
    client.wait_msg()
while client.check_msg() is None:
    pass
print("reconnected", int(client.reconnect()))
client.disconnect()
