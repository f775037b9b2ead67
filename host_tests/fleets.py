"""What tests of fleets share: options of devices, and what is in a folder."""

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from host_tests.verbs import as_json

HOST = "hub.example.test"
GENERIC = ("--hub", "generic", "--board", "unix", "--host", HOST)
SCALEWAY = ("--hub", "scaleway", "--board", "unix", "--host", HOST, "--set", "device_id=1b2c3d4e")
CLEARBLADE = ("--hub", "clearblade", "--board", "unix", "--host", HOST, "--set", "project=p", "--set")
CLEARBLADE += ("registry=reg", "--set", "device_id=dev-{device}")
AZURE = ("--hub", "azure", "--board", "unix", "--host", "my-hub.azure-devices.net")
SAS = (*AZURE, "--set", "auth=sas")


def snapshot(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def cert_of(folder):
    return x509.load_der_x509_certificate((folder / "device.der").read_bytes())


def key_of(folder):
    return serialization.load_der_private_key((folder / "device.key.der").read_bytes(), None)


def add(name, *options, **how):
    """Add a device; returns what the verb tells of it."""
    return as_json("device", "add", name, *options, **how)
