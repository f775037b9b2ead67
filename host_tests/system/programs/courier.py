# Sends the numbers 1, 2, 3, ... and connects again, in the same session, as often as the connection breaks.
# Once all are acknowledged it sends 0. Settings: PORT, QOS, COUNT.
import desk_client
from desk_client import now_ms, setting
from hublink import limits
from hublink.net import connection

WINDOW = limits.WINDOW

qos = setting("QOS")
client = desk_client.make(b"courier")
link = client.connection
outbox = client.session.outbox


def turn(was_up):
    state = client.poll(now_ms(), 0)
    if state == connection.UP and not was_up:
        print("courier: up, session present %s" % client.session.session_present)
    elif state == connection.BROKEN:
        print("courier: lost, %s" % link.error)
        link.close(now_ms())
        client.start(now_ms(), False)
    return state == connection.UP


# As many at a time as fill the window once more; the outbox has room for all of them.
def send(numbers, is_up):
    while True:
        is_up = turn(is_up)
        while numbers and outbox.waiting < WINDOW:
            client.enqueue(b"courier", b"%d" % numbers.pop(), qos)
        if not numbers and not outbox.count and not client.session.in_flight:
            return
        desk_client.wait(client)


client.start(now_ms(), False)
send(list(range(setting("COUNT"), 0, -1)), False)
send([0], True)
link.close(now_ms(), True)
print("courier: done, dropped %d" % outbox.dropped)
