# spool and journal: what was flushed is found again, in order, whatever is damaged; RAM first; bounds.
import struct
from binascii import crc32

from hublink import limits, ticks
from hublink.journal import HEAD_LEN, Journal
from hublink.outbox import HEAD_LEN as OUTBOX_HEAD_LEN
from hublink.outbox import Outbox
from hublink.spool import Spool

_TOPIC = b"t"
_NOW_S = 1800000000


class Files:
    """A folder in memory. fail: errno that all who write get, 0: none; lands: it is written nevertheless.

    full_in: so many calls, its own and its files', from now on the heap is full for one; -1: never.
    """

    def __init__(self):
        self.data = {}
        self.opened = 0
        self.fail = 0
        self.lands = False
        self.full_in = -1

    def allocate(self):
        self.full_in -= 1
        if self.full_in == -1:
            raise MemoryError
        self.full_in = max(-1, self.full_in)

    def names(self):
        return list(self.data)

    def open(self, name, mode):
        self.opened += 1
        self.allocate()
        if mode == "rb" and name not in self.data:
            raise OSError(2)
        if mode != "rb" and self.fail and not self.lands:
            raise OSError(self.fail)
        return File(self, name, mode)

    def remove(self, name):
        self.allocate()
        if name not in self.data:
            raise OSError(2)
        del self.data[name]


class File:
    def __init__(self, folder, name, mode):
        self._folder, self._name, self._mode = folder, name, mode
        self._data = bytearray() if mode == "wb" else bytearray(folder.data.get(name, b""))
        self._at = 0

    def __enter__(self):
        return self

    # As on littlefs, all that was written is there from now on.
    def __exit__(self, *_):
        if self._mode != "rb":
            self._folder.data[self._name] = self._data
            if self._folder.fail:
                raise OSError(self._folder.fail)

    def write(self, data):
        self._folder.allocate()
        self._data += data

    def seek(self, at, whence=0):
        self._at = at + (len(self._data) if whence else 0)
        return self._at

    def readinto(self, buf):
        self._folder.allocate()
        data = self._data[self._at : self._at + len(buf)]
        buf[: len(data)] = data
        self._at += len(data)
        return len(data)


class Device:
    """A queue over a folder, and a hub that takes what is sent. Messages are numbers, body_len bytes long."""

    def __init__(
        self,
        files,
        policy="drop_oldest",
        flash_len=limits.FLASH_LEN,
        count_max=1000,
        outbox_len=4096,
        body_len=380,
    ):
        self._body_len = body_len
        self.outbox = Outbox(outbox_len)
        self.journal = Journal(files, self.outbox.packet_max(), flash_len, count_max)
        self.now_s = _NOW_S
        self.spool = Spool(self.outbox, self.journal, policy, lambda: self.now_s, 0)
        self.now_ms = 0
        self.got = []

    def put(self, *numbers, **options):
        accepted = True
        for number in numbers:
            accepted = (
                self.spool.put(_TOPIC, b"%06d" % number + bytes(self._body_len - 6), 1, **options)
                and accepted
            )
        return accepted

    def step(self, online, passed_ms=10):
        self.now_ms = ticks.add(self.now_ms, passed_ms)
        self.spool.step(self.now_ms, online)

    def send(self):
        """What waits in the outbox is sent and acknowledged."""
        while self.outbox.peek() >= 0:
            record = self.outbox.peek()
            self.outbox.sent(record)
            self.got.append(self.number(record))
            self.outbox.done(record)

    def number(self, record):
        at = record + OUTBOX_HEAD_LEN + self.outbox.packet_len(record) - self._body_len
        return int(bytes(self.outbox.buf[at : at + 6]))

    def drain(self):
        """Everything, in the order in which the hub gets it."""
        for _ in range(100):
            self.step(True)
            self.send()
        assert self.spool.waiting() == 0
        return self.got

    def until_flash_is_free(self, files):
        self.drain()
        assert files.data == {}


