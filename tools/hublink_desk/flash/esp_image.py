"""Is a file a whole MicroPython image for an ESP32 board? Told from its bytes alone.

Such a file is the beginning of the flash in one piece: bootloader, partition table, application. One that
holds the application alone (`.app-bin`, for updates over the air) looks the same at first, and would not
start. Source: ESP-IDF, "App Image Format" and "Partition Tables".
"""

import hashlib
import struct

MAGIC = 0xE9
TABLE_AT = 0x8000  # in flash
_TABLE_LEN = 0xC00
_ENTRY = struct.Struct("<HBxI24x")  # magic, type, start in flash
_ENTRY_MAGIC = 0x50AA
_APPLICATION = 0
_HEADER = struct.Struct("<BB10xH9x?")  # magic, segments, chip, is there a digest
_SEGMENT = struct.Struct("<4xI")  # its length
_SEGMENTS_MAX = 16
_DIGEST_LEN = 32
CHIPS = {
    0: "ESP32",
    2: "ESP32-S2",
    5: "ESP32-C3",
    9: "ESP32-S3",
    12: "ESP32-C2",
    13: "ESP32-C6",
    16: "ESP32-H2",
    18: "ESP32-P4",
}


def check(image):
    """Raise DeskError unless an Image is one for its board, an Esp, and whole."""
    data, offset = image.data, image.target.offset
    _check_program(image, 0, "bootloader")
    if offset + len(data) > flash_len(image):
        made_for = flash_len(image) >> 20
        raise image.unfit(f"has {len(data):,} bytes, more than the {made_for} MB of flash it is made for")
    application_at = _first_application(data[TABLE_AT - offset :][:_TABLE_LEN])
    if application_at is None:
        raise image.unfit("has no partition table; expected bootloader, table and application in one file")
    _check_program(image, application_at - offset, "application")


def flash_len(image):
    """How many bytes of flash a checked Image is made for: the bootloader starts with no less."""
    return 1 << 20 + (image.data[3] >> 4)


def _first_application(table):
    """Where in flash the first application is, None if the table names none."""
    for at in range(0, len(table) - _ENTRY.size + 1, _ENTRY.size):
        magic, kind, start = _ENTRY.unpack_from(table, at)
        if magic != _ENTRY_MAGIC:
            break
        if kind == _APPLICATION:
            return start
    return None


def _check_program(image, at, what):
    """Check that a program for the chip is there, with all its segments, as it was when it was built."""
    data, board, target = image.data, image.board, image.target
    if not 0 <= at <= len(data) - _HEADER.size:
        raise image.unfit(f"is cut off: its {what} is missing")
    magic, count, chip_id, has_digest = _HEADER.unpack_from(data, at)
    if magic != MAGIC or not 0 < count <= _SEGMENTS_MAX:
        raise image.unfit(f"has no {what}, so it is no MicroPython for {board}")
    if chip_id != target.chip_id:
        raise image.unfit(f"is for {CHIPS.get(chip_id, f'chip {chip_id}')}; {board} has an {target.chip}")
    end = at + _HEADER.size
    for _ in range(count):
        if end + _SEGMENT.size > len(data):
            break
        end += _SEGMENT.size + _SEGMENT.unpack_from(data, end)[0]
    end = at + ((end - at) | 15) + 1  # a checksum ends the last 16 bytes
    if end + _DIGEST_LEN * has_digest > len(data):
        raise image.unfit(f"is cut off: its {what} is not whole")
    if has_digest and hashlib.sha256(data[at:end]).digest() != data[end : end + _DIGEST_LEN]:
        raise image.unfit(f"is damaged: its {what} has another digest than when it was built")
