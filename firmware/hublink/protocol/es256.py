# ECDSA signatures with P-256 and SHA-256: ES256 (FIPS 186-5; RFC 7518, section 3.4). Pure.
#
# NOT CONSTANT-TIME. Which operations are done, and in which order, is the same for every key and
# nonce; how long MicroPython's integers take for each is not. Who can time a device closely, or
# measure the power it draws, while it signs again and again, may learn its key.
#
# Made for a token an hour: 0.45 s on an RP2040, 0.1 s of it at once. The nonce comes from key and
# digest (RFC 6979), so no random numbers are needed. Numbers are plain integers, reduced with %:
# that takes 15,000 instructions, and what P-256's primes were chosen for, shifts and sums, 54,000.
from micropython import const

from . import hmac

# The field, and the order of the group, a prime too.
_P = const(0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF)
N = const(0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551)

# G is the base point. x and y, 32 bytes each, of 2**192 G +- 2**128 G +- 2**64 G +- G: bits 2, 1
# and 0 of the place in the table say which are added.
_TABLE = (
    b"\xdc\xa7\x46\x34\x84\x11\xaf\xb5\x7a\x94\x1b\x31\x00\xc7\x46\x2e"
    b"\xc7\xdd\x30\x79\x02\xd8\x83\x40\x2c\x14\x7b\xd3\x02\x3e\x0a\x99"
    b"\xa3\x78\xf4\x9c\x3c\x60\x73\xe0\xef\xa2\x30\xd3\x8e\x28\x75\xb6"
    b"\xd1\x70\xfe\x41\x00\x60\x63\x2c\x47\xb0\xd5\x20\x23\x5f\x3f\xb0"
    b"\x47\xb8\xc1\x5b\x59\x31\x23\x90\x87\xf5\x1b\xcf\xa6\xc7\x51\x33"
    b"\x24\xfc\x08\x1a\xd4\xe6\xe5\xc5\xf7\x44\x7e\x16\xe0\xb9\x01\x0a"
    b"\xea\xb6\x9c\xfc\xb2\x7b\xce\xd9\x1d\xe9\xc2\xea\xd6\x1a\xa5\xc0"
    b"\xc8\xcb\x9d\x1b\xc2\xfa\xa8\x27\x5d\x8a\x5a\x16\xd7\xb4\xb7\x92"
    b"\x39\xf2\xe1\x26\xe7\xa9\x01\x57\xaf\xf9\x55\xe9\x75\xa5\x29\x79"
    b"\x4f\xcf\xde\x2a\x0f\xcb\x47\xe3\x8d\xb2\x21\x50\x5b\x37\x0b\x39"
    b"\x2f\xe3\x91\x8b\x81\xba\xc5\xc2\x03\x4c\xfc\x1d\x65\x14\x1b\x26"
    b"\x6f\xda\xb9\xfb\x48\x1d\xe5\xac\xc1\x3c\x7a\x63\x86\x51\x22\xba"
    b"\xb9\x86\x68\xc6\x4a\x1d\x88\x9b\x37\xb0\x90\x17\x18\x35\x52\x37"
    b"\x43\x72\x6c\x12\xf9\x02\x1b\xc1\xdb\xd4\x0b\x53\x76\x99\xe8\x98"
    b"\x04\xef\x5f\xa9\xa1\x13\xf2\x97\xc8\xda\xa7\x51\x5d\xa9\xf6\x56"
    b"\x4e\xc8\x47\x65\x37\xc4\x8f\x4e\xc8\x94\xa7\x32\x3a\x91\x3c\x3d"
    b"\x83\x99\xd7\x6d\xf7\x06\x60\xcb\x57\x4a\xf4\x33\xf5\x1b\x14\xf0"
    b"\xac\xcb\xd9\xe5\xa6\xc9\x02\xa9\x73\x42\xe8\x9b\x4c\x02\xfa\xa6"
    b"\xa0\x8f\x6b\x51\x56\xec\xb1\xcc\x58\xef\x27\xc6\x20\x16\xd4\xc8"
    b"\x7a\x47\xe0\x13\xc6\x87\x58\x72\x74\xc9\x3f\x9b\xe6\x8b\xa2\xba"
    b"\x61\x30\x2d\x5d\x50\x8f\xdc\x2e\x7f\x8e\xd5\x08\xa4\x3b\x83\xb7"
    b"\x0b\xa6\xd2\xf4\xe0\x10\x3c\x59\xd1\x4f\x8e\xad\x7d\xb8\xca\xb2"
    b"\x6c\x58\x4e\x7f\x2c\xc4\xa0\x29\x04\x10\xb8\x83\x23\xe6\xde\x42"
    b"\x70\x75\x0b\x1d\x46\xb0\xf7\x59\xeb\xd1\x78\x2f\xb0\x12\x80\xc1"
    b"\x87\x81\xfb\xda\xfc\x93\x14\x10\xb4\x14\xf9\xce\xe8\x1f\xf1\x0c"
    b"\x45\xe3\x88\xa8\x1f\xd9\xd0\x3d\xe4\x7c\x24\x7d\x3c\xe7\x42\xeb"
    b"\x3e\xb3\x52\x34\xfa\x6a\xda\x4c\xbf\xe6\x1e\xe2\x0c\x94\x51\x28"
    b"\xca\xda\x9a\xd5\x97\x13\xe7\xca\xa8\x7b\x21\x11\x08\x2c\xa2\x0d"
    b"\xb4\x8e\x26\xb4\x84\xf7\xa2\x1c\x0a\x4a\x46\xfb\x6a\xaf\x36\x3a"
    b"\x66\xb0\xde\x32\x25\xc4\x74\x4b\x96\x15\xb5\x11\x0d\x1d\x78\xe5"
    b"\xfa\xc0\x15\x40\x4d\x4d\x3d\xab\x64\x13\x1b\xcd\xfe\xd6\xf6\x68"
    b"\xc0\x04\xe4\x04\x8b\x7b\x0f\x98\x06\xeb\xb0\xf6\x21\xa0\x1b\x2d"
)


