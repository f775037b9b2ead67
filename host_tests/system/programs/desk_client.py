# What the programs that use the client without a node share: a client of the broker on this desk.
import os
import time

import board
from hublink import ticks
from hublink.net import tls
from hublink.net.mqtt import MQTTClient
from hublink.outbox import Outbox


def setting(name):
    return int(os.getenv(name))


def now_ms():
    return time.ticks_ms() & ticks.MASK


def _read(name):
    with open(name, "rb") as file:
        return file.read()


def make(name):
    return MQTTClient(
        name, "127.0.0.1", setting("PORT"), keepalive=60, outbox=Outbox(4096),
        ssl=tls.make_context([_read("ca.der")], _read("device.der"), _read("device.key.der")),
        unacked_max_len=board.UNACKED_MAX_LEN, reserve=tls.Reserve(board.TLS_RESERVE),
    )  # fmt: skip


# Until the client's next poll is due.
def wait(client):
    if not client.connection.wait(client.connection.due_in(now_ms())):
        time.sleep_ms(1)
