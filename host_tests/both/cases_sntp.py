# sntp: requests and replies by hand from RFC 4330; a wrong reply is a word or none of ours, never a time.
from hublink import limits
from hublink.protocol import sntp

_TOKEN = b"\x01\x23\x45\x67\x89\xab\xcd\xef"
_FLOOR_S = limits.CLOCK_FLOOR_S
# 2027-01-01T00:00:00Z, 20,819 days after 1970: as Unix seconds, and as NTP writes it.
_UNIX_S = 1798761600
_NTP = b"\xee\xe1\x6b\x00"


# leap 0, version 4, server; stratum 2; poll, precision; root fields, reference time; token; receive
# and transmit time.
def _reply(first=0x24, stratum=2, token=_TOKEN, seconds=_NTP, fraction=b"\x80\x00\x00\x00"):
    return bytes([first, stratum, 6, 0xE9]) + bytes(20) + token + bytes(8) + seconds + fraction


def _of(data, floor_s=_FLOOR_S):
    return sntp.reply(data, _TOKEN, floor_s)


# Unix seconds as the four bytes of an NTP time.
def _ntp(unix_s):
    seconds = (unix_s + 2208988800) % (1 << 32)
    return bytes([seconds >> 24, seconds >> 16 & 255, seconds >> 8 & 255, seconds & 255])


def case_the_request_is_a_client_of_version_four_with_our_token():
    assert sntp.request(_TOKEN) == b"\x23" + bytes(39) + _TOKEN


def case_the_time_is_read():
    assert _ntp(_UNIX_S) == _NTP
    assert _of(_reply()) == _UNIX_S


def case_a_reply_in_a_bytearray_is_read():
    assert _of(bytearray(_reply())) == _UNIX_S


def case_known_times_come_out_right():
    # RFC 4330, section 3: 2036-02-07T06:28:16Z is where 32 bits start anew.
    for unix_s, seconds in ((2085978495, b"\xff\xff\xff\xff"), (2085978497, b"\x00\x00\x00\x01")):
        assert _of(_reply(seconds=seconds)) == unix_s


def case_each_stratum_and_version_of_a_server_is_taken():
    for stratum in range(1, 16):
        assert _of(_reply(stratum=stratum)) == _UNIX_S
    for first in (0x1C, 0x24, 0x64, 0xA4):  # version 3; version 4; leap seconds announced
        assert _of(_reply(first=first)) == _UNIX_S


def case_what_follows_the_48_bytes_is_left_alone():
    for trailing in (b"\x00", bytes(20), b"\xff" * 400):
        assert _of(_reply() + trailing) == _UNIX_S


def case_truncated_at_each_length():
    for length in range(48):
        assert _of(_reply()[:length]) == "sntp_short"


def case_a_reply_to_another_request_is_not_ours():
    for at in range(8):
        token = bytearray(_TOKEN)
        token[at] ^= 1
        assert _of(_reply(token=bytes(token))) is None, at
    assert _of(sntp.request(_TOKEN)) is None


def case_only_a_server_answers():
    for mode in (0, 1, 2, 3, 5, 6, 7):
        assert _of(_reply(first=0x20 | mode)) == "sntp_not_a_server"


def case_a_kiss_of_death_is_no_time():
    assert _of(_reply(stratum=0)) == "sntp_kiss_of_death"


def case_a_stratum_above_fifteen_is_refused():
    for stratum in (16, 17, 255):
        assert _of(_reply(stratum=stratum)) == "sntp_bad_stratum"


def case_a_server_without_time_itself_is_refused():
    assert _of(_reply(first=0xE4)) == "sntp_unsynchronised"


def case_zero_is_no_time():
    assert _of(_reply(seconds=bytes(4))) == "sntp_zero_time"


def case_the_floor_is_the_first_second_believed():
    assert _of(_reply(seconds=_ntp(_FLOOR_S))) == _FLOOR_S
    assert _of(_reply(seconds=_ntp(_FLOOR_S - 1))) == "sntp_implausible"
    assert _of(_reply(), _UNIX_S) == _UNIX_S
    assert _of(_reply(), _UNIX_S + 1) == "sntp_implausible"


def case_the_ceiling_is_the_last_second_believed():
    assert _of(_reply(seconds=_ntp(limits.CLOCK_CEILING_S))) == limits.CLOCK_CEILING_S
    assert _of(_reply(seconds=_ntp(limits.CLOCK_CEILING_S + 1))) == "sntp_implausible"


def case_any_byte_may_be_wrong():
    good = _reply()
    for at in range(len(good)):
        for value in (0x00, 0x01, 0x7F, 0x80, 0xFF):
            damaged = bytearray(good)
            damaged[at] = value
            found = _of(damaged)
            if isinstance(found, int):
                assert _FLOOR_S <= found <= limits.CLOCK_CEILING_S
            else:
                assert found is None or found.startswith("sntp_")
