# What RP2040 and RP2350 boards with a CYW43 radio share. A board's board.py takes all of it and adds
# its own figures. Sources: platform-facts sections 1.8, 2.2, 2.3, 3.3 and 4.
import machine
import network

CONFIG = "config.json"
NEEDS_WIFI = True
GETADDRINFO_BOUNDED = False  # 7 s per server, for ever on 1.26 and 1.27 without a link
TLS_IN_HEAP = True
# One piece each for the receive and the send record (16,717 and 4,429 bytes), held while offline.
TLS_RESERVE = (17000, 4600)
# lwIP shares 8,000 bytes for everything; when they are gone, a write blocks for up to 10 s.
UNACKED_MAX_LEN = 2048

# Watchdog scratch registers survive every reset but power loss; 0-3 and 5-7 are free for programs.
_KEPT_AT = 0  # and 1
_MAINTENANCE_AT = 2
_MAINTENANCE = 0x68756221
# The SDK marks a watchdog that a program started; machine.reset() clears the mark (pico-sdk watchdog.c).
_BITE_AT = 4
_BITE = 0x6AB73121


def prepare_radio(hostname, country):
    network.hostname(hostname)
    if country:
        network.country(country)


def wlan():
    return network.WLAN(network.STA_IF)


# Power saving is on again whenever the chip starts; with it, messages come seconds late and links drop.
def configure_radio(radio):
    radio.config(pm=0x10)


# A chip in trouble answers EPERM to everything until it was powered down.
def restart_radio(radio):
    radio.active(False)
    radio.deinit()
    radio.active(True)


def wifi_trouble(radio):
    return {-2: "wifi_no_such_network", -3: "wifi_bad_password"}.get(radio.status(), "wifi_timeout")


def set_rtc(unix_s):
    import time

    t = time.gmtime(unix_s)  # the epoch is 1970
    machine.RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))
    return True


def watchdog(timeout_ms):
    return machine.WDT(timeout=timeout_ms)


def reset():
    machine.reset()


def temperature_c():
    volts = machine.ADC(machine.ADC.CORE_TEMP).read_u16() * 3.3 / 65535
    return round(27 - (volts - 0.706) / 0.001721, 1)  # RP2040 data sheet, 4.9.5


def maintenance():
    return machine.mem32[_scratch(_MAINTENANCE_AT)] == _MAINTENANCE


def set_maintenance(on):
    machine.mem32[_scratch(_MAINTENANCE_AT)] = _MAINTENANCE if on else 0


# Two numbers below 2**32 that a reset leaves alone; (0, 0) after power loss.
def kept():
    return machine.mem32[_scratch(_KEPT_AT)], machine.mem32[_scratch(_KEPT_AT + 1)]


def keep(a, b):
    machine.mem32[_scratch(_KEPT_AT)] = a
    machine.mem32[_scratch(_KEPT_AT + 1)] = b


# The heap's largest free block; the port does not tell.
def largest_block():
    return None


_cause = ""


# machine.reset() goes through the watchdog too, so reset_cause() alone cannot tell (#19409). To be asked
# before this start has started its watchdog, which sets the mark; the answer stays.
def reset_cause():
    global _cause  # noqa: PLW0603 - there is one start
    if not _cause:
        _cause = "watchdog" if machine.mem32[_scratch(_BITE_AT)] == _BITE else "reset"
        if machine.reset_cause() != machine.WDT_RESET:
            _cause = "power_on"
    return _cause


# Address of a watchdog scratch register; where they begin is the board's to say.
def _scratch(n):
    import board

    return board.SCRATCH_ADDRESS + 4 * n
