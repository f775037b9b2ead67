"""An ESP32 whose boot ROM waits for firmware at a serial port: what esptool needs of it, strictly.

It speaks the ROM's protocol up to the detection of the chip and, once a stub has been sent to it, that of the
stub: erase, write, digest. Flash is bytes. Source: esptool's documentation, "Serial Protocol".
"""

import hashlib
import struct
import zlib
from functools import reduce
from operator import xor

from esptool.targets import CHIP_DEFS

from .serial_peer import SerialPeer

_END, _ESCAPE = 0xC0, 0xDB
_ESCAPED = {0xDC: _END, 0xDD: _ESCAPE}
_HEAD = struct.Struct("<BBHI")
_UNKNOWN = b"\x01\x05"
_MAGIC_AT = 0x40001000
_MAGIC = {"esp32": 0x00F01D83}
_FLASH_ID = 0xEF, 0x40  # of a Winbond chip; the third byte is the logarithm of its size
_READ_ID, _READ_SFDP = 0x9F, 0x5A
_START_SPI = 1 << 18


class EspLoader(SerialPeer):
    """A board.

    Args:
        chip: of `esptool.targets.CHIP_DEFS`, as in "esp32s3".
        flash_len: bytes of its flash.
        forgets: its flash does not keep the last byte that is written.

    Attributes:
        flash: bytearray, its content.
        done: what was done to it, in order: "stub", "erased", "written".
    """

    def __init__(self, chip, flash_len=4 << 20, forgets=False):
        self.flash = bytearray(b"\x00" * flash_len)
        self.done = []
        self._chip, self._forgets = chip, forgets
        self._registers = {_MAGIC_AT: _MAGIC.get(chip, 0)}
        self._packet = None  # bytes of the one that is arriving
        self._escaping = False
        self._is_stub = False
        self._load = None  # (length, blocks, block length, place) of what is loaded
        self._blocks = []

    # -- SLIP -----------------------------------------------------------------------------------------

    def received(self, data):
        for byte in data:
            if byte == _END:
                if self._packet:
                    packet, self._packet = self._packet, None
                    self._obey(bytes(packet))
                else:
                    self._packet = bytearray()
            elif self._escaping:
                self._packet.append(_ESCAPED[byte])
                self._escaping = False
            elif byte == _ESCAPE:
                self._escaping = True
            else:
                self._packet.append(byte)

    def _reply(self, code, value=0, data=b"", status=b"\x00\x00"):
        status += b"" if self._is_stub else b"\x00\x00"
        self._frame(_HEAD.pack(1, code, len(data) + len(status), value) + data + status)

    def _frame(self, packet):
        self.send(b"\xc0" + packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0")

    # -- commands -------------------------------------------------------------------------------------

    def _obey(self, packet):
        direction, code, length, checksum = _HEAD.unpack_from(packet)
        data = packet[_HEAD.size :]
        assert (direction, length) == (0, len(data)), "a request tells its length"
        name = {
            0x05: "load_begin", 0x07: "load_data", 0x06: "load_end", 0x08: "sync", 0x09: "write_register",
            0x0A: "read_register", 0x0B: "settle", 0x0D: "settle", 0x0F: "settle", 0x13: "digest",
        }.get(code)  # fmt: skip
        if self._is_stub:
            stub_name = {0x10: "load_begin", 0x11: "write_data", 0x12: "write_end", 0xD0: "erase"}.get(code)
            name = name or stub_name
        elif self._chip != "esp32" and code == 0x14:
            name = "security_info"
        if not name:
            for _ in range(8):
                self._reply(0, status=_UNKNOWN)
            return
        if checksum:
            assert checksum == reduce(xor, data[16:], 0xEF), "the checksum of a block"
        getattr(self, "_" + name)(code, data)

    def _sync(self, code, data):
        assert data == b"\x07\x07\x12\x20" + b"\x55" * 32
        for _ in range(8):
            self._reply(code, 0 if self._is_stub else 0x20120707)

    def _security_info(self, code, _data):
        self._reply(code, data=struct.pack("<IB7xII", 0, 0, CHIP_DEFS[self._chip].IMAGE_CHIP_ID, 0))

    def _settle(self, code, _data):
        self._reply(code)

    def _read_register(self, code, data):
        (address,) = struct.unpack("<I", data)
        self._reply(code, self._registers.get(address, 0))

    def _write_register(self, code, data):
        address, value, mask, _ = struct.unpack_from("<IIII", data)
        self._registers[address] = self._registers.get(address, 0) & ~mask | value & mask
        chip = CHIP_DEFS[self._chip]
        if address == chip.SPI_REG_BASE and value == _START_SPI:
            command = self._registers[address + chip.SPI_USR2_OFFS] & 0xFF
            size = len(self.flash).bit_length() - 1
            flash_id = _FLASH_ID[0] | _FLASH_ID[1] << 8 | size << 16
            answers = {_READ_ID: flash_id, _READ_SFDP: int.from_bytes(b"SFDP", "little")}
            self._registers[address + chip.SPI_W0_OFFS] = answers.get(command, 0)
            self._registers[address] = 0
        self._reply(code)

    # -- loading a stub into RAM, and what the stub does ----------------------------------------------

    def _load_begin(self, code, data):
        self._load = struct.unpack_from("<IIII", data)
        self._blocks = []
        self._reply(code)

    def _load_data(self, code, data):
        self._take_block(data)
        if len(self._blocks) == self._load[1]:
            assert len(b"".join(self._blocks)) == self._load[0], "all that was announced"
        self._reply(code)

    def _load_end(self, code, data):
        assert struct.unpack("<II", data)[1], "a stub has an entry"
        self._reply(code)
        self._is_stub = True
        self.done.append("stub")
        self._frame(b"OHAI")

    def _take_block(self, data):
        length, number, _, _ = struct.unpack_from("<IIII", data)
        assert (length, number) == (len(data) - 16, len(self._blocks)), "blocks come whole and in order"
        assert length <= self._load[2]
        self._blocks.append(data[16:])

    def _erase(self, code, _data):
        self.flash[:] = b"\xff" * len(self.flash)
        self.done.append("erased")
        self._reply(code)

    def _write_data(self, code, data):
        self._take_block(data)
        self._reply(code)

    def _write_end(self, code, _data):
        length, count, _, at = self._load
        assert len(self._blocks) == count, "all blocks came"
        plain = zlib.decompress(b"".join(self._blocks))
        assert len(plain) == length
        assert at + length <= len(self.flash), "it fits"
        self.flash[at : at + length] = plain[:-1] + b"\x00" if self._forgets else plain
        self.done.append("written")
        self._reply(code)

    def _digest(self, code, data):
        at, length, _, _ = struct.unpack("<IIII", data)
        self._reply(code, data=hashlib.md5(self.flash[at : at + length]).digest())
