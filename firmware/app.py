# The program of this device. Change what it measures and how it answers the hub here.
import gc

from hublink import Node

node = Node()  # reads config.json


@node.telemetry(every_s=10)
def memory():
    return {"free": gc.mem_free(), "used": gc.mem_alloc()}


@node.on_event(severity="error")
def trouble(event):
    print("the hub reports:", event)


node.run()
