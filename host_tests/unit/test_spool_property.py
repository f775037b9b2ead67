"""The spool against a list: the hub gets what was accepted, in order; what was flushed survives any reset."""

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from host_tests.shim import install

with install():
    from hublink import limits, ticks
    from hublink.journal import Journal
    from hublink.outbox import HEAD_LEN, Outbox
    from hublink.spool import POLICIES, Spool

    from host_tests.both.cases_spool import Files

NOW_S = 1_800_000_000
HEAD = 6  # digits at the beginning of each payload: the message's number


class SpoolAgainstList(RuleBasedStateMachine):
    """Numbers are given in the order of put(). `kept`: those that the spool still owes the hub."""

    @initialize(
        policy=st.sampled_from(POLICIES),
        segments=st.integers(1, 5),
        count_max=st.sampled_from([5, 40, 1000]),
        outbox_len=st.integers(300, 2000),
    )
    def boot_first(self, policy, segments, count_max, outbox_len):
        self.files = Files()
        self.bounds = segments * limits.BLOCK_LEN, count_max
        self.policy, self.outbox_len = policy, outbox_len
        self.numbers = itertools.count()
        self.kept, self.flushed, self.in_flight = {}, set(), []
        self.now_ms, self.now_s = ticks.MASK - 5000, NOW_S
        self.may_repeat = set()  # acknowledged, and perhaps still on flash; or never promised
        self.start()

    def start(self):
        self.outbox = Outbox(self.outbox_len)
        self.journal = Journal(self.files, self.outbox.packet_max(), *self.bounds)
        self.spool = Spool(self.outbox, self.journal, self.policy, lambda: self.now_s, self.now_ms)
        self.last = -1
        self.made_room = False  # messages on flash were dropped for newer ones, read or not
        self.watch_drops()

    def watch_drops(self):
        drop, acknowledged = self.journal.drop_oldest, self.journal.acknowledged

        def dropped():
            self.made_room = True
            return drop()

        def acknowledge(seq):
            before = self.made_room
            acknowledged(seq)
            self.made_room = before

        self.journal.drop_oldest, self.journal.acknowledged = dropped, acknowledge

    def all_lost(self):
        return sum(self.spool.lost.values())

    # -- the program ---------------------------------------------------------------------------

    @rule(
        body_len=st.integers(0, 250),
        expiry_s=st.sampled_from([0, 0, 5, 500]),
        durable=st.sampled_from([False, False, False, True]),
        times=st.integers(1, 6),
    )
    def put(self, body_len, expiry_s, durable, times):
        for _ in range(times):
            number = next(self.numbers)
            payload = b"%06d" % number + bytes(body_len)
            expires_s = self.now_s + expiry_s if expiry_s else 0
            if self.spool.put(b"t", payload, 1, False, expires_s, durable):
                self.kept[number] = expires_s
                self.flushed |= set(self.kept) if durable else set()
            elif durable:  # lost, or not on flash only
                self.may_repeat.add(number)

    @rule()
    def flush(self):
        if self.spool.flush():
            self.flushed |= set(self.kept)

    @rule(passed_ms=st.sampled_from([10, 1000, limits.SPILL_MS]), online=st.booleans())
    def step(self, passed_ms, online):
        self.now_ms = ticks.add(self.now_ms, passed_ms)
        self.spool.step(self.now_ms, online)

    @rule(passed_s=st.sampled_from([1, 10, 1000]))
    def time_passes(self, passed_s):
        self.now_s += passed_s

    @rule(fails=st.sampled_from([0, 0, 5, 28]))
    def flash_refuses(self, fails):
        self.files.fail = fails

    # -- the hub -------------------------------------------------------------------------------

    @precondition(lambda self: self.outbox.peek() >= 0)
    @rule(count=st.integers(1, 8))
    def send(self, count):
        while count and self.outbox.peek() >= 0:
            count -= 1
            record = self.outbox.peek()
            at = record + HEAD_LEN + 6  # 0x32, length of 1 or 2 bytes, topic of 3, packet id of 2
            at += (self.outbox.buf[record + HEAD_LEN + 1] & 128) >> 7
            number = int(self.outbox.buf[at + 1 : at + 1 + HEAD])
            again = self.outbox.is_again(record)
            self.outbox.sent(record)
            self.in_flight.append((record, number))
            assert number in self.kept or number in self.may_repeat, "it was lost, acknowledged or never put"
            assert again or number > self.last, "out of order"
            self.last = max(self.last, number)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def acknowledge(self, data):
        for _ in range(data.draw(st.integers(1, len(self.in_flight)))):
            record, number = self.in_flight.pop(data.draw(st.integers(0, len(self.in_flight) - 1)))
            self.outbox.done(record)
            self.may_repeat.add(number)
            self.kept.pop(number, None)
            self.flushed.discard(number)

    @rule()
    def link_breaks(self):
        self.outbox.rewind()
        self.in_flight = []

    # -- resets --------------------------------------------------------------------------------

    @rule(torn_len=st.integers(0, 40))
    def reset(self, torn_len):
        self.in_flight = []
        if self.files.data and torn_len:
            self.files.data[max(self.files.data)] += b"\x17" * torn_len
        made_room = self.made_room
        self.start()
        found = self.on_flash()
        assert found == sorted(set(found)), "out of order, or twice"
        missing = set() if made_room else self.flushed - set(found)
        assert all(0 < self.kept[number] <= self.now_s for number in missing), "flushed, and not there"
        assert set(found) <= set(self.kept) | self.may_repeat, "never put"
        self.kept = {number: self.kept.get(number, 0) for number in found}
        self.flushed = set(found)

    def on_flash(self):
        """Numbers of what a device that starts now would find, expired or not."""
        journal = Journal(self.files, self.outbox.packet_max(), *self.bounds)
        packet, found = bytearray(4096), []
        view = memoryview(packet)

        def keep(length, expires_s):
            start = 6 + (packet[1] >> 7) + 1
            found.append(int(packet[start : start + HEAD]))

        while journal.unread():
            journal.read(lambda length: view[:length], keep, 0)
        return found

    # -- always --------------------------------------------------------------------------------

    @invariant()
    def nothing_disappears_silently(self):
        if hasattr(self, "spool"):
            owed = self.spool.waiting() + len(self.in_flight)
            assert owed <= len(self.kept) + len(self.may_repeat)
            assert len(self.kept) <= owed + self.all_lost() + self.spool.refused

    @invariant()
    def bounds_hold(self):
        if hasattr(self, "files"):
            assert sum(map(len, self.files.data.values())) <= self.bounds[0] + 400
            assert len(self.files.data) <= limits.FLASH_FILES

    # In the end everything that is owed arrives, or was counted as lost.
    def teardown(self):
        if not hasattr(self, "spool"):
            return
        self.files.fail = 0
        self.link_breaks()
        for _ in range(200):
            self.step(10, True)
            while self.outbox.peek() >= 0:
                self.send(1)
            for record, number in self.in_flight:
                self.outbox.done(record)
                self.kept.pop(number, None)
            self.in_flight = []
        assert self.spool.waiting() == 0
        assert len(self.kept) <= self.all_lost() + self.spool.refused
        assert not [name for name in self.files.data if len(self.files.data[name]) > 40]


TestSpool = SpoolAgainstList.TestCase
TestSpool.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, derandomize=True, database=None
)
