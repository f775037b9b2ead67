"""Is a file a whole MicroPython image for a Pico? Told from its bytes alone.

UF2 is blocks of 512 bytes, each of which says where 256 bytes go, which chip is meant, and how many blocks
there are. Sources: the UF2 specification; RP2040 datasheet, 2.8.4; RP2350 datasheet, 5.5 and erratum E10.
"""

import struct
from typing import NamedTuple

BLOCK_LEN = 512
PAGE_LEN = 256  # what the boot ROMs take from a block
FLASH_AT = 0x10000000
MAGICS = (0x0A324655, 0x9E5D5157)
END_MAGIC = 0x0AB16F30
NOT_FLASH, HAS_FAMILY = 0x1, 0x2000
_HEAD = struct.Struct("<8I")
_END = struct.Struct("<I")
_ABSOLUTE = 0xE48BFF57
FAMILIES = {
    0xE48BFF56: "RP2040",
    _ABSOLUTE: "RP2350 (without partitions)",
    0xE48BFF58: "data",
    0xE48BFF59: "RP2350",
    0xE48BFF5A: "RP2350 (RISC-V)",
    0xE48BFF5B: "RP2350 (non-secure)",
}


class _Block(NamedTuple):
    address: int
    family: int
    number: int
    count: int


def check(image):
    """Raise DeskError unless an Image is one for its board, a Pico, and whole."""
    data, board, target = image.data, image.board, image.target
    if not data.startswith(struct.pack("<2I", *MAGICS)):
        raise image.unfit("is no UF2 file")
    if len(data) % BLOCK_LEN:
        raise image.unfit(f"is cut off: {len(data):,} bytes, expected a multiple of {BLOCK_LEN}")
    blocks = [_block(image, at) for at in range(0, len(data), BLOCK_LEN)]
    if _is_for_erratum(blocks[0], data):
        blocks = blocks[1:]
    families = {block.family for block in blocks}
    strange = sorted(families - set(target.families))
    if strange:
        chip = FAMILIES.get(strange[0], f"family 0x{strange[0]:08X}")
        raise image.unfit(f"is for {chip}; {board} has an {target.chip}")
    if len(families) != 1:
        raise image.unfit("holds programs for several kinds of processor, or none; expected one")
    numbers = sorted(block.number for block in blocks)
    if {block.count for block in blocks} != {len(blocks)} or numbers != list(range(len(blocks))):
        raise image.unfit(f"is not whole: {len(blocks):,} blocks, expected {blocks[0].count:,}, each once")
    first = min(block.address for block in blocks)
    if first != FLASH_AT:
        raise image.unfit(f"begins at 0x{first:08X}, expected 0x{FLASH_AT:08X}, where the chip starts")
    if max(block.address for block in blocks) + PAGE_LEN > FLASH_AT + target.flash_len:
        raise image.unfit(f"does not fit the {target.flash_len >> 20} MB of flash of {board}")


def _block(image, at):
    first, second, flags, address, length, number, count, family = _HEAD.unpack_from(image.data, at)
    (end,) = _END.unpack_from(image.data, at + BLOCK_LEN - _END.size)
    if (first, second, end) != (*MAGICS, END_MAGIC):
        raise image.unfit(f"is damaged at byte {at:,}")
    if not flags & HAS_FAMILY or flags & NOT_FLASH or length != PAGE_LEN or address % PAGE_LEN:
        raise image.unfit(f"has a block that no Pico takes, at byte {at:,}")
    return _Block(address, family, number, count)


def _is_for_erratum(block, data):
    """A block for no place in flash comes first where the tools work round RP2350-E10."""
    payload = data[_HEAD.size : _HEAD.size + PAGE_LEN]
    return block.family == _ABSOLUTE and block.count == 2 and payload == b"\xef" * PAGE_LEN