# A generator that signs a SHA-256 digest (32 bytes) with a key (an integer, 0 < key < N), in slices.
# Yields None after each slice but the last, then the signature: r and s, 32 bytes each. A slice
# leaves up to 43 kB of garbage behind (2 kB are in use): collect it in between.
def sign(key, digest):
    number = int.from_bytes(digest, "big") % N
    for nonce in _nonces(key, number):
        r = (yield from _multiply(nonce)) % N
        yield None
        s = _inverse(nonce, N) * (number + r * key) % N
        if r and s:
            yield r.to_bytes(32, "big") + s.to_bytes(32, "big")
            return


# The nonces for that key and digest, both as numbers below N (RFC 6979, section 3.2). The first serves.
def _nonces(key, number):
    seed = key.to_bytes(32, "big") + number.to_bytes(32, "big")
    state = bytes(32)
    value = b"\1" * 32
    for mark in (b"\0", b"\1"):
        state = hmac.sha256(state, value + mark + seed)
        value = hmac.sha256(state, value)
    while True:
        value = hmac.sha256(state, value)
        nonce = int.from_bytes(value, "big")
        if 0 < nonce < N:
            yield nonce
        state = hmac.sha256(state, value + b"\0")
        value = hmac.sha256(state, value)


# A generator that returns the x of k G, for 0 < k < N; it yields None between slices.
# k G and (N - k) G have the same x, and one of k and N - k is odd. An odd number is a sum of all
# powers of two up to 2**255, each added or subtracted: bit i of `signs` says which. They are taken
# in 64 columns of four, 2**64 apart: a point of the table, or its negative, for each.
# Points that are equal, or opposite, are never added: before the last column the sum is too small to
# meet one, and there it could for eight k, of which a test shows that they do not.
def _multiply(k):
    if not k & 1:
        k = N - k
    signs = (k + (1 << 256) - 1 >> 1).to_bytes(32, "big")
    x = y = z = 0
    for row in range(8):
        for bit in range(7, -1, -1):
            column = 0
            for at in range(row, 32, 8):
                column = column << 1 | signs[at] >> bit & 1
            x2, y2 = _point(column)
            if z:
                x, y, z = _add(*_double(x, y, z), x2, y2)
            else:  # the first
                x, y, z = x2, y2, 1
        yield None
    return x * _inverse(z * z % _P, _P) % _P


# The point for a column of four signs: from the table, or the negative of the one for the opposite signs.
def _point(column):
    at = (column if column & 8 else ~column) & 7
    x = int.from_bytes(_TABLE[64 * at : 64 * at + 32], "big")
    y = int.from_bytes(_TABLE[64 * at + 32 : 64 * at + 64], "big")
    return x, y if column & 8 else _P - y


# Points are x / z**2, y / z**3, so that nothing is divided on the way. The point added has z = 1.
def _double(x, y, z):
    zz = z * z % _P
    yy = y * y % _P
    xyy = x * yy % _P
    slope = 3 * (x - zz) * (x + zz) % _P
    x = (slope * slope - 8 * xyy) % _P
    return x, (slope * (4 * xyy - x) - 8 * yy * yy) % _P, 2 * y * z % _P


def _add(x, y, z, x2, y2):
    zz = z * z % _P
    dx = (x2 * zz - x) % _P
    dy = (y2 * z % _P * zz - y) % _P
    dxx = dx * dx % _P
    dxxx = dx * dxx % _P
    xdxx = x * dxx % _P
    x = (dy * dy - dxxx - 2 * xdxx) % _P
    return x, (dy * (xdxx - x) - y * dxxx) % _P, z * dx % _P


# Of 0, 0. By Fermat's theorem: pow() does not know the exponent -1 on MicroPython and answers 0.
def _inverse(a, prime):
    return pow(a, prime - 2, prime)