def _range(*bounds):
    return list(range(*bounds))


# 25 messages in three segments of 10, 10 and 5, none in RAM only.
def _filled(first=0):
    files = Files()
    if first:
        files.data["%08x.seg" % first] = bytearray()
    device = Device(files)
    for start in range(0, 25, 5):
        device.put(*range(start, start + 5))
        assert device.spool.flush()
    return files, sorted(files.data, key=lambda name: ticks.diff(int(name[:8], 16), first))


def _found(files):
    device = Device(files)
    return device.drain(), device.spool.lost


# What a device finds, and that it goes on working and finds what it flushed then.
def _check_found(files, numbers, lost, what=""):
    files.data = dict((name, bytearray(data)) for name, data in files.data.items())
    device = Device(files)
    assert device.put(100, 101, durable=True), what
    again = Device(files)
    assert again.drain() == numbers + [100, 101], (what, again.got)
    assert again.spool.lost == ({"damaged": lost} if lost else {}), (what, again.spool.lost)


# -- what is on flash is found -------------------------------------------------------------------


def case_what_was_flushed_is_found_after_a_reset():
    files, names = _filled()
    assert names == ["00000000.seg", "0000000a.seg", "00000014.seg"]
    _check_found(files, _range(25), 0)


def case_the_record_is_as_it_is_described():
    files = Files()
    device = Device(files)
    device.spool.put(b"t", b"hello", 0, False, 0x61626364, True)
    body = struct.pack("<HII", 10, 0, 0x61626364) + b"\x30\x08\x00\x01thello"
    assert files.data == {"00000000.seg": bytearray(struct.pack("<I", crc32(body)) + body)}


def case_an_empty_folder_is_an_empty_queue():
    files = Files()
    _check_found(files, [], 0)


