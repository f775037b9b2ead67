# The queue of messages over RAM and flash, and what goes where. Pure: flash is the journal's.
# In order, oldest first: the outbox; what was not read yet on flash; the stage, in RAM again. What is in the
# outbox may be on flash too; what is older than something on flash always is. So everything is written in
# order, and while a node is online and keeps up, its messages are in the outbox alone.
from array import array

from micropython import const

from . import limits, ticks
from .journal import ENOSPC
from .outbox import HEAD_LEN, Outbox
from .protocol import packets

# What to do with a new message when all is full: make room for it, lose it, or hand it back.
POLICIES = ("drop_oldest", "drop_newest", "refuse")

# Messages in the outbox, and in the stage.
_COUNT_MAX = const(64)


class _Part:
    # An outbox whose messages have numbers, from 0 on, and may expire.
    def __init__(self, outbox):
        self.outbox = outbox
        self.view = memoryview(outbox.buf)
        self.puts = 0  # messages that were put in so far; the last outbox.records of them are there
        self.saved = 0  # so many of the first of them are on flash, or done
        self.expiries = array("I", bytearray(4 * _COUNT_MAX))  # by number; Unix seconds, 0: never

    def place(self, length):
        return self.outbox.place(length) if self.outbox.records < _COUNT_MAX else -1

    def entered(self, expires_s):
        self.expiries[self.puts % _COUNT_MAX] = expires_s
        self.puts += 1

    def done(self):
        return self.puts - self.outbox.records

    # Messages that are not on flash.
    def unsaved(self):
        return self.puts - max(self.saved, self.done())

    # Those messages as (expires_s, packet), oldest first.
    def packets(self):
        outbox = self.outbox
        record = outbox.head
        for number in range(self.done(), self.puts):
            if number >= self.saved:
                at = record + HEAD_LEN
                yield self.expiries[number % _COUNT_MAX], self.view[at : at + outbox.packet_len(record)]
            record = outbox.after(record)


