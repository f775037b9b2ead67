"""Clock, watchdog, reset, radio and the words that survive a reset, as a board has them."""


import asyncio
import time

import pytest

from host_tests import shim

LAST = 0x3FFFFFFF
HALF = 0x20000000
MS = 1_000_000
IN_2026_S = 1_793_500_000


class ManualClock:
    """A clock that moves only when told."""

    def __init__(self, unix_s=IN_2026_S):
        self.now_ns = 0
        self._unix_ns = unix_s * 1000 * MS

    def monotonic_ns(self):
        return self.now_ns

    def time_ns(self):
        return self._unix_ns + self.now_ns

    def sleep_ns(self, ns):
        self.now_ns += ns


@pytest.fixture
def clock():
    return ManualClock()


def module(name, board="unix", **settings):
    """A device module of a world that is gone already; modules keep working on their own."""
    with shim.install(board, **settings) as device:
        return device.modules[name]


# -- ticks ---------------------------------------------------------------------------------------


def test_ticks_wrap_at_2_to_the_30(clock):
    ticks = module("time", clock=clock, ticks_start_ms=LAST - 1)
    assert ticks.ticks_ms() == LAST - 1
    ticks.sleep_ms(3)
    assert ticks.ticks_ms() == 1


def test_microseconds_wrap_too(clock):
    ticks = module("time", clock=clock)
    ticks.sleep_us(LAST)
    assert ticks.ticks_us() == LAST
    ticks.sleep_us(1)
    assert ticks.ticks_us() == 0


@pytest.mark.parametrize(
    ("end", "start", "diff"),
    [(5, LAST, 6), (LAST, 5, -6), (HALF - 1, 0, HALF - 1), (HALF, 0, -HALF), (0, 0, 0)],
)
def test_ticks_diff_over_the_wrap(end, start, diff):
    assert module("time").ticks_diff(end, start) == diff


@pytest.mark.parametrize("value", [-1, LAST + 1, 1.0, True, None])
@pytest.mark.parametrize("place", [0, 1])
def test_ticks_that_are_none_are_refused(value, place):
    arguments = [0, 0]
    arguments[place] = value
    with shim.install() as device:
        with pytest.raises(shim.BrokenRule):
            device.modules["time"].ticks_diff(*arguments)
        device.world.broken.clear()


def test_ticks_add_refuses_half_a_period():
    ticks = module("time")
    assert ticks.ticks_add(LAST, HALF - 1) == HALF - 2
    with pytest.raises(OverflowError):
        ticks.ticks_add(0, HALF)


def test_nothing_but_sleep_moves_a_manual_clock(clock):
    ticks = module("time", clock=clock)
    assert {ticks.ticks_ms() for _ in range(100)} == {0}
    ticks.sleep(0.25)
    assert ticks.ticks_ms() == 250


def test_the_clock_of_a_world_is_the_hosts_unless_another_is_given():
    ticks = module("time")
    before = time.monotonic_ns()
    start = ticks.ticks_ms()
    ticks.sleep_ms(5)
    assert ticks.ticks_diff(ticks.ticks_ms(), start) >= 5
    assert time.monotonic_ns() - before >= 5 * MS


# -- date ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("board", "year", "now_s"),
    [("ESP32_GENERIC", 2000, 0), ("RPI_PICO_W", 2021, 1_609_459_200), ("unix", 2026, IN_2026_S)],
)
def test_a_board_wakes_in_its_own_year(clock, board, year, now_s):
    device_time = module("time", board, clock=clock)
    assert device_time.time() == now_s
    assert device_time.gmtime()[0] == year


def test_time_is_whole_on_boards_and_a_float_on_unix(clock):
    assert type(module("time", "RPI_PICO_W", clock=clock).time()) is int
    assert type(module("time", "unix", clock=clock).time()) is float


def test_the_epoch_can_be_chosen(clock):
    device_time = module("time", clock=clock, epoch_year=2000)
    assert device_time.time() == IN_2026_S - 946_684_800
    assert device_time.gmtime(0)[:3] == (2000, 1, 1)
    assert device_time.mktime((2000, 1, 1, 0, 0, 1, 0, 0)) == 1


@pytest.mark.parametrize("board", ["ESP32_GENERIC", "RPI_PICO_W"])
def test_setting_the_clock_chip_sets_the_time(clock, board):
    with shim.install(board, clock=clock) as device:
        chip = device.modules["machine"].RTC()
        chip.datetime((2026, 11, 2, 0, 3, 4, 5, 0))
        device.modules["time"].sleep(1)
        assert device.modules["time"].gmtime()[:6] == (2026, 11, 2, 3, 4, 6)
        assert chip.datetime() == (2026, 11, 2, 0, 3, 4, 6, 0)


# -- watchdog and reset --------------------------------------------------------------------------


def test_a_fed_watchdog_does_not_bite(clock):
    with shim.install("RPI_PICO_W", clock=clock) as device:
        watchdog = device.modules["machine"].WDT(timeout=8388)
        for _ in range(10):
            device.modules["time"].sleep_ms(8000)
            watchdog.feed()


def test_a_hungry_watchdog_bites_at_the_next_look_at_the_clock(clock):
    with shim.install("RPI_PICO_W", clock=clock) as device:
        device.modules["machine"].WDT(timeout=1000)
        device.modules["time"].sleep_ms(1000)
        clock.now_ns += 1
        with pytest.raises(shim.Reset) as reset:
            device.modules["time"].ticks_ms()
        assert reset.value.cause == "watchdog"


