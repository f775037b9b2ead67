"""Firmware files as boards take them: whole, to be damaged by the tests. Programs in them do nothing."""

import struct

from esptool.bin_image import ELFSection
from esptool.targets import CHIP_DEFS

_RAM = {"esp32": 0x3FFB0000, "esp32c3": 0x3FC80000, "esp32s3": 0x3FC90000, "esp32s2": 0x3FFB0000}
_TABLE_AT, _APPLICATION_AT = 0x8000, 0x10000
FLASH_AT = 0x10000000
RP2040, ABSOLUTE, RP2350_ARM, RP2350_RISCV = 0xE48BFF56, 0xE48BFF57, 0xE48BFF59, 0xE48BFF5A


def program(chip, length, flash_mb=4):
    """A program of about `length` bytes, put together by esptool: header, segment, checksum, digest."""
    image = CHIP_DEFS[chip].BOOTLOADER_IMAGE()
    image.segments = [ELFSection(b".data", _RAM[chip], bytes(range(256)) * (length // 256), 0)]
    image.flash_size_freq = (flash_mb.bit_length() - 1) << 4
    return image.save(None)


def esp_image(chip, flash_mb=4, application_len=0x8000):
    """bytes of an image as MicroPython offers it: bootloader, partition table and application in one file."""
    offset = CHIP_DEFS[chip].BOOTLOADER_FLASH_OFFSET
    entries = ((1, 2, 0x9000, 0x6000, b"nvs"), (0, 0, _APPLICATION_AT, 0x1F0000, b"factory"))
    table = b"".join(struct.pack("<HBBII16sI", 0x50AA, *entry, 0) for entry in entries)
    image = bytearray(b"\xff" * (_APPLICATION_AT - offset))
    for at, part in ((offset, program(chip, 0x4000, flash_mb)), (_TABLE_AT, table)):
        image[at - offset : at - offset + len(part)] = part
    return bytes(image) + program(chip, application_len, flash_mb)


def uf2_block(family, number, count, address=None, data=bytes(256), flags=0x2000):
    """One block of a UF2 file; `data` is what goes to `address`, by default the number-th page of flash."""
    if address is None:
        address = FLASH_AT + 256 * number
    head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, flags, address, len(data), number, count, family)
    return head + data.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30)


def uf2(family, count=600):
    """bytes of a UF2 file of `count` blocks, each page other than the ones before."""
    return b"".join(uf2_block(family, i, count, data=i.to_bytes(4, "big") * 64) for i in range(count))


def uf2_for_rp2350(family, count=600):
    """The same as the tools make it for RP2350, whose erratum E10 wants a block for nowhere first."""
    tag = struct.pack("<I", 0x9957E304)  # "ignore this block"
    nowhere = uf2_block(ABSOLUTE, 0, 2, 0x10FFFF00, b"\xef" * 256, 0xA000)
    return nowhere[: 32 + 256] + tag + nowhere[32 + 256 + 4 :] + uf2(family, count)
