# Written for umqtt.robust: looks once for a message, on a connection that breaks each time.
import sys

from umqtt.robust import MQTTClient

client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]))
client.set_callback(print)
client.connect()
try:
    while True:
        client.check_msg(attempts=2)
except OSError as e:
    print("gave up:", e.args[1])