class Spool:
    """Messages that are sent in order and, once flushed, survive a reset.

    outbox: empty; policy: of POLICIES; now_s: f() -> Unix seconds, 0 if not known.
    """

    def __init__(self, outbox, journal, policy, now_s, now_ms):
        self._sending = _Part(outbox)
        self._stage = _Part(Outbox(limits.STAGE_LEN))
        self._journal = journal
        self._policy = policy
        self._now_s = now_s
        self._soonest_s = 0  # no message in the outbox expires before; 0: none does
        self._checked = 0  # once so many messages of the outbox are done,
        self._checked_seq = journal.read_seq  # what is before this one on flash is
        self._young = 0  # messages accepted since _since_ms
        self._since_ms = now_ms
        self._failed = False  # flash refused; not tried again before the next period
        self.error = None  # with which OSError, until the owner has seen it
        self.refused = 0
        self.lost = journal.lost  # cause -> messages: full, expired, damaged, storage, too_long, refused
        self.lose = journal.lose

    # Accepts a message (topic, payload: bytes), to be forgotten in Unix second expires_s unless that is 0.
    # durable: it is on flash on return. False: it is lost, or handed back, or not on flash.
    # ValueError if it is too long ever to be kept.
    def put(self, topic, payload, qos=0, retain=False, expires_s=0, durable=False):
        outbox = self._sending.outbox
        length = packets.publish_len(len(topic), len(payload), qos)
        if length > self._journal.packet_max:
            self.lose("too_long")
            raise ValueError("message of %d bytes, expected at most %d" % (length, self._journal.packet_max))
        if self._is_next() and self._sending.place(length) >= 0:
            outbox.put(topic, payload, qos, retain)
            self._entered(expires_s)
        elif not self._put_behind(length, topic, payload, qos, retain, expires_s):
            return False
        self._young += 1
        return self.flush() if durable else True

    # Brings all messages that are not acknowledged to flash. False if it refuses.
    def flush(self):
        self._failed = False
        return self._spill()

    # One turn. online: the outbox is being sent.
    def step(self, now_ms, online):
        self._acknowledge()
        if online:
            self._refill()
        self._expire()
        only_ram = self._sending.unsaved() + self._stage.unsaved()
        if ticks.diff(now_ms, self._since_ms) >= limits.SPILL_MS >> 1:
            self._failed = False
            if only_ram > self._young:  # the oldest of them was there half a period ago
                self._spill()
            self._since_ms = now_ms
            self._young = 0
        elif not online and only_ram >= limits.SPILL_COUNT:
            self._spill()

    # Messages that were not sent yet, wherever they are.
    def waiting(self):
        return self._sending.outbox.waiting + self._journal.unread() + self._stage.outbox.waiting

    # -- the outbox --------------------------------------------------------------------------

    # Is a new message the next one for the outbox?
    def _is_next(self):
        return not self._stage.outbox.count and not self._journal.unread()

    def _entered(self, expires_s):
        self._sending.entered(expires_s)
        if expires_s and not 0 < self._soonest_s <= expires_s:
            self._soonest_s = expires_s

    # Takes out of the outbox what expired before it was ever sent.
    def _expire(self):
        if not self._soonest_s or self._now_s() < self._soonest_s:
            return
        now_s = self._now_s()
        part = self._sending
        outbox = part.outbox
        self._soonest_s = 0
        record = outbox.head
        for number in range(part.done(), part.puts):
            following = outbox.after(record)
            expires_s = part.expiries[number % _COUNT_MAX]
            if expires_s > now_s:
                self._soonest_s = min(expires_s, self._soonest_s or expires_s)
            elif expires_s and outbox.drop(record):
                self.lose("expired")
            record = following

    # What on flash is done? Asked for one moment at a time: is all done that was in the outbox then?
    def _acknowledge(self):
        if self._sending.done() >= self._checked:
            self._journal.acknowledged(self._checked_seq)
            self._checked = self._sending.saved
            self._checked_seq = self._journal.read_seq

    # Not before it is half empty, so that flash is read for several messages at a time.
    def _refill(self):
        outbox = self._sending.outbox
        if self._is_next() or outbox.used_len * 2 > len(outbox.buf):
            return
        now_s = self._now_s()
        while self._journal.unread() and self._journal.read(self._place, self._keep, now_s):
            pass
        stage = self._stage
        while stage.unsaved() and not self._journal.unread():
            expires_s, packet = next(stage.packets())
            place = self._place(len(packet))
            if place is None:
                return
            place[:] = packet
            outbox.add(len(packet))
            self._entered(expires_s)
            stage.outbox.drop(stage.outbox.head)

    # Memory in the outbox for a packet, None if there is no room.
    def _place(self, length):
        at = self._sending.place(length)
        return self._sending.view[at : at + length] if at >= 0 else None

    # A packet from flash was put there. With a topic that is none it would end every connection, and nothing
    # behind it would get through.
    def _keep(self, length, expires_s):
        part = self._sending
        at, buf = part.place(length), part.outbox.buf
        if not packets.is_topic(buf, packets.publish_topic_at(buf, at), packets.publish_topic_end(buf, at)):
            self.lose("damaged")
            return
        part.outbox.add(length)
        self._entered(expires_s)
        part.saved = part.puts

    # -- the stage and flash -----------------------------------------------------------------

    def _put_behind(self, length, topic, payload, qos, retain, expires_s):
        stage = self._stage
        if stage.place(length) < 0 and not self._spill():
            if self._policy == "refuse":
                self.refused += 1
                return False
            if self._policy == "drop_newest":
                self.lose("full")
                return False
            self.lose("storage", stage.unsaved())
            self._unstage(stage.unsaved())
        if length <= stage.outbox.packet_max():
            stage.outbox.put(topic, payload, qos, retain)
            stage.entered(expires_s)
            return True
        packet = bytearray(length)
        packets.put_publish(packet, 0, topic, payload, qos, retain, length)
        if self._append(lambda: iter(((expires_s, packet),))):
            return True
        self.lose("storage")
        return False

    def _unstage(self, count):
        outbox = self._stage.outbox
        for _ in range(count):
            outbox.drop(outbox.head)

    # Writes what is nowhere but in RAM.
    def _spill(self):
        part = self._sending
        while part.unsaved():
            part.saved = max(part.saved, part.done())
            count = self._append(part.packets)
            if not count:
                return False
            part.saved += count
            self._journal.skip_all()
        while self._stage.unsaved():
            count = self._append(self._stage.packets)
            if not count:
                return False
            self._unstage(count)
        return True

    # Journal.append() with the policy; 0 if flash refuses.
    def _append(self, batch):
        while not self._failed:
            try:
                return self._journal.append(batch)
            except OSError as e:
                if e.args[0] != ENOSPC or self._policy != "drop_oldest" or not self._journal.drop_oldest():
                    self._failed = True
                    self.error = e
        return 0
