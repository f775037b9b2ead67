# hmac: the vectors of RFC 4231 for SHA-256, whose keys and messages lie on either side of a block.
from binascii import unhexlify

from hublink.protocol import hmac

_VECTORS = (  # sections 4.2 to 4.5, 4.7, 4.8
    (b"\x0b" * 20, b"Hi There", b"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        b"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (b"\xaa" * 20, b"\xdd" * 50, b"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        b"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        b"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. The key "
        b"needs to be hashed before being used by the HMAC algorithm.",
        b"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
)


def case_the_vectors_of_the_rfc():
    for key, message, expected in _VECTORS:
        assert hmac.sha256(key, message) == unhexlify(expected), message


def case_a_key_of_one_block_is_taken_as_it_is_and_a_longer_one_hashed():
    assert hmac.sha256(bytes(range(64)), b"m") == unhexlify(
        b"d7d8529cdc755cb721f7fe1decd5fd1b4e7d66123cfd795d5014e188c771ac96"
    )
    assert hmac.sha256(bytes(range(65)), b"m") == unhexlify(
        b"a130e07dc9e4e7257d9ef501141598c83856e340da7ba01b0b4008f41083716b"
    )


def case_no_key_and_no_message():
    assert hmac.sha256(b"", b"") == unhexlify(
        b"b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
    )
