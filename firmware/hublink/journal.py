# Messages on flash, oldest first: files ("segments") of records that are only ever appended to. Pure: the
# files are the folder's.
# Record: CRC-32 of what follows (4 bytes, low first, as all numbers), length of the packet (2), sequence
# number (4), Unix second in which it expires or 0 (4), packet. A segment is named after its first number.
# The mark of what is acknowledged is the removal of a segment all of whose messages are: rare, atomic, and
# nothing that could be damaged. After a reset the rest of one segment may be sent twice.
import struct
from binascii import crc32

from micropython import const

from . import limits, ticks

# Bytes before the packet.
HEAD_LEN = const(14)
ENOSPC = const(28)
# Bytes of damage that one call searches for the next whole record: some 100 ms on a board.
_SEARCH_LEN = const(1024)


def _name(seq):
    return "%08x.seg" % seq


# The sequence number that a file is named after, -1 if it is no segment.
def _seq_of(name):
    try:
        seq = int(name[:8], 16)
    except ValueError:
        return -1
    return seq if name == _name(seq & ticks.MASK) else -1


class Journal:
    """At most count_max messages in flash_len bytes, at least a block; none is longer than packet_max bytes.

    folder: has names(), open(name, mode) and remove(name), as device.folder.Folder.
    """

    def __init__(self, folder, packet_max, flash_len=limits.FLASH_LEN, count_max=limits.FLASH_COUNT):
        self._folder = folder
        self._count_max = count_max
        # Whole blocks: appending rewrites the last block of a file, and no more.
        blocks = -(-flash_len // (limits.FLASH_FILES * limits.BLOCK_LEN))
        self._segment_len = blocks * limits.BLOCK_LEN
        self.packet_max = min(packet_max, self._segment_len - HEAD_LEN)
        self._segments_max = flash_len // self._segment_len
        # So that dropping the oldest segment drops no more than an eighth of them.
        self._segment_count = -(-count_max // 8)
        self._head = bytearray(HEAD_LEN)
        self.lost = {}  # cause -> how many messages were lost for it
        segments = [seq for seq in map(_seq_of, folder.names()) if seq >= 0]
        self._segments = segments  # the first number of each, oldest first
        self._next_seq = 0  # of the next record to write
        self._end = 0  # length of the last segment; 0: begin a new one
        if segments:
            base = segments[0]
            segments.sort(key=lambda seq: ticks.diff(seq, base))
            self._next_seq = segments[-1]
            self._find_end()
            if self._next_seq == segments[-1]:  # it holds nothing and is to be written anew
                segments.pop()
        self.read_seq = self._first(0)  # of the next record to read
        self._reading = 0  # in this segment
        self._at = 0  # there

    # Writing goes on behind the last record, but in a new segment if this one holds anything else too.
    def _find_end(self):
        first = self._next_seq
        at = damage = 0
        try:
            with self._folder.open(_name(first), "rb") as f:
                size = f.seek(0, 2)
                while at < size:
                    record = self._record(f, at, size, first, bytearray)
                    if record:
                        at += HEAD_LEN + record[0]
                        self._next_seq = ticks.add(record[1], 1)
                    else:
                        at += 1
                        damage += 1
        except OSError:
            return
        if not damage:
            self._end = at

    # The record at `at`: (length, seq, expires_s) with its packet in place(length); None if there is no
    # whole one, False if place() gave None.
    def _record(self, f, at, size, first, place):
        head = self._head
        left = size - at - HEAD_LEN
        if left <= 0:
            return None
        f.seek(at)
        f.readinto(head)
        crc, length, seq, expires_s = struct.unpack("<IHII", head)
        # Before memory is asked for: can it be?
        if not 0 < length <= min(left, self.packet_max) or not 0 <= ticks.diff(seq, first) < size:
            return None
        packet = place(length)
        if packet is None:
            return False
        f.readinto(packet)
        if crc32(packet, crc32(memoryview(head)[4:])) != crc:
            return None
        return length, seq, expires_s

    # -- writing -----------------------------------------------------------------------------

    # Writes messages to one segment and returns how many it took, at least one. batch(): iterator over
    # (expires_s, packet). OSError, ENOSPC also where a bound is reached: they are to be written again.
    def append(self, batch):
        segments = self._segments
        seq = self._next_seq
        at = self._end
        first = segments[-1] if at else seq
        need_len = sum(HEAD_LEN + len(packet) for _, packet in batch())
        if at + need_len > self._segment_len or ticks.diff(seq, first) >= self._segment_count:
            at = 0
            first = seq
        held = ticks.diff(seq, segments[0]) if segments else 0
        most = min(self._count_max - held, self._segment_count - ticks.diff(seq, first))
        if most <= 0 or (not at and len(segments) >= self._segments_max):
            raise OSError(ENOSPC)
        self._end = 0  # until it is known what is there, nothing may follow it
        taken = 0
        with self._folder.open(_name(first), "ab" if at else "wb") as f:
            for expires_s, packet in batch():
                end = at + HEAD_LEN + len(packet)
                if taken == most or end > self._segment_len:
                    break
                head = struct.pack("<HII", len(packet), ticks.add(seq, taken), expires_s)
                f.write(struct.pack("<I", crc32(packet, crc32(head))))
                f.write(head)
                f.write(packet)
                taken += 1
                at = end
        if first == seq:
            segments.append(seq)
        self._end = at
        self._next_seq = ticks.add(seq, taken)
        return taken

    # Removes the oldest segment. Returns False if there is none. After a MemoryError the next call goes on.
    def drop_oldest(self):
        segments = self._segments
        if not segments:
            return False
        try:
            self._folder.remove(_name(segments[0]))
        except OSError:  # it is gone, or comes again after a reset
            pass
        if self._reading:
            self._reading -= 1
        else:
            self._at = 0
            self._skip_to(self._first(1), "full")
        segments.pop(0)
        if not segments:
            self._end = 0
        return True

    # The first number of this segment; of the one behind the last, that of the next record.
    def _first(self, index):
        segments = self._segments
        return segments[index] if index < len(segments) else self._next_seq

    # -- reading -----------------------------------------------------------------------------

    # Messages that were not read yet.
    def unread(self):
        return ticks.diff(self._next_seq, self.read_seq)

    # Nothing of what is there needs reading.
    def skip_all(self):
        self.read_seq = self._next_seq
        self._reading = len(self._segments) - 1
        self._at = self._end

    # Reads on in one segment. place(length) gives the memory for a packet, None if there is no room;
    # keep(length, expires_s) takes what was read there. Returns True if more can be read at once.
    def read(self, place, keep, now_s):
        segments = self._segments
        following = self._first(self._reading + 1)
        try:
            with self._folder.open(_name(segments[self._reading]), "rb") as f:
                if not self._read_file(f, following, place, keep, now_s):
                    return False
        except OSError:  # it cannot be read any more
            pass
        self._skip_to(following, "damaged")
        if self._reading < len(segments) - 1:
            self._reading += 1
            self._at = 0
        return self.unread() > 0

    # True at the end, False where it is to be gone on with later.
    def _read_file(self, f, following, place, keep, now_s):
        first = self._segments[self._reading]
        size = f.seek(0, 2)
        stop = self._at + _SEARCH_LEN
        while self.read_seq != following and self._at < size:
            record = self._record(f, self._at, size, first, place)
            if record is False or self._at >= stop:
                return False
            if record is None:
                self._at += 1
                continue
            length, seq, expires_s = record
            # What was read before, or is written again in the next segment, does not count.
            if ticks.diff(seq, self.read_seq) >= 0 and ticks.diff(seq, following) < 0:
                self._skip_to(seq, "damaged")
                if expires_s and now_s >= expires_s:
                    self._skip_to(ticks.add(seq, 1), "expired")
                else:
                    self.read_seq = ticks.add(seq, 1)
                    keep(length, expires_s)
            self._at += HEAD_LEN + length  # not before it is dealt with: counting losses may raise
            stop = self._at + _SEARCH_LEN
        return True

    # Messages were lost: the next one to read is seq.
    def _skip_to(self, seq, cause):
        count = ticks.diff(seq, self.read_seq)
        if count > 0:
            self.lose(cause, count)
            self.read_seq = seq

    # Counts messages that were lost, on flash or before they got there.
    def lose(self, cause, count=1):
        self.lost[cause] = self.lost.get(cause, 0) + count

    # All messages before seq, which was read, need not be kept.
    def acknowledged(self, seq):
        while self._segments and ticks.diff(seq, self._first(1)) >= 0:
            self.drop_oldest()
