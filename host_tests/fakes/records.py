"""TLS records as both ends of the simulated connection write them: real lengths, nothing encrypted.

A handshake is four flights: HELLO, SERVER, CLIENT, FINISHED; each is one record.
"""

ALERT, HANDSHAKE, DATA = 21, 22, 23
_MAJOR_VERSION = 3
HEADER_LEN = 5
# TLS 1.2 AES-GCM: 8 bytes of nonce before, 16 of tag behind.
_NONCE = bytes(8)
_TAG = bytes(16)
_FLIGHT_LEN = {b"HELLO": 180, b"SERVER": 1100, b"CLIENT": 950, b"FINISHED": 50}


def _record(kind, body):
    return bytes((kind, 3, 3)) + len(body).to_bytes(2, "big") + body


def data(plain):
    """The record of application data. plain: at most 16,384 bytes."""
    return _record(DATA, _NONCE + plain + _TAG)


def plain(body):
    """Application data out of a record's body."""
    return body[len(_NONCE) : -len(_TAG)]


def flight(name, number=0):
    """A handshake flight. number: of a certificate, 0..65535."""
    body = name.ljust(8) + number.to_bytes(2, "big")
    return _record(HANDSHAKE, body.ljust(_FLIGHT_LEN[name], b"\0"))


def read_flight(body):
    """(name, number) of a handshake record's body."""
    return body[:8].rstrip(), int.from_bytes(body[8:10], "big")


def alert():
    """A fatal alert."""
    return _record(ALERT, b"\x02\x00")


def body_len(header):
    """Length of the body behind a header; -1 if this is no TLS record."""
    if header[0] not in (ALERT, HANDSHAKE, DATA) or header[1] != _MAJOR_VERSION:
        return -1
    return int.from_bytes(header[3:5], "big")
