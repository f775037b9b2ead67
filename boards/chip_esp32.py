# What the ESP32 boards share. A board's board.py takes all of it and adds its own figures.
# Sources: platform-facts sections 1.3, 2.2, 2.3, 3.2, 4 and 6.1.
import struct

import esp32
import machine
import network

CONFIG = "config.json"
NEEDS_WIFI = True
WATCHDOG_MAX_MS = 60000
GETADDRINFO_BOUNDED = False  # 7 s per server, and no Python callback runs meanwhile
TLS_IN_HEAP = False  # TLS takes its memory from ESP-IDF's heap
TLS_RESERVE = ()
UNACKED_MAX_LEN = 5744  # lwIP's send buffer

# RTC memory, which survives all but power loss and EN: our mark, two numbers kept, the flag of maintenance.
_MARK = b"hublink:"
_memory = bytearray(machine.RTC().memory())
if _memory[:8] != _MARK:
    _memory = bytearray(_MARK + bytes(9))


def prepare_radio(hostname, country):
    network.hostname(hostname)
    if country:
        network.country(country)


def wlan():
    return network.WLAN(network.STA_IF)


# The driver's own endless reconnecting would hide why it fails; the supervisor does it.
def configure_radio(radio):
    radio.config(reconnects=0)
    radio.config(pm=network.WLAN.PM_NONE)


def restart_radio(radio):
    radio.active(False)
    radio.active(True)


def wifi_trouble(radio):
    status = radio.status()
    if status in (202, 204):
        return "wifi_bad_password"
    return "wifi_no_such_network" if status in (201, 210, 211, 212) else "wifi_timeout"


def set_rtc(unix_s):
    import time

    t = time.gmtime(unix_s - 946684800)  # the epoch is 2000
    machine.RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))
    return True


def watchdog(timeout_ms):
    return machine.WDT(timeout=timeout_ms)


def reset():
    machine.reset()


def maintenance():
    return _memory[16] > 0


def set_maintenance(on):
    _memory[16] = on
    machine.RTC().memory(_memory)


# Two numbers below 2**32 that a reset leaves alone; (0, 0) after power loss.
def kept():
    return struct.unpack_from("<II", _memory, 8)


def keep(a, b):
    struct.pack_into("<II", _memory, 8, a, b)
    machine.RTC().memory(_memory)


# In the heap of ESP-IDF, which TLS takes its memory from.
def largest_block():
    return max([region[2] for region in esp32.idf_heap_info(esp32.HEAP_DATA)])


def reset_cause():
    causes = {machine.PWRON_RESET: "power_on", machine.HARD_RESET: "reset", machine.WDT_RESET: "watchdog"}
    causes[machine.DEEPSLEEP_RESET] = "deep_sleep"
    causes[machine.SOFT_RESET] = "soft_reset"
    return causes.get(machine.reset_cause(), "unknown")
