# Cuts the power at every operation of the flash while a queue of messages is written, replayed and removed:
# power_cut.py PAGE_LEN MESSAGES. After each page, after half of each page, after each erase and half of it, a
# second device starts from a copy of the flash as it is then. It must find every message that was flushed
# and is not acknowledged, in order, and nothing that was never accepted, and it must go on working.
import os
import sys

import vfs
from flash_cost import Device
from hublink import limits
from hublink.device.storage import Folder
from hublink.journal import Journal
from nor import BLOCK_LEN, Nor

BLOCKS = 48
_BATCH = 8
# Messages that a device writes after the reset.
LATER = [90000000, 90000001]


class CutNor(Nor):
    """A flash whose contents are copied at every operation; f(blocks) judges each copy."""

    def __init__(self, page_len):
        super().__init__(BLOCKS, page_len)
        self.on_cut = None
        self.cuts = 0

    def program(self, n, at, data):
        self._cut_in(n, at, data[: len(data) // 2])
        super().program(n, at, data)
        self._cut(self.blocks)

    def erase(self, n):
        self._cut_in(n, 0, b"\xff" * (BLOCK_LEN // 2))
        super().erase(n)
        self._cut(self.blocks)

    # Power fails when the operation has got so far.
    def _cut_in(self, n, at, data):
        if self.on_cut:
            block = bytearray(self.blocks[n])
            block[at : at + len(data)] = data
            self._cut(self.blocks[:n] + [block] + self.blocks[n + 1 :])

    def _cut(self, blocks):
        if self.on_cut:
            self.cuts += 1
            self.on_cut(blocks)


class CopyNor(Nor):
    """A flash that begins with the given blocks, and changes none of them."""

    def __init__(self, blocks, page_len):
        super().__init__(0, page_len)
        self.blocks = list(blocks)

    def program(self, n, at, data):
        self.blocks[n] = bytearray(self.blocks[n])
        super().program(n, at, data)

    def erase(self, n):
        self.blocks[n] = bytearray(BLOCK_LEN)
        super().erase(n)


class Scenario:
    """What one device does, and what must be on its flash at any moment."""

    def __init__(self, page_len, messages):
        self._messages = messages
        self.nor = CutNor(page_len)
        vfs.VfsLfs2.mkfs(self.nor, progsize=page_len)
        vfs.mount(vfs.VfsLfs2(self.nor, progsize=page_len), "/flash")
        self.nor.on_cut = self._judge
        self.formatted = self.nor.erases, self.nor.pages
        self.accepted = 0
        self.flushed = 0
        self.acknowledged = 0

    # Offline and online by turns, flushed in the middle of either, once with a restart in between.
    def run(self):
        device = self._start()
        while self.accepted < self._messages:
            self._offline(device, 3 * _BATCH + 3)
            device = self._start() if self.accepted % 4 else device
            self._online(device, 2)
            self._put(device, 5)
            self._flush(device)
            self._online(device, 2 + self.accepted % 3)
            self._durable(device)
        while device.spool.waiting():
            self._online(device, 1)

    # A restart forgets what was not flushed.
    def _start(self):
        device = Device(Folder("/flash/outbox"))
        self.accepted = self.flushed
        return device

    def _put(self, device, count):
        for _ in range(count):
            self.accepted += 1
            check(device.put(self.accepted - 1), "refused")

    def _flush(self, device):
        check(device.spool.flush(), "not flushed")
        self.flushed = self.accepted

    def _durable(self, device):
        self.accepted += 1
        check(device.put(self.accepted - 1, True), "not flushed")
        self.flushed = self.accepted

    def _offline(self, device, count):
        for _ in range(count):
            self._put(device, 1)
            device.turn(False)
        self._flush(device)

    def _online(self, device, turns):
        for _ in range(turns):
            device.turn(True)
            check(device.is_in_order, "sent out of order")
            if device.arrived:
                self.acknowledged = max(self.acknowledged, device.next_number)

    def _judge(self, blocks):
        nor = CopyNor(blocks, self.nor.page_len)
        vfs.mount(vfs.VfsLfs2(nor, progsize=nor.page_len), "/cut")
        try:
            found = read_all()
            if found:
                check(found[0] <= self.acknowledged, "from %d on" % found[0])
                check(found[-1] >= self.flushed - 1, "up to %d" % found[-1])
                check(found[-1] < self.accepted, "%d was never put" % found[-1])
                check(found == list(range(found[0], found[-1] + 1)), "%s" % found)
            else:
                check(self.acknowledged >= self.flushed, "nothing")
            device = Device(Folder("/cut/outbox"))
            for number in LATER:
                check(device.put(number, True), "no more can be written")
            check(read_all() == found + LATER, "%s after %s" % (read_all(), found))
            check(len(os.listdir("/cut/outbox")) <= 10, "%s" % os.listdir("/cut/outbox"))
        finally:
            vfs.umount("/cut")


# The numbers of all messages that a device finds when it starts.
def read_all():
    journal = Journal(Folder("/cut/outbox"), limits.OUTBOX_LEN)
    packet = bytearray(limits.OUTBOX_LEN)
    view = memoryview(packet)
    found = []
    while journal.unread():
        journal.read(
            lambda length: view[:length],
            lambda length, _: found.append(int(bytes(view[length - 128 : length - 120]))),
            0,
        )
    check(not journal.lost, "%s" % journal.lost)
    return found


def check(is_right, otherwise):
    if not is_right:
        raise AssertionError(otherwise)


def main(page_len, messages):
    scenario = Scenario(page_len, messages)
    scenario.run()
    nor = scenario.nor
    print("power-cut: %d messages, %d erases, %d pages, %d cuts" % (
        scenario.accepted, nor.erases - scenario.formatted[0], nor.pages - scenario.formatted[1], nor.cuts
    ))  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
