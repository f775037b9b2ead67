# es256: RFC 6979's own vectors, and the scalars, digests and nonces at the edges. Expected values that are
# not of an RFC were made with OpenSSL (deterministic ECDSA), which test_es256.py also compares with.
from binascii import hexlify, unhexlify
from hashlib import sha256

from hublink.protocol import es256

_N = es256.N

# RFC 6979, A.2.5: the key; message, nonce and signature (r, s) with SHA-256.
_KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
_VECTORS = (
    (
        b"sample",
        0xA6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60,
        b"efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        b"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    ),
    (
        b"test",
        0xD16B6AE827F17175E040871A1C7EC3500192C4C92677336EC2537ACAEE0008E0,
        b"f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
        b"019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
    ),
)
# k, and the x of k G.
_MULTIPLES = (
    (1, 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296),
    (2, 0x7CF27B188D034F7E8A52380304B51AC3C08969E277F21B35A60B48FC47669978),
    (3, 0x5ECBE4D1A6330A44C8F7EF951D4BF165E6C6B721EFADA985FB41661BC6E7FD6C),
    (4, 0xE2534A3532D08FBBA02DDE659EE62BD0031FE2DB785596EF509302446B030852),
    (5, 0x51590B7A515140D2D784C85608668FDFEF8C82FD1F5BE52421554A0DC3D033ED),
    (112233445566778899, 0x339150844EC15234807FE862A86BE77977DBFB3AE3D96F4C22795513AEAAB82F),
    (1 << 128, 0x447D739BEEDB5E67FB982FD588C6766EFC35FF7DC297EAC357C84FC9D789BD85),
    (1 << 255, 0x77B20A912E6B23135066E911891524BC4EFE3560E3E92350B52DEC8F375F2B54),
)
# Digests at the edges: the signatures with the keys 1 and N - 1.
_DIGESTS = (
    (
        0,
        b"0e6b3bb68d65aa645104de3abb94cbc6f568e2d55ea511d0e6d300e177002159"
        b"167afc0b518bd63853ccc1b5292e27024c557c8924ca3dec81d59651b9021794",
        b"668805e94b02193f59cb7b33dd8ae4195cfb767fd46b58893926cc19497f1dc3"
        b"1d883e8bfba9f070c9fb808695c304d1427c899ae8e988dc067b3b9113aa67f2",
    ),
    (
        _N - 1,
        b"fe461e17d0d11a621762da2a4958643de34d0d8de9108a839706b3c4f4be8311"
        b"f713136e9ae000b65408efd3d22b600155aa1a5ac1fc1304b700e172a53e8141",
        b"72201a0150439e124206ec8cec6b3dc049e61f63ed757e88595af08c031aaea7"
        b"4e22228ea37e9c3817d6c9fcf1679f3ec1680663ec20a80c05418fa044075936",
    ),
    (
        _N + 1,
        b"4b5c41b83db4cdef7604f3c9cc213cf2dc614962ece259ae18f20472c7b8b73d"
        b"821dfbae0eee5c57777665eca707fc0d3fb95c8b682213037e98474f00694b50",
        b"fef9515d65571f3b535ec2e515683d6915a969c4966c42000a817879dc19032f"
        b"3e884bc6ee9f708d2c9032bb2eea9ee2fd5c89ef149e0fe02c6d0a2854ef5d23",
    ),
    (
        (1 << 256) - 1,
        b"bb39491f7fef3e14da8f0431d525575c587c358b05e71e2e5e3c0199bb9ec798"
        b"53508ccce16e222da12f2a2c012d2240b7f6f8f6d43d5b1a452719a3b6846300",
        b"77b47b05c7efc7af6da228f99727ae7cf6fc3aa80c36663ec4a56b2f7aa32f89"
        b"bc70ca0c1e8f4530ed6ecf3088a1f47dad8bcf10fd61e1ff727dd77b147810b5",
    ),
)


def _bytes(number):
    return number.to_bytes(32, "big")


def _signature(key, digest):
    *slices, signature = es256.sign(key, digest)
    assert slices == [None] * 9
    return signature


# The x of k G.
def _x(k):
    def run():
        yield (yield from es256._multiply(k))

    *_slices, x = run()
    return x


# Signs with these nonces, whatever key and digest.
def _signature_by_nonces(nonces, key, digest):
    kept = es256._nonces
    es256._nonces = lambda key, digest: iter(nonces)
    try:
        return [each for each in es256.sign(key, digest) if each]
    finally:
        es256._nonces = kept


