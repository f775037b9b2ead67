# A sensor that never returns: only a watchdog ends this.
import time

from hublink import Node

node = Node()


@node.telemetry(every_s=1)
def stuck():
    if node.uplink.link.online_count:
        print("test: hanging")
        while True:
            time.sleep_ms(100)


node.run()
