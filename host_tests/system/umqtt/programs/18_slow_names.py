# Connects by name with a time limit; nobody answers for names.
import sys
import time

from umqtt.simple import MQTTClient

client = MQTTClient("device", "hub.example", int(sys.argv[1]))
since_ms = time.ticks_ms()
try:
    try:
        client.connect(True, 0.3)
    except TypeError:  # 1.3.4 knows no time limit
        client.connect()
except OSError:
    print("OSError")
print("late" if time.ticks_diff(time.ticks_ms(), since_ms) > 5000 else "in time")
