# Counts on one message for each wait, and on none before it asks.
import sys
import time

import tls
from umqtt.simple import MQTTClient


def heard(topic, msg):
    print("heard", msg)


options = {}
if len(sys.argv) > 2:
    ca, cert, key = [open(name, "rb").read() for name in sys.argv[2:]]
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED
    context.load_verify_locations(ca)
    context.load_cert_chain(cert, key)
    options = {"ssl": context, "ssl_params": {"server_hostname": "localhost"}}
client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]), **options)
client.set_callback(heard)
client.connect()
print("connected")
for _ in range(2):
    client.wait_msg()
    print("waited")
client.subscribe("topic")
print("subscribed")
client.publish("topic", "at most once")
print("published")
client.wait_msg()
print("waited")
client.ping()
time.sleep_ms(400)  # longer than the answer may take, but it has come, behind a message
client.wait_msg()
print("waited")
client.wait_msg()
print("answered")
client.disconnect()
