# Written for umqtt.robust: what it subscribes to again, and which refusal ends it.
import sys

from umqtt.robust import MQTTClient


class Client(MQTTClient):
    def delay(self, i):
        print("try", i)


client = Client("device", "127.0.0.1", int(sys.argv[1]))
client.set_callback(print)
client.connect()
for topic in ("kept", "dropped"):
    client.subscribe(topic)
client.unsubscribe("dropped")
try:
    client.wait_msg()
except Exception as e:
    print("refused", *e.args)