def case_a_torn_tail_loses_only_what_is_torn():
    files, names = _filled()
    whole = bytes(files.data[names[2]])
    for cut in range(1, len(whole) + 1, 7):
        files, names = _filled()
        files.data[names[2]] = bytearray(whole[:-cut])
        _check_found(files, _range(25 - -(-cut // (len(whole) // 5))), 0, cut)


def case_any_damaged_byte_loses_one_message():
    files, names = _filled()
    record_len = len(files.data[names[1]]) // 10
    for at in _range(HEAD_LEN + 12) + _range(HEAD_LEN + 12, record_len, 31) + [record_len - 1]:
        files, names = _filled()
        files.data[names[1]][3 * record_len + at] ^= 0x40
        _check_found(files, _range(13) + _range(14, 25), 1, at)


# What happens to the files (data, names of the three), what is found then, how many are counted as lost.
_DAMAGE = (
    ("cut", lambda d, n: d.update({n[1]: d[n[1]][:-100]}), _range(19) + _range(20, 25), 1),
    ("zeros behind", lambda d, n: d.update({n[2]: d[n[2]] + bytes(300)}), _range(25), 0),
    ("erased behind", lambda d, n: d.update({n[2]: d[n[2]] + b"\xff" * 3000}), _range(25), 0),
    ("records twice", lambda d, n: d.update({n[1]: d[n[1]] + d[n[1]][-len(d[n[1]]) // 5 :]}), _range(25), 0),
    ("again in between", lambda d, n: d.update({n[1]: _again(d[n[1]])}), _range(25), 0),
    ("again in the next", lambda d, n: d.update({n[1]: d[n[0]] + d[n[1]]}), _range(25), 0),
    ("gone", lambda d, n: d.pop(n[1]), _range(10) + _range(20, 25), 10),
    ("empty", lambda d, n: d.update({n[1]: b""}), _range(10) + _range(20, 25), 10),
    ("garbage", lambda d, n: d.update({n[1]: _GARBAGE}), _range(10) + _range(20, 25), 10),
    # These look like a segment that was acknowledged, and one that was never written.
    ("first gone", lambda d, n: d.pop(n[0]), _range(10, 25), 0),
    ("last gone", lambda d, n: d.pop(n[2]), _range(20), 0),
    ("last empty", lambda d, n: d.update({n[2]: b""}), _range(20), 0),
    ("last garbage", lambda d, n: d.update({n[2]: _GARBAGE}), _range(20), 0),
)


# Ten records, the second and third of them twice.
def _again(data):
    record_len = len(data) // 10
    return data[: 3 * record_len] + data[record_len:]


_GARBAGE = bytes(i * 37 % 256 for i in range(4000))


def case_damage_of_every_kind_is_survived():
    for what, damage, numbers, lost in _DAMAGE:
        files, names = _filled()
        damage(files.data, names)
        _check_found(files, numbers, lost, what)


def case_unknown_files_are_left_alone():
    files, _ = _filled()
    unknown = (
        "mark",
        "notes",
        "00000000.tmp",
        "0000000A.seg",
        "40000000.seg",
        "-0000001.seg",
        "+000000b.seg",
        "0xb.seg",
    )
    for name in unknown:
        files.data[name] = bytearray(b"mine")
    assert _found(files) == (_range(25), {})
    assert sorted(files.data) == sorted(unknown)


def case_an_acknowledged_segment_that_comes_back_is_sent_again():
    files, names = _filled()
    device = Device(files)
    kept = dict(files.data)
    device.drain()
    files.data[names[1]] = kept[names[1]]
    assert _found(files) == (_range(10, 20), {})


def case_numbers_wrap():
    for first in (ticks.MASK, ticks.MASK - 3, ticks.MASK - 9, ticks.MASK - 10, ticks.MASK - 24):
        files, names = _filled(first)
        assert len(names) == 3 and names[0] == "%08x.seg" % first
        _check_found(files, _range(25), 0, first)


def case_a_file_that_cannot_be_read_is_passed_over():
    files, names = _filled()
    device = Device(files)
    del files.data[names[1]]
    assert device.drain() == _range(10) + _range(20, 25)
    assert device.spool.lost == {"damaged": 10}


def _needing_heap(files, function):
    def called(*arguments):
        files.allocate()
        function(*arguments)

    return called


# Whichever call finds the heap full, once: it all goes on, and everything arrives, once and in order.
def case_a_moment_without_heap_loses_nothing():
    for damage in (0, 1):
        for full_in in range(160):
            files, names = _filled()
            files.data[names[0]][1200] ^= damage
            device = Device(files)
            device.journal.lose = _needing_heap(files, device.journal.lose)
            kept = _range(2) + _range(3, 25)
            files.full_in = full_in
            for number in range(25, 60):
                try:
                    device.step(True)
                    device.send()
                    if device.put(number, durable=True):
                        kept.append(number)
                except MemoryError:
                    pass
            assert files.full_in == -1
            got = device.drain()
            assert got == sorted(set(got)) and set(kept) <= set(got), (damage, full_in, got)
            assert device.spool.lost == ({"damaged": 1} if damage else {}), (full_in, device.spool.lost)
            device.until_flash_is_free(files)


def case_damage_is_searched_a_little_at_a_time():
    files, names = _filled()
    files.data[names[0]] = bytearray(4000)
    device = Device(files)
    files.opened = 0
    device.step(True)
    assert (files.opened, device.outbox.count) == (1, 0)
    assert device.drain() == _range(10, 25)


def case_messages_that_no_longer_fit_are_lost_alone():
    files, _ = _filled()
    Device(files, body_len=100).put(25, durable=True)
    device = Device(files, outbox_len=256, body_len=100)
    assert device.drain() == [25]
    assert device.spool.lost == {"damaged": 25}


# It would end every connection, and nothing behind it would get through.
def case_a_topic_that_no_hub_takes_is_lost_alone():
    files = Files()
    device = Device(files)
    for number, topic in enumerate((b"t", b"a+b", b"a/#", b"\0", b"t")):
        assert device.spool.put(topic, b"%06d" % number + bytes(374), 1, durable=True)
    device = Device(files)
    device.until_flash_is_free(files)
    assert device.got == [0, 4]
    assert device.spool.lost == {"damaged": 3}


# -- RAM first -----------------------------------------------------------------------------------


def case_an_online_device_touches_no_flash():
    files = Files()
    device = Device(files)
    files.opened = 0
    for number in range(500):
        device.put(number)
        device.step(True, 1000)
        device.send()
    assert (device.got, files.opened) == (_range(500), 0)


def case_an_online_device_needs_no_heap():
    from micropython import heap_lock, heap_unlock

    device = Device(Files())
    payload = bytes(100)
    outbox, spool = device.outbox, device.spool
    taken = True
    heap_lock()
    try:
        for now_ms in range(0, 40000, 1000):
            taken = spool.put(_TOPIC, payload, 1) and taken
            spool.step(now_ms, True)
            record = outbox.peek()
            outbox.sent(record)
            outbox.done(record)
    finally:
        heap_unlock()
    assert taken and outbox.count == 0


def case_offline_messages_are_written_by_the_eight():
    files = Files()
    device = Device(files, body_len=100)
    files.opened = 0
    for number in range(80):
        device.put(number)
        device.step(False)
        # Once, what fills the outbox and what comes behind it are written one after the other.
        assert 0 <= files.opened - (number + 1) // limits.SPILL_COUNT <= (number > 20)
    assert device.drain() == _range(80)


def case_a_message_waits_no_longer_than_its_limit():
    for online in (False, True):
        files = Files()
        device = Device(files)
        device.step(online)
        device.put(0)
        waited_ms = 0
        while not files.data:
            device.step(online, 500)
            waited_ms += 500
        assert limits.SPILL_MS // 2 <= waited_ms <= limits.SPILL_MS
        assert _found(files)[0] == [0]


def case_the_limit_holds_on_either_side_of_the_wrap():
    files = Files()
    device = Device(files)
    device.now_ms = ticks.MASK - 100
    device.spool._since_ms = device.now_ms
    device.put(0)
    for _ in range(limits.SPILL_MS // 1000):
        device.step(False, 1000)
    assert files.data


def case_durable_and_flush_reach_flash_before_they_return():
    files = Files()
    device = Device(files)
    device.put(0, 1)
    assert not files.data
    assert device.put(2, durable=True)
    assert _found(files)[0] == [0, 1, 2]
    files = Files()
    device = Device(files)
    device.put(*range(30))
    assert device.spool.flush()
    opened = files.opened
    assert device.spool.flush() and files.opened == opened
    assert _found(files)[0] == _range(30)


def case_what_is_acknowledged_is_not_flushed():
    files = Files()
    device = Device(files)
    device.put(0, 1)
    device.send()
    device.put(2)
    device.spool.flush()
    assert _found(files)[0] == [2]


def case_messages_in_flight_are_flushed_too():
    files = Files()
    device = Device(files)
    device.put(0, 1)
    device.outbox.sent(device.outbox.peek())
    device.spool.flush()
    device.outbox.rewind()
    assert device.drain() == [0, 1]
    device = Device(files)
    assert device.drain() == []


def case_flash_is_freed_once_all_of_it_is_acknowledged():
    files, _ = _filled()
    device = Device(files)
    sizes = []
    while device.spool.waiting():
        device.step(True)
        device.send()
        sizes.append(len(files.data))
    assert sorted(sizes, reverse=True) == sizes and len(set(sizes)) > 1
    device.until_flash_is_free(files)


def case_the_order_holds_whatever_happens_between():
    files = Files()
    device = Device(files)
    number = 0
    for turn in range(300):
        for _ in range((turn * 7) % 4):
            device.put(number, durable=turn % 29 == 0)
            number += 1
        device.step(turn % 40 > 25, 300)
        if turn % 40 > 25 and turn % 3:
            record = device.outbox.peek()
            while record >= 0 and len(device.got) % 5 != turn % 5:
                device.outbox.sent(record)
                device.got.append(device.number(record))
                device.outbox.done(record)
                record = device.outbox.peek()
        if turn % 17 == 0:
            device.spool.flush()
    assert device.drain() == _range(number)
    assert device.spool.lost == {}
    device.until_flash_is_free(files)


def case_a_message_longer_than_the_stage_goes_straight_to_flash():
    files = Files()
    device = Device(files)
    device.put(*range(12))
    assert device.spool.put(_TOPIC, b"x" * (limits.STAGE_LEN + 100), 1)
    device.put(12)
    assert device.spool.flush()
    lengths = []
    again = Device(files)
    while again.spool.waiting():
        again.step(True)
        while again.outbox.peek() >= 0:
            record = again.outbox.peek()
            lengths.append(again.outbox.packet_len(record))
            again.outbox.sent(record)
            again.outbox.done(record)
    assert [length > limits.STAGE_LEN for length in lengths] == [False] * 12 + [True, False]


def case_a_message_that_can_never_be_kept_is_refused():
    for outbox_len, most in ((512, 508), (65536, limits.BLOCK_LEN - HEAD_LEN)):
        device = Device(Files(), outbox_len=outbox_len)
        head_len = 5 if most < 127 else 6
        assert device.spool.put(_TOPIC, bytes(most - head_len), 0)
        try:
            device.spool.put(_TOPIC, bytes(most - head_len + 1), 0)
        except ValueError as e:
            assert "%d bytes, expected at most %d" % (most + 1, most) in str(e)
        else:
            raise AssertionError("it was taken")


# -- bounds --------------------------------------------------------------------------------------

_FLASH_LEN = 4 * limits.BLOCK_LEN


def case_full_policies():
    for policy, first, lost, refused, answers in (
        ("drop_oldest", True, "full", 0, [True]),
        ("drop_newest", False, "full", 0, [False, True]),
        ("refuse", False, "", 1, [False, True]),
    ):
        files = Files()
        device = Device(files, policy, _FLASH_LEN)
        said = [device.put(number) for number in range(120) if device.step(False) is None]
        assert len(files.data) <= 4
        assert sum(map(len, files.data.values())) <= _FLASH_LEN
        assert sorted(set(said)) == answers
        lost_count = device.spool.lost.get("full", 0)
        assert (lost_count > 0) == (lost == "full")
        assert (device.spool.refused > 0) == bool(refused)
        got = device.drain()
        assert len(got) + lost_count + device.spool.refused == 120, policy
        assert got == sorted(got)
        assert (got[-1] == 119) == first, policy
        if not first:
            assert got == _range(len(got))
        device.until_flash_is_free(files)


def case_the_count_is_bounded():
    for count_max in (1, 2, 7, 20):
        files = Files()
        device = Device(files, count_max=count_max)
        for number in range(60):
            device.put(number, durable=True)
            held = sum(len(data) // (len(data) // max(1, len(data) // 390)) for data in files.data.values())
            assert held <= count_max
        found = _found(files)[0]
        assert found == _range(60 - len(found), 60)
        assert len(found) > count_max - -(-count_max // 8)


def case_there_are_never_more_than_48_files():
    files = Files()
    for number in range(300):
        device = Device(files)
        device.journal._end = 0
        device.put(number, durable=True)
        assert len(files.data) <= limits.FLASH_FILES
    found = _found(files)[0]
    assert found == _range(300 - len(found), 300) and len(found) > 40


def case_a_large_flash_has_longer_files():
    files = Files()
    device = Device(files, flash_len=100 * limits.BLOCK_LEN)
    for number in range(100):
        device.put(number)
        device.step(False)
    device.spool.flush()
    assert limits.BLOCK_LEN < max(map(len, files.data.values())) <= 3 * limits.BLOCK_LEN
    assert _found(files)[0] == _range(100)


def case_flash_that_refuses_costs_nothing_while_ram_has_room():
    for errno in (5, 28):
        files = Files()
        device = Device(files)
        files.fail = errno
        for number in range(12):
            assert device.put(number)
            device.step(False)
        assert not device.put(12, durable=True)
        files.fail = 0
        assert device.spool.flush()
        assert _found(files)[0] == _range(13)
        assert device.spool.lost == {}


def case_what_landed_although_flash_said_no_is_written_again_but_sent_once():
    for before in (0, 5):
        files = Files()
        device = Device(files)
        device.put(*range(before))
        device.spool.flush()
        files.fail, files.lands = 5, True
        device.put(*range(before, 8))
        assert not device.spool.flush()
        files.fail = 0
        device.put(8, 9)
        assert device.spool.flush()
        assert (device.drain(), device.spool.lost) == (_range(10), {})


def case_a_segment_that_is_written_anew_is_read_once():
    files, names = _filled()
    files.data[names[2]] = bytearray()
    device = Device(files)
    device.put(100, durable=True)
    assert device.journal._segments == [0, 10, 20]
    assert device.drain() == _range(20) + [100]


def case_flash_that_refuses_is_not_asked_all_the_time():
    files = Files()
    device = Device(files)
    files.fail = 5
    files.opened = 0
    for number in range(100):
        device.put(number)
        device.step(False)
    assert files.opened == 1
    files.fail = 0
    device.step(False, limits.SPILL_MS // 2)
    device.step(False)
    assert files.opened > 1


def case_without_flash_the_policy_still_holds():
    for policy in ("drop_oldest", "drop_newest", "refuse"):
        files = Files()
        device = Device(files, policy)
        files.fail = 5
        for number in range(40):
            device.put(number)
            device.step(False)
        got = device.drain()
        assert len(got) + sum(device.spool.lost.values()) + device.spool.refused == 40
        assert (got[-1] == 39) == (policy == "drop_oldest"), policy


# -- expiry --------------------------------------------------------------------------------------


def case_what_has_expired_is_not_sent():
    # Messages 0, 3, 6, ... expire; of 40, some are in the outbox, some on flash, some in the stage.
    for late_s, numbers in ((9, _range(40)), (10, [n for n in range(40) if n % 3])):
        for count in (5, 40):
            device = Device(Files())
            for number in range(count):
                device.put(number, expires_s=0 if number % 3 else _NOW_S + 10)
                if count > 5:
                    device.step(False)
            device.now_s += late_s
            assert device.drain() == numbers[: len([n for n in numbers if n < count])]
            assert device.spool.lost.get("expired", 0) == count - len(device.got)


def case_what_has_expired_during_a_reset_is_not_sent():
    files = Files()
    device = Device(files)
    for number in range(20):
        device.put(number, expires_s=_NOW_S + number, durable=True)
    device = Device(files)
    device.now_s += 9
    device.step(True)
    assert device.number(device.outbox.peek()) == 10
    assert device.drain() == _range(10, 20)
    assert device.spool.lost == {"expired": 10}


def case_nothing_expires_while_the_time_is_not_known():
    files = Files()
    device = Device(files)
    device.now_s = 0
    device.put(0, expires_s=_NOW_S)
    device.put(1, expires_s=_NOW_S, durable=True)
    device = Device(files)
    device.now_s = 0
    assert device.drain() == [0, 1]


def case_what_was_sent_does_not_expire():
    device = Device(Files())
    device.put(0, 1, expires_s=_NOW_S + 1)
    device.outbox.sent(device.outbox.peek())
    device.now_s += 5
    device.step(True)
    device.outbox.rewind()
    assert device.drain() == [0]
    assert device.spool.lost == {"expired": 1}
