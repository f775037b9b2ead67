"""Devices of an IoT Core registry: a good devices file, a sentence for each wrong one, keys of every form."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hublink_desk.errors import DeskError
from hublink_desk.hub import devices_file
from hublink_desk.hub.iotcore import Device
from hublink_desk.hub.iotcore.devices import read_key
from hublink_desk.hub.iotcore.dialect import ClearBlade
from hublink_desk.pki import self_signed

GOOD = """
[[device]]
id = "gateway-1"
keys = ["a.pem", "certs/b.der"]
gateway = "ASSOCIATION_AND_DEVICE_AUTH_TOKEN"
bound = ["light-1"]

[[device]]
id = "light-1"
blocked = true
"""
ONE = '[[device]]\nid = "abc"\n'
PLACE = 'device 1 ("abc")'
IDS = "expected 3 to 255 of letters, digits and -._+~%, a letter first, and not goog."
METHODS = "ASSOCIATION_ONLY, DEVICE_AUTH_TOKEN_ONLY, ASSOCIATION_AND_DEVICE_AUTH_TOKEN"
WRONG = {
    "[[device]]\n": "device 1: id is missing; expected a text.",
    '[[device]]\nid = "ab"': f"device 1 (\"ab\"): id is 'ab'; {IDS}",
    '[[device]]\nid = "1abc"': f"device 1 (\"1abc\"): id is '1abc'; {IDS}",
    '[[device]]\nid = "google"': f"device 1 (\"google\"): id is 'google'; {IDS}",
    '[[device]]\nid = "a/bc"': f"device 1 (\"a/bc\"): id is 'a/bc'; {IDS}",
    "[[device]]\nid = 1": "device 1: id is 1; expected a text.",
    ONE + "keys = 1": f"{PLACE}: keys is 1; expected a list of names of key or certificate files.",
    ONE + "keys = [1]": f"{PLACE}: keys is [1]; expected a list of names of key or certificate files.",
    ONE + 'keys = ["a", "b", "c", "d"]': f"{PLACE}: keys has 4 files; expected at most 3.",
    ONE + 'gateway = "yes"': f"{PLACE}: gateway is 'yes'; expected one of {METHODS}.",
    ONE + "bound = [1]": f"{PLACE}: bound is [1]; expected a list of device IDs.",
    ONE
    + 'bound = ["x"]': f"{PLACE}: bound is given; expected none, because only a gateway has bound devices.",
    ONE + "blocked = 0": f"{PLACE}: blocked is 0; expected true or false.",
    ONE
    + 'name = "x"': "device 1 (\"x\"): name = 'x' is unknown; expected id, keys, gateway, bound, blocked.",
}
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


@pytest.fixture
def path(tmp_path):
    return tmp_path / "devices.toml"


def test_good_file_is_read(path):
    path.write_text(GOOD)
    keys = (path.parent / "a.pem", path.parent / "certs/b.der")
    assert devices_file.read(path, ClearBlade) == [
        Device("gateway-1", keys, "ASSOCIATION_AND_DEVICE_AUTH_TOKEN", ("light-1",)),
        Device("light-1", blocked=True),
    ]


@pytest.mark.parametrize(("text", "complaint"), WRONG.items())
def test_wrong_file_is_one_sentence(path, text, complaint):
    path.write_text(text)
    with pytest.raises(DeskError) as error:
        devices_file.read(path, ClearBlade)
    assert error.value.message == f"{path}: {complaint}"


def public(key, encoding):
    return key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("encoding", [PEM, DER])
@pytest.mark.parametrize("make", [lambda: ec.generate_private_key(ec.SECP256R1()), lambda: RSA_2048])
def test_public_key_is_read(path, make, encoding):
    key = make()
    path.write_bytes(public(key, encoding))
    assert read_key(path) == key.public_key()


def test_key_of_a_certificate_is_read(tmp_path):
    identity = self_signed(tmp_path, "abc")
    key = serialization.load_pem_private_key(identity.key_pem.read_bytes(), None).public_key()
    assert read_key(identity.cert_pem) == read_key(str(identity.cert_der)) == key


RSA_2048 = rsa.generate_private_key(65_537, 2048)
NO_KEY = "holds no public key and no certificate; expected PEM or DER."
OTHER_KIND = "is a key of another kind; expected EC P-256, or RSA of at least 2048 bits."
USELESS = {
    "empty": (lambda: b"", NO_KEY),
    "text": (lambda: b"-----BEGIN nothing", NO_KEY),
    "broken-certificate": (lambda: b"-----BEGIN CERTIFICATE-----\nx", NO_KEY),
    "other-curve": (lambda: public(ec.generate_private_key(ec.SECP384R1()), PEM), OTHER_KIND),
    "short-rsa": (lambda: public(rsa.generate_private_key(65_537, 1024), DER), OTHER_KIND),
}


@pytest.mark.parametrize(("make", "complaint"), USELESS.values(), ids=USELESS)
def test_useless_key_is_named(path, make, complaint):
    path.write_bytes(make())
    with pytest.raises(DeskError) as error:
        read_key(path)
    assert error.value.message == f"{path}: {complaint}"


def test_missing_key_is_named(path):
    with pytest.raises(
        DeskError, match=r"cannot be read \(No such file or directory\); expected a public key"
    ):
        read_key(path)
