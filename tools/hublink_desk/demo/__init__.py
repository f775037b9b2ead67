"""`hublink demo`: the firmware on a real MicroPython against a hub on this desk, with eight checks.

Everything is real but the radio: certificates, TLS, DNS, SNTP, the hub, whoever listens behind it. What is
seen is printed as it happens; what is checked is checked from outside the device. One module per kind of hub
says what that is.
"""
