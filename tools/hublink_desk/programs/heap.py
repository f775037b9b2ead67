# What the node costs in Python heap: prints how many bytes are allocated at each stage, and, once it is
# online, the modules that it took to get there; then how many more bytes 100 devices cost that speak through
# it, gateway.py included. Run by `hublink size`.
import gc
import sys

BOUND = 100
bound = []  # their names, and what was allocated before

gc.collect()
empty_len = gc.mem_alloc()

from hublink import Node  # noqa: E402 - what stands around it measures it

gc.collect()
imported_len = gc.mem_alloc()
node = Node()
gc.collect()
built_len = gc.mem_alloc()


@node.telemetry(every_s=1)
def first():
    if not node.uplink.link.online_count:
        return
    gc.collect()
    online_len = gc.mem_alloc()
    if not bound:
        print("size: heap %d %d %d %d" % (empty_len, imported_len, built_len, online_len))
        print("size: modules %s" % " ".join(sys.modules))
        for i in range(BOUND):
            bound.append("light-switch-%03d" % i)
            node.gateway.attach(bound[i])
        bound.append(online_len)
    elif node.gateway.status().get("ready") == BOUND:
        print("size: bound %d" % (online_len - bound[-1]))


node.run()
