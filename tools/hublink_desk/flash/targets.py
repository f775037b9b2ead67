"""What boards differ in when MicroPython is put onto them."""

from dataclasses import dataclass

from .. import ports


@dataclass(frozen=True)
class Esp:
    """A board with a chip of the ESP32 family.

    Attributes:
        chip: its name, as esptool says it.
        chip_id: its number in an image's header (ESP-IDF, `esp_chip_id_t`).
        offset: where its boot ROM expects the bootloader in flash.
    """

    chip: str
    chip_id: int
    offset: int

    vids = (ports.ESPRESSIF, *ports.SERIAL_CHIPS)


@dataclass(frozen=True)
class Pico:
    """A board with a chip of Raspberry Pi.

    Attributes:
        chip: its name.
        drive_id: the Board-ID of the drive that its boot ROM shows.
        families: UF2 families of programs that its boot ROM starts (RP2350 datasheet, 5.5.3).
        flash_len: bytes of flash on the board.
    """

    chip: str
    drive_id: str
    families: tuple
    flash_len: int

    vids = (ports.RASPBERRY_PI,)


_RP2040, _RP2350_ARM, _RP2350_RISCV = 0xE48BFF56, 0xE48BFF59, 0xE48BFF5A

TARGETS = {
    "ESP32_GENERIC": Esp("ESP32", 0, 0x1000),
    "ESP32_GENERIC_C3": Esp("ESP32-C3", 5, 0),
    "ESP32_GENERIC_S3": Esp("ESP32-S3", 9, 0),
    "RPI_PICO2_W": Pico("RP2350", "RP2350", (_RP2350_ARM, _RP2350_RISCV), 4 << 20),
    "RPI_PICO_W": Pico("RP2040", "RPI-RP2", (_RP2040,), 2 << 20),
}
