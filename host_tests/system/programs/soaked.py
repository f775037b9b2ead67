# A device under soak: numbered readings, and now and then one that has to survive a reset. What it promised,
# and its heap, it says on its console.
from hublink import Node
from hublink.device import system

node = Node()
count = 0


@node.telemetry(every_s=0.2)
def n():
    global count
    count += 1
    if count % 5 == 0 and node.send("kept", count, durable=True):
        telemetry = node._telemetry
        print("soak: kept %d %d" % (telemetry.boot, telemetry.seq))
    if count % 20 == 0:
        system.collect()
        print("soak: heap %d" % system.heap_low())
    return count


node.run()
