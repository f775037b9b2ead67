# Ten readings a second, numbered, so that a lost or doubled one shows.
from hublink import Node

node = Node()
count = 0


@node.telemetry(every_s=0.1)
def counted():
    global count
    count += 1
    return count


@node.on_event()
def heard(event):
    print("test: event %s" % event.code)


node.run()
