# Connects, sends a message and leaves, again and again: of four times once in good order, once without a
# word, and twice it gets no further than the TLS handshake, which fails at DEAF_PORT.
# Says after the warm-up and at the end how much heap it takes, and which descriptor is the lowest free one.
# Settings: PORT, DEAF_PORT, COUNT.
import gc
import socket

import desk_client
from desk_client import now_ms, setting
from hublink.net import connection

WARM_UP = 10

client = desk_client.make(b"returner")
link = client.connection
count = setting("COUNT")


# Turns until is_done(), or until the connection is broken: then it is False.
def succeeds(is_done):
    while client.poll(now_ms(), 0) != connection.BROKEN:
        if is_done():
            return True
        desk_client.wait(client)
    return False


def is_up():
    return link.state == connection.UP


def is_sent():
    return not client.session.outbox.count


def tell(i):
    probe = socket.socket()  # before the collector closes what we forgot to close
    descriptor = probe.fileno()
    probe.close()
    gc.collect()
    print("returner: after %d heap %d descriptor %d" % (i, gc.mem_alloc(), descriptor))


for i in range(1, count + 1):
    client.port = setting("PORT" if i & 1 else "DEAF_PORT")
    client.start(now_ms(), False)
    if succeeds(is_up) != (i & 1 == 1):
        raise OSError(link.error or "TLS with a server that has none")
    if link.state == connection.UP:
        client.enqueue(b"returner", b"%d" % i, 1)
        if not succeeds(is_sent):
            raise OSError(link.error)
    link.close(now_ms(), i & 2 == 0)
    if i == WARM_UP or i == count:
        tell(i)
