# How the device is: what a node reports although nobody wrote a sensor for it.
import gc


# A dict for telemetry. Allocates little: it may run when memory is short.
def read(board, wifi, uptime_s):
    vitals = {"up_s": uptime_s, "heap_free": gc.mem_free()}
    rssi = wifi.rssi()
    if rssi is not None:
        vitals["rssi"] = rssi
    celsius = board.temperature_c()
    if celsius is not None:
        vitals["chip_c"] = celsius
    return vitals
