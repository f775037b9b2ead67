# How the device is: what a node reports although nobody wrote a sensor for it.
from . import system


# A dict for telemetry. Allocates little: it may run when memory is short.
def read(board, wifi, uptime_s):
    vitals = {"up_s": uptime_s, "heap_free": system.collect(), "heap_low": system.heap_low()}
    largest = board.largest_block()
    if largest is not None:
        vitals["largest_block"] = largest
    rssi = wifi.rssi()
    if rssi is not None:
        vitals["rssi"] = rssi
    celsius = board.temperature_c()
    if celsius is not None:
        vitals["chip_c"] = celsius
    return vitals
