"""DNS and SNTP servers of the simulated internet, with the modes of `hublink_desk.servers`.

Written apart from the firmware's own messages (RFC 1035, RFC 5905), so that the two can disagree.
"""

_UNIX_TO_NTP_S = 2_208_988_800
_NTP_LEN = 48
_VERSION, _CLIENT, _SERVER = 4, 3, 4


class Dns:
    """A name server.

    Attributes:
        names: host name -> list of IPv4 addresses.
        mode: answer, silent, nxdomain, servfail, garbage, wrong_id, truncated, cut_off (in the middle
            of the address).
        ttl_s: how long an answer is good for.
        queries: how many came in.
    """

    def __init__(self, host, names):
        self.names = names
        self.mode = "answer"
        self.ttl_s = 300
        self.queries = 0
        host.udp[53] = self._answer

    def _answer(self, query):
        self.queries += 1
        if self.mode == "silent":
            return None
        if self.mode == "garbage":
            return query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + b"\xc0\x0c" * 8
        name, question = _question(query)
        records, code = self._records(name)
        flags = 0x8180 | code | (0x0200 if self.mode == "truncated" else 0)
        query_id = query[:2] if self.mode != "wrong_id" else bytes(byte ^ 0xFF for byte in query[:2])
        counts = (1).to_bytes(2, "big") + len(records).to_bytes(2, "big") + bytes(4)
        answer = query_id + flags.to_bytes(2, "big") + counts + question + b"".join(records)
        return answer[:-2] if self.mode == "cut_off" else answer

    # (answer records, response code).
    def _records(self, name):
        if self.mode == "truncated":
            return [], 0
        if self.mode == "servfail":
            return [], 2
        if self.mode == "nxdomain" or name not in self.names:
            return [], 3
        head = b"\xc0\x0c\0\1\0\1" + self.ttl_s.to_bytes(4, "big") + b"\0\4"
        return [head + bytes(int(part) for part in address.split(".")) for address in self.names[name]], 0


# (name in lower case, the question's bytes) of a query with one question.
def _question(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(labels).lower(), query[12 : at + 5]


class Sntp:
    """A time server.

    Attributes:
        mode: ok, silent, garbage (48 bytes of 0xFF), zero_time, kiss_of_death, wrong_mode,
            wrong_originate, short, unsynchronised (leap indicator 3), implausible (the year 1999).
        offset_s: how far its clock is ahead.
        queries: how many came in.
    """

    def __init__(self, host, clock):
        self.mode = "ok"
        self.offset_s = 0
        self.queries = 0
        self._clock = clock
        host.udp[123] = self._answer

    def _answer(self, query):
        self.queries += 1
        if self.mode == "silent" or len(query) < _NTP_LEN or query[0] & 7 != _CLIENT:
            return None
        if self.mode == "garbage":
            return b"\xff" * _NTP_LEN
        answer = self._packet(query[40:48])
        return answer[:-1] if self.mode == "short" else answer

    def _packet(self, originate):
        mode = self.mode
        unix_s = 946_080_000 if mode == "implausible" else self._clock.unix_s() + self.offset_s
        now = (int((unix_s + _UNIX_TO_NTP_S) * 2**32) % 2**64).to_bytes(8, "big")
        if mode == "wrong_originate":
            originate = bytes(byte ^ 0xFF for byte in originate)
        stratum, reference = (0, b"RATE") if mode == "kiss_of_death" else (2, b"TEST")
        leap = 3 if mode == "unsynchronised" else 0
        first = leap << 6 | _VERSION << 3 | (_CLIENT if mode == "wrong_mode" else _SERVER)
        transmit = bytes(8) if mode == "zero_time" else now
        return bytes((first, stratum, 6, 236)) + bytes(8) + reference + now + originate + now + transmit
