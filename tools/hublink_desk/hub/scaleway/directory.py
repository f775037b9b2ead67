"""The devices of a Scaleway hub, and which of them a client is (hub-dialects 2.1 and 2.5)."""

import uuid
from typing import NamedTuple

from ...errors import DeskError
from ..tables import check_unique
from ..tls import fingerprint, read_certificates
from . import events
from .devices import Device


class Finding(NamedTuple):
    """Who a client is, or why it is refused: the text of an event. `is_new`: the device was made just now."""

    device: Device | None
    proof: str = ""
    problem: str | None = None
    is_new: bool = False


class Directory:
    """
    Args:
        settings: Settings.
    """

    def __init__(self, settings):
        self._settings = settings
        self._by_id, self._by_name, self._by_fingerprint = {}, {}, {}
        self._filters = {}  # device ID -> its two filters without templates

    def add(self, devices):
        """Take in Devices, all or none.

        Returns:
            tuple of the certificates that identify some of them by fingerprint.

        Raises:
            DeskError: two devices share something, or a certificate cannot be read.
        """
        check_unique(devices, self._by_id.values(), ("id", "name"))
        pinned = {}
        for device in devices:
            if device.certificate is not None:
                certificate = read_certificates(device.certificate)[0]
                self._check_pin(device, fingerprint(certificate), pinned)
                pinned[fingerprint(certificate)] = device, certificate
        for device in devices:
            self._enter(device)
        self._by_fingerprint.update({key: device for key, (device, _) in pinned.items()})
        return tuple(certificate for _, certificate in pinned.values())

    def devices(self):
        return self._by_id.values()

    def lets_publish(self, device, topic):
        return self._filters[device.id][0].lets_publish(topic)

    def lets_subscribe(self, device, wanted):
        return self._filters[device.id][1].lets_subscribe(wanted)

    def identify(self, connect, certificate):
        """The Finding about a client, from its `packets.Connect` and its `tls.PeerCertificate` or None."""
        # The client ID first; if no device has it, the user name.
        claimed = self._by_id.get(connect.client_id) or self._by_id.get(connect.username)
        if claimed is None and (certificate is None or self._settings.is_device_id_required):
            return Finding(None, problem=events.UNKNOWN_DEVICE)
        if certificate:
            return self._by_certificate(claimed, certificate)
        if not claimed.allow_insecure:
            return Finding(claimed, problem=events.MTLS_REQUIRED)
        return Finding(claimed, "device ID")

    def _by_certificate(self, claimed, certificate):
        device, proof = self._by_fingerprint.get(certificate.fingerprint), "certificate, by fingerprint"
        if device is None and certificate.is_from_hub_ca:
            device, proof = self._by_name.get(certificate.common_name), "certificate, by common name"
        if claimed and device is not claimed:
            return Finding(claimed, problem=events.BAD_CERTIFICATE)
        if device:
            return Finding(device, proof)
        if not certificate.is_from_hub_ca:
            return Finding(None, problem=events.BAD_CERTIFICATE)
        if not certificate.common_name:
            return Finding(None, problem=events.EMPTY_COMMON_NAME)
        if not self._settings.auto_provisioning:
            return Finding(None, problem=events.UNKNOWN_DEVICE)
        return Finding(self._provision(certificate.common_name), proof, is_new=True)

    def _provision(self, name):
        device = Device(str(uuid.uuid4()), name)
        self._enter(device)
        return device

    def _check_pin(self, device, pin, pinned):
        other = self._by_fingerprint.get(pin) or pinned.get(pin, (None,))[0]
        if other:
            both = f"{other.name!r} and {device.name!r}"
            raise DeskError(f"{device.certificate}: is the certificate of two devices, {both}; expected one.")

    def _enter(self, device):
        names = {
            "hub.name": self._settings.hub_name,
            "hub.id": self._settings.hub_id,
            "device.name": device.name,
            "device.id": device.id,
        }
        self._by_id[device.id] = self._by_name[device.name] = device
        self._filters[device.id] = device.publish.filled_in(names), device.subscribe.filled_in(names)