# The first two nonces that come of what HMAC answers in the end, one answer after the other.
def _nonces_of(*values):
    answers = [bytes(32)] * 4
    for value in values:
        answers += [value, b"state", b"value"]
    asked = []

    class Scripted:
        @staticmethod
        def sha256(key, message):
            asked.append((key, message))
            return answers[len(asked) - 1]

    kept = es256.hmac
    es256.hmac = Scripted
    try:
        nonces = es256._nonces(1, 2)
        return next(nonces), next(nonces), asked
    finally:
        es256.hmac = kept


def case_the_vectors_of_the_rfc():
    for message, nonce, expected in _VECTORS:
        digest = sha256(message).digest()
        assert next(es256._nonces(_KEY, int.from_bytes(digest, "big") % _N)) == nonce
        assert hexlify(_signature(_KEY, digest)) == expected


def case_digests_around_the_order_of_the_group():
    for digest, of_first, of_last in _DIGESTS:
        for key, expected in ((1, of_first), (_N - 1, of_last)):
            assert hexlify(_signature(key, _bytes(digest))) == expected, (key, digest)


def case_a_digest_is_taken_modulo_the_order():
    assert _signature(_KEY, _bytes(_N)) == _signature(_KEY, _bytes(0))
    assert _signature(_KEY, _bytes(_N + 5)) == _signature(_KEY, _bytes(5))


def case_multiples_of_the_base_point():
    for k, x in _MULTIPLES:
        assert _x(k) == x, k
        assert _x(_N - k) == x, k


# Where the sum of the columns so far could meet the point added to it: k = N + 2 T, T any negative point.
def case_no_addition_meets_the_same_point():
    for x, k in _meetings():
        assert _x(k) == x, k


def _meetings():
    table = [int.from_bytes(es256._TABLE[64 * i : 64 * i + 32], "big") for i in range(8)]
    for i in range(8):
        t = 1 << 192
        for tooth in range(3):
            t += 1 << 64 * tooth if i >> tooth & 1 else -(1 << 64 * tooth)
        assert _x(t) == table[i]
        yield _doubled(table[i]), _N - 2 * t


# The x of twice a point, from its x alone: ((x**2 + 3)**2 - 8 b x) / 4 (x**3 - 3 x + b), as a = -3.
def _doubled(x):
    p = (1 << 256) - (1 << 224) + (1 << 192) + (1 << 96) - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    below = 4 * (x * x * x - 3 * x + b)
    return ((x * x + 3) * (x * x + 3) - 8 * b * x) * pow(below % p, p - 2, p) % p


def case_the_first_nonce_in_range_is_taken():
    for refused in (0, _N, _N + 1, (1 << 256) - 1):
        first, second, _ = _nonces_of(_bytes(refused), _bytes(_N - 1), _bytes(1))
        assert (first, second) == (_N - 1, 1), refused


def case_a_refused_nonce_changes_the_state_as_the_rfc_says():
    asked = _nonces_of(_bytes(0), _bytes(5), _bytes(6))[2]
    assert asked[4:8] == [
        (bytes(32), bytes(32)),
        (bytes(32), bytes(32) + b"\0"),
        (b"state", bytes(32)),
        (b"state", b"value"),
    ]


def case_a_signature_without_s_is_not_given_out():
    key = 7
    r = _MULTIPLES[0][1] % _N  # of the nonce 1
    digest = _bytes(-r * key % _N)
    (signature,) = _signature_by_nonces((1, 3), key, digest)
    assert signature[:32] == _bytes(_MULTIPLES[2][1])
    assert _signature_by_nonces((3,), key, digest) == [signature]


def case_a_signature_without_r_is_not_given_out():
    kept = es256._multiply
    xs = [0, _N, 3]

    def multiply(_nonce):
        yield None
        return xs.pop(0)

    es256._multiply = multiply
    try:
        (signature,) = _signature_by_nonces((1, 2, 4), 7, _bytes(1))
    finally:
        es256._multiply = kept
    assert signature[:32] == _bytes(3)


def case_r_is_reduced_by_the_order():
    # s = (digest + r key) / nonce, checked by multiplying back.
    nonce, key, digest = _N - 2, _N - 3, _N - 4
    (signature,) = _signature_by_nonces((nonce,), key, _bytes(digest))
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    assert r == _MULTIPLES[1][1]
    assert s * nonce % _N == (digest + r * key) % _N


def case_all_that_a_number_of_32_bytes_can_be_is_written_in_full():
    # Key 1, digest and nonce such that s = 1: it keeps its 31 zeros in front.
    r = _MULTIPLES[0][1]
    (signature,) = _signature_by_nonces((1,), 1, _bytes((1 - r) % _N))
    assert signature == _bytes(r) + unhexlify(b"00" * 31 + b"01")
