# HMAC-SHA256 (RFC 2104): not every port of MicroPython has a module for it. Pure.
import hashlib

from micropython import const

_BLOCK_LEN = const(64)


# The 32 bytes that prove message to who has the same key, both bytes.
def sha256(key, message):
    if len(key) > _BLOCK_LEN:
        key = hashlib.sha256(key).digest()
    key = key + bytes(_BLOCK_LEN - len(key))
    return _hash(key, 0x5C, _hash(key, 0x36, message))


def _hash(key, pad, message):
    state = hashlib.sha256(bytes([b ^ pad for b in key]))
    state.update(message)
    return state.digest()
