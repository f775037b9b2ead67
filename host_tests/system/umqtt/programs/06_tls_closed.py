# Looks for a message after the connection was closed, as a loop does that missed the news.
import sys

import tls
from umqtt.simple import MQTTClient

ca, cert, key = [open(name, "rb").read() for name in sys.argv[2:]]
context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
context.verify_mode = tls.CERT_REQUIRED
context.load_verify_locations(ca)
context.load_cert_chain(cert, key)
name = {"server_hostname": "localhost"}
client = MQTTClient("device", "127.0.0.1", int(sys.argv[1]), ssl=context, ssl_params=name)
client.set_callback(print)
client.connect()
print("checked", client.check_msg())
client.disconnect()
try:
    client.check_msg()
except OSError:
    print("OSError")
