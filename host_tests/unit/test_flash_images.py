"""Which firmware files are put onto a board, and one sentence for each reason why one is not."""

import struct

import pytest
from hublink_desk import boards
from hublink_desk.errors import DeskError
from hublink_desk.flash import image
from hublink_desk.flash.targets import TARGETS, Esp
from hypothesis import given
from hypothesis import strategies as st

from host_tests.fakes import firmware_files as files

ESP_CHIPS = {"ESP32_GENERIC": "esp32", "ESP32_GENERIC_C3": "esp32c3", "ESP32_GENERIC_S3": "esp32s3"}
S3 = files.esp_image("esp32s3")
APPLICATION_AT = 0x10000
PICO = files.uf2(files.RP2040)
PICO_2 = files.uf2_for_rp2350(files.RP2350_ARM)


def check(data, board):
    image.Image("image", data, board, TARGETS[board]).check()


def test_every_board_but_the_desk_has_a_way():
    assert set(TARGETS) == set(boards.names()) - {"unix"}


@pytest.mark.parametrize(("board", "chip"), ESP_CHIPS.items())
def test_image_that_esptool_made_is_taken(board, chip):
    check(files.esp_image(chip), board)


@pytest.mark.parametrize(
    ("board", "data"),
    [
        ("RPI_PICO_W", PICO),
        ("RPI_PICO2_W", PICO_2),
        ("RPI_PICO2_W", files.uf2(files.RP2350_ARM)),
        ("RPI_PICO2_W", files.uf2_for_rp2350(files.RP2350_RISCV)),
    ],
)
def test_uf2_is_taken(board, data):
    check(data, board)


def with_bytes(data, at, new):
    return data[:at] + new + data[at + len(new) :]