def test_feeding_too_late_does_not_help(clock):
    with shim.install("RPI_PICO_W", clock=clock) as device:
        watchdog = device.modules["machine"].WDT(timeout=1000)
        clock.now_ns += 1001 * MS
        for _ in range(2):
            with pytest.raises(shim.Reset):
                watchdog.feed()


def test_poll_and_sockets_let_it_bite_too(clock):
    with shim.install("RPI_PICO_W", clock=clock) as device:
        device.modules["machine"].WDT(timeout=1000)
        sock = device.modules["socket"].socket()
        clock.now_ns += 1001 * MS
        with pytest.raises(shim.Reset):
            device.modules["select"].poll().poll(0)
        with pytest.raises(shim.Reset):
            sock.setblocking(False)


@pytest.mark.parametrize(("board", "longest"), [("RPI_PICO_W", 8388), ("RPI_PICO2_W", 8388)])
def test_a_watchdog_has_a_longest_timeout(board, longest):
    machine = module("machine", board)
    machine.WDT(timeout=longest)
    with pytest.raises(ValueError, match=f"1 to {longest} ms"):
        machine.WDT(timeout=longest + 1)
    module("machine", board, wdt_max_ms=16777).WDT(timeout=16777)
    module("machine", "ESP32_GENERIC").WDT(timeout=60000)


def test_reset_cannot_be_caught_as_an_exception(tmp_path):
    script = tmp_path / "program.py"
    script.write_text("import machine\ntry:\n    machine.reset()\nexcept Exception:\n    pass\n")
    with shim.install("RPI_PICO_W") as device, pytest.raises(shim.Reset) as reset:
        device.run(script)
    assert reset.value.cause == "reset"


def test_the_reset_cause_is_the_worlds():
    assert module("machine").reset_cause() == 1
    assert module("machine", reset_cause=3).reset_cause() == 3


def test_words_keep_32_bits_and_rtc_memory_its_bytes():
    words = module("machine", "RPI_PICO_W").mem32
    assert words[0x4005800C] == 0
    words[0x4005800C] = 0x1_2345_6789
    assert words[0x4005800C] == 0x2345_6789
    machine = module("machine", "ESP32_GENERIC")
    assert machine.RTC().memory() == b""
    machine.RTC().memory(b"kept")
    assert machine.RTC().memory() == b"kept"


def test_scheduled_calls_run_at_the_next_look_at_the_clock(clock):
    seen = []
    with shim.install(clock=clock) as device:
        schedule = device.modules["micropython"].schedule
        for n in range(8):
            schedule(seen.append, n)
        with pytest.raises(RuntimeError, match="queue full"):
            schedule(seen.append, 8)
        assert seen == []
        device.modules["time"].ticks_ms()
        assert seen == list(range(8))


# -- radio and board -----------------------------------------------------------------------------


@pytest.mark.parametrize(("board", "idle", "up"), [("RPI_PICO_W", 0, 3), ("ESP32_GENERIC", 1000, 1010)])
def test_the_radio_is_up_once_told_to_join(board, idle, up):
    network = module("network", board)
    wlan = network.WLAN(network.STA_IF)
    with pytest.raises(OSError) as not_powered:
        wlan.connect("home", "secret")
    assert not_powered.value.args == (1,)
    wlan.active(True)
    assert (wlan.isconnected(), wlan.status()) == (False, idle)
    wlan.connect("home", "secret")
    assert (wlan.isconnected(), wlan.status()) == (True, up)
    assert network.WLAN(network.STA_IF).ifconfig()[0] == "127.0.0.1"
    wlan.disconnect()
    assert not wlan.isconnected()
    wlan.connect("home", "secret")
    wlan.active(False)
    assert not wlan.isconnected()


def test_the_radio_refuses_settings_of_the_other_port():
    pico, esp32 = (module("network", board).WLAN() for board in ("RPI_PICO_W", "ESP32_GENERIC"))
    esp32.config(reconnects=0)
    with pytest.raises(ValueError, match="unknown config"):
        pico.config(reconnects=0)
    pico.config(pm=0x10)
    assert pico.config("pm") == 0x10


def test_country_and_host_name_are_kept():
    network = module("network", "RPI_PICO_W")
    network.country("DE")
    network.hostname("node-1")
    assert (network.country(), network.hostname()) == ("DE", "node-1")


@pytest.mark.parametrize(
    ("board", "numbers"),
    [("RPI_PICO_W", (110, 115, 113)), ("ESP32_GENERIC", (116, 119, 118))],
)
def test_errno_has_the_numbers_of_the_port(board, numbers):
    errno = module("errno", board)
    assert (errno.ETIMEDOUT, errno.EINPROGRESS, errno.EHOSTUNREACH) == numbers


def test_chips_have_a_temperature():
    import_of = {"ESP32_GENERIC": "raw_temperature", "ESP32_GENERIC_C3": "mcu_temperature"}
    for board, name in import_of.items():
        assert isinstance(getattr(module("esp32", board), name)(), int)
    for board in ("ESP32_GENERIC", "ESP32_GENERIC_C3", "RPI_PICO_W"):
        with shim.install(board):
            import board as board_module

            assert 20 < board_module.temperature_c() < 60


# -- asyncio -------------------------------------------------------------------------------------


def test_asyncio_times_out_with_an_exception_that_is_no_os_error():
    device_asyncio = module("asyncio")

    async def wait():
        await device_asyncio.wait_for_ms(device_asyncio.sleep_ms(60_000), 1)

    with pytest.raises(device_asyncio.TimeoutError) as timeout:
        asyncio.run(wait())
    assert not isinstance(timeout.value, OSError)
