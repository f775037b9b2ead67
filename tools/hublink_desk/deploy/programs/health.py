# What only the running board knows, apart from programs/about.py: prints a dict.
import gc
import time

gc.collect()
health = {
    "time_s": int(time.time()) + (946684800 if time.gmtime(0)[0] == 2000 else 0),
    "heap_free": gc.mem_free(),
    "heap_used": gc.mem_alloc(),
}
try:
    import board

    health["cause"] = board.reset_cause()
    health["largest_block"] = board.largest_block()
except Exception:  # there is none, or it is damaged
    pass
try:
    import network

    radio = network.WLAN(network.STA_IF)
    health["radio"] = {
        "active": radio.active(),
        "joined": radio.isconnected(),
        "status": radio.status(),
        "address": radio.ifconfig()[0],
    }
    health["radio"]["rssi"] = radio.status("rssi")
except Exception as e:  # the radio of a chip in trouble answers nothing
    health["radio_trouble"] = repr(e)
print(repr(health))