def with_block(whole, number, **changes):
    block = files.uf2_block(files.RP2040, number, len(whole) // 512, **changes)
    return with_bytes(whole, 512 * number, block)


NO_S3 = [
    ("nothing", b"", "is cut off: its bootloader is missing"),
    ("a UF2", PICO, "has no bootloader, so it is no MicroPython for ESP32_GENERIC_S3"),
    ("an erased flash", b"\xff" * 100_000, "has no bootloader, so it is no MicroPython for ESP32_GENERIC_S3"),
    (
        "another magic",
        with_bytes(S3, 0, b"\xea"),
        "has no bootloader, so it is no MicroPython for ESP32_GENERIC_S3",
    ),
    ("a C3's", files.esp_image("esp32c3"), "is for ESP32-C3; ESP32_GENERIC_S3 has an ESP32-S3"),
    ("an ESP32's", files.esp_image("esp32"), "is for ESP32; ESP32_GENERIC_S3 has an ESP32-S3"),
    ("an S2's", files.esp_image("esp32s2"), "is for ESP32-S2; ESP32_GENERIC_S3 has an ESP32-S3"),
    ("an unknown chip's", with_bytes(S3, 12, b"\x63"), "is for chip 99; ESP32_GENERIC_S3 has an ESP32-S3"),
    (
        "an application alone",
        files.program("esp32s3", 0x20000),
        "has no partition table; expected bootloader, table and application in one file",
    ),
    (
        "the bootloader alone",
        S3[:0x5000],
        "has no partition table; expected bootloader, table and application",
    ),
    ("half a bootloader", S3[:0x1000], "is cut off: its bootloader is not whole"),
    ("half a segment's head", S3[: 24 + 4], "is cut off: its bootloader is not whole"),
    ("no application", S3[: 0x10000 + 8], "is cut off: its application is missing"),
    ("half an application", S3[:-0x4000], "is cut off: its application is not whole"),
    ("all but a byte", S3[:-1], "is cut off: its application is not whole"),
    (
        "one changed bit",
        with_bytes(S3, APPLICATION_AT + 0x1000, bytes([S3[APPLICATION_AT + 0x1000] ^ 1])),
        "is damaged: its application has another digest than when it was built",
    ),
    (
        "another chip's application",
        S3[:APPLICATION_AT] + files.program("esp32c3", 0x8000),
        "is for ESP32-C3; ESP32_GENERIC_S3 has an ESP32-S3",
    ),
    (
        "more than its flash",
        files.esp_image("esp32s3", flash_mb=1, application_len=1 << 20),
        "bytes, more than the 1 MB of flash it is made for",
    ),
]
NO_PICO = [
    ("nothing", b"", "is no UF2 file"),
    ("an ESP32's", S3, "is no UF2 file"),
    ("a Pico 2's", PICO_2, "is for RP2350; RPI_PICO_W has an RP2040"),
    (
        "an unknown chip's",
        files.uf2(0x12345678, 2),
        "is for family 0x12345678; RPI_PICO_W has an RP2040",
    ),
    ("half a block", PICO[:-256], "is cut off: 306,944 bytes, expected a multiple of 512"),
    ("half of it", PICO[: 512 * 300], "is not whole: 300 blocks, expected 600, each once"),
    ("its second half", PICO[512 * 300 :], "is not whole: 300 blocks, expected 600, each once"),
    ("a block twice", PICO[:512] * 600, "is not whole: 600 blocks, expected 600, each once"),
    ("two files", PICO + PICO, "is not whole: 1,200 blocks, expected 600, each once"),
    ("a damaged end", with_bytes(PICO, 508, b"\0"), "is damaged at byte 0"),
    ("a damaged block", with_bytes(PICO, 512 * 7, b"\0"), "is damaged at byte 3,584"),
    ("no family", with_block(PICO, 3, flags=0), "has a block that no Pico takes, at byte 1,536"),
    ("not for flash", with_block(PICO, 3, flags=0x2001), "has a block that no Pico takes, at byte 1,536"),
    ("long pages", with_block(PICO, 3, data=bytes(400)), "has a block that no Pico takes, at byte 1,536"),
    (
        "between pages",
        with_block(PICO, 3, address=0x10000304),
        "has a block that no Pico takes, at byte 1,536",
    ),
    (
        "RAM",
        with_block(PICO, 3, address=0x20000000),
        "does not fit the 2 MB of flash of RPI_PICO_W",
    ),
    (
        "behind its flash",
        with_block(PICO, 3, address=0x10200000),
        "does not fit the 2 MB of flash of RPI_PICO_W",
    ),
    (
        "not from the start",
        with_block(PICO, 0, address=0x10100000),
        "begins at 0x10000100, expected 0x10000000, where the chip starts",
    ),
]


@pytest.mark.parametrize(
    ("board", "data", "text"),
    [("ESP32_GENERIC_S3", *case[1:]) for case in NO_S3] + [("RPI_PICO_W", *case[1:]) for case in NO_PICO],
    ids=[f"esp {case[0]}" for case in NO_S3] + [f"pico {case[0]}" for case in NO_PICO],
)
def test_what_does_not_fit_is_named(board, data, text):
    with pytest.raises(DeskError) as error:
        check(data, board)
    assert error.value.message.startswith("image ")
    assert text in error.value.message
    assert error.value.message.endswith(".")
    suffix = "bin" if isinstance(TARGETS[board], Esp) else "uf2"
    assert error.value.hint == f"take the newest .{suffix} from micropython.org/download/{board}"


def test_programs_for_two_kinds_of_processor_are_refused():
    both = files.uf2(files.RP2350_ARM, 2) + files.uf2(files.RP2350_RISCV, 2)
    for data in (both, PICO_2[:512]):
        with pytest.raises(DeskError, match="holds programs for several kinds of processor, or none"):
            check(data, "RPI_PICO2_W")


def test_flash_that_an_image_is_made_for():
    target = TARGETS["ESP32_GENERIC_S3"]
    for flash_mb in (2, 4, 8, 16):
        data = files.esp_image("esp32s3", flash_mb)
        assert image.esp_image.flash_len(image.Image("", data, "", target)) == flash_mb << 20


def test_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DeskError, match=r"none\.bin cannot be read \(No such file or directory\); expected"):
        image.read(tmp_path / "none.bin", "ESP32_GENERIC")


# Bytes that get past the first look of each check now and then.
pieces = st.one_of(
    st.binary(max_size=64),
    st.integers(0, 2**32 - 1).map(lambda n: struct.pack("<I", n)),
    st.sampled_from([S3[:24], S3[:0x4020], S3[0x8000:0x8040], PICO[:512], PICO_2[:512], PICO[512:1024]]),
    st.sampled_from([0x8000, 0x4000, 0x1000]).map(bytes),
)
changes = st.lists(st.tuples(st.integers(0, len(S3) - 1), st.binary(min_size=1, max_size=8)), max_size=4)


@given(st.lists(pieces, max_size=6).map(b"".join), st.sampled_from(sorted(TARGETS)))
def test_any_bytes_are_taken_or_refused(data, board):
    judge(data, board)


@given(st.sampled_from([S3[:0x11000], PICO, PICO_2]), changes, st.sampled_from(sorted(TARGETS)))
def test_any_damage_is_taken_or_refused(data, damage, board):
    for at, new in damage:
        data = with_bytes(data, at % len(data), new)
    judge(data, board)


def judge(data, board):
    try:
        check(data, board)
    except DeskError as error:
        assert "\n" not in error.message
