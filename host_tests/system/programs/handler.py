# A handler and a sensor that raise: neither may stop the node.
from hublink import Node

node = Node()


@node.telemetry(every_s=0.1)
def broken():
    raise ValueError("no sensor there")


@node.on_event()
def heard(event):
    raise RuntimeError("handler is broken")


node.run()
