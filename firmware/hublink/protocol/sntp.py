# SNTP messages, client side (RFC 4330, RFC 5905). Pure. Every reply is checked: MicroPython's own
# ntptime takes a kiss-of-death for the year 2036 (micropython-lib #604).
from .. import limits

# From 1900, the epoch of NTP, to 1970.
_NTP_UNIX_S = 2208988800


# A request. token: 8 bytes that the server sends back as the originate time, so that a reply
# cannot be forged without seeing the request. They are sent as our transmit time, which is no
# server's business (draft-ietf-ntp-data-minimization).
def request(token):
    out = bytearray(48)
    out[0] = 0x23  # no leap warning, version 4, client
    out[40:48] = token
    return bytes(out)


# Reads the reply to the request with that token. Returns Unix seconds, or a text that says what is
# wrong with it, or None when it answers another request.
def reply(data, token, floor_s):
    if len(data) < 48:
        return "sntp_short"
    if bytes(data[24:32]) != token:
        return None
    if data[0] & 7 != 4:
        return "sntp_not_a_server"
    if not 1 <= data[1] <= 15:
        return "sntp_kiss_of_death" if data[1] == 0 else "sntp_bad_stratum"
    if data[0] >> 6 == 3:
        return "sntp_unsynchronised"
    seconds = data[40] << 24 | data[41] << 16 | data[42] << 8 | data[43]
    if not seconds:
        return "sntp_zero_time"
    seconds -= _NTP_UNIX_S
    if seconds < 0:  # the 32-bit counter of NTP wraps in 2036 (RFC 4330 section 3)
        seconds += 1 << 32
    if not floor_s <= seconds <= limits.CLOCK_CEILING_S:
        return "sntp_implausible"
    return seconds
