# What the node costs in Python heap: prints how many bytes are allocated at each stage, and, once it
# is online, the modules that it took to get there. Run by `hublink size`.
import gc
import sys

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
    if node.uplink.link.online_count:
        gc.collect()
        print("size: heap %d %d %d %d" % (empty_len, imported_len, built_len, gc.mem_alloc()))
        print("size: modules %s" % " ".join(sys.modules))


node.run()
