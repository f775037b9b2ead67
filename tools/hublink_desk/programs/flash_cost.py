# What the flash part of the outbox costs: `hublink flash-cost` runs this on MicroPython with the bytes of a
# flash page as argument, and the tests import it into CPython. The messages are 128 bytes long.
import gc

from hublink import limits
from hublink.journal import Journal
from hublink.outbox import HEAD_LEN, Outbox
from hublink.spool import Spool

TOPIC = b"plant/line-7/press"
TURN_MS = 100
WINDOW = 8
MESSAGES = 1000


class Device:
    """A node's queue, and the hub that takes what is sent. folder: where the messages are kept."""

    def __init__(self, folder, policy="drop_oldest"):
        self.outbox = Outbox(limits.OUTBOX_LEN)
        journal = Journal(folder, self.outbox.packet_max())
        self.spool = Spool(self.outbox, journal, policy, lambda: 1800000000, 0)
        self.now_ms = 0
        self.arrived = 0  # messages that the hub got
        self.next_number = -1  # of the one that it expects, when it has got any
        self.is_in_order = True

    def put(self, number, durable=False):
        return self.spool.put(TOPIC, b"%08d" % number + bytes(120), 1, False, 0, durable)

    def turn(self, online):
        """One turn of the node's loop; online, the hub takes and acknowledges a window of messages."""
        self.now_ms += TURN_MS
        self.spool.step(self.now_ms, online)
        for _ in range(WINDOW if online else 0):
            record = self.outbox.peek()
            if record < 0:
                return
            self.outbox.sent(record)
            at = record + HEAD_LEN + self.outbox.packet_len(record) - 128
            self._arrive(int(bytes(self.outbox.buf[at : at + 8])))
            self.outbox.done(record)

    def _arrive(self, number):
        self.is_in_order = not self.arrived or (self.is_in_order and number == self.next_number)
        self.next_number = number + 1
        self.arrived += 1


class Heap:
    """How many bytes of the heap were in use at most, garbage left out, above what was at the start.

    It looks at every 64th read, because that takes a millisecond. 0 where the interpreter does not tell.
    """

    def __init__(self):
        self._reads = 0
        self._base_len = self._most_len = self._used_len()

    def look(self):
        self._reads += 1
        if self._reads & 63 == 0:
            self._most_len = max(self._most_len, self._used_len())

    def taken_len(self):
        return self._most_len - self._base_len

    @staticmethod
    def _used_len():
        if not hasattr(gc, "mem_alloc"):
            return 0
        gc.collect()
        return gc.mem_alloc()


def measure(nor, make_device):
    """Yields (what, messages, erases, bytes programmed, reads, bytes read, heap bytes) for each situation.

    nor: has counts(), what was done to the flash so far, and calls on_read; make_device() starts a device
    on it.
    """

    def counted(what, count, act):
        heap = Heap()
        nor.on_read = heap.look
        before = nor.counts()
        act()
        after = nor.counts()
        nor.on_read = None
        return (what, count) + tuple(after[i] - before[i] for i in range(4)) + (heap.taken_len(),)

    def online(durable=False):
        for number in range(MESSAGES):
            device.put(number, durable)
            for _ in range(3):  # a second or so, until flash is free again
                device.turn(True)
        check((device.arrived, device.is_in_order), (MESSAGES, True))

    def offline():
        for number in range(MESSAGES):
            device.put(number)
            device.turn(False)
        device.spool.flush()

    def start():
        started.append(make_device())
        check(started[0].spool.waiting(), MESSAGES)

    def replay():
        device = started[0]
        while device.spool.waiting():
            device.turn(True)
        device.turn(True)
        check((device.arrived, device.is_in_order, device.spool.lost), (MESSAGES, True, {}))

    device = make_device()
    started = []
    yield counted("online", MESSAGES, online)
    device = make_device()
    yield counted("online, durable", MESSAGES, lambda: online(True))
    device = make_device()
    yield counted("offline, batches of %d" % limits.SPILL_COUNT, MESSAGES, offline)
    yield counted("start, %d waiting" % MESSAGES, 1, start)
    yield counted("replay", MESSAGES, replay)


def check(value, expected):
    if value != expected:
        raise ValueError("%s, expected %s" % (value, expected))


def main(page_len):
    import vfs
    from hublink.device.storage import Folder
    from nor import Nor

    nor = Nor(212, page_len)  # a Pico W's
    vfs.VfsLfs2.mkfs(nor, progsize=page_len)
    vfs.mount(vfs.VfsLfs2(nor, progsize=page_len), "/flash")
    for row in measure(nor, lambda: Device(Folder("/flash/outbox"))):
        print("; ".join(map(str, row)))


if __name__ == "__main__":
    import sys

    main(int(sys.argv[1]))
