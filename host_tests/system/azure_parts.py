"""What the tests of the Azure dialect share: tokens made by hand, a hub with devices of each kind.

What is sent is spelled out here and never asked of the hub's own code.
"""

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import quote

from hublink_desk.hub.azure import Device

from host_tests.system.desk_hub_parts import PATIENCE_S

HOST = "hub.example.test"
SENSOR, PINNED, TOKEN, OFF = "sensor-1", "sensor-2", "sensor-3", "off-1"
PRIMARY, SECONDARY = (base64.b64encode(word * 8).decode() for word in (b"one ", b"two "))
NEW = "bmV3IGtleQ=="
BAD_IDENTIFIER, REFUSED = 133, 135  # paho's names for CONNACK 2 and 5
FAILED = 0x80  # SUBACK
DAY_S = 86_400


def username(device=SENSOR, end="/?api-version=2021-04-12", host=HOST):
    return f"{host}/{device}{end}"


def token(key=PRIMARY, life_s=600, *, resource=f"{HOST}/devices/{TOKEN}", **changed):
    """A SAS token; a field that is changed to None is left out."""
    fields = {"sr": quote(resource, safe=""), "se": str(int(time.time()) + life_s)} | changed
    signed = f"{fields['sr']}\n{fields['se']}".encode()
    digest = hmac.new(base64.b64decode(key), signed, hashlib.sha256).digest()
    fields = {"sig": quote(base64.b64encode(digest), safe=""), **fields} | changed
    text = "&".join(f"{name}={value}" for name, value in fields.items() if value is not None)
    return f"SharedAccessSignature {text}"


class Cloud:
    """A hub with a device of each way to prove itself.

    Args:
        desk: Bench.
        settings: of the hub.
    """

    def __init__(self, desk, **settings):
        self._desk, self.pki, self.log = desk, desk.pki, desk.log
        self.received = []
        devices = [
            Device(SENSOR),
            Device(PINNED, "thumbprint", self.pki.self_signed.cert_pem, self.pki.other.fingerprint),
            Device(TOKEN, "sas", PRIMARY, SECONDARY),
            Device(OFF, enabled=False),
        ]
        self.hub = desk.start(
            "azure",
            devices=devices,
            received=lambda device, message: self.received.append((device, message)),
            **settings,
        )

    def client(self, device=SENSOR, identity="sensor", **options):
        """A client that gets in, unless an option is changed."""
        identity = getattr(self.pki, identity) if identity else None
        return self._desk.client(
            **{"client_id": device, "username": username(device), **options}, identity=identity
        )

    def connected(self, device=SENSOR, **options):
        client = self.client(device, **options)
        assert client.connack() == 0, self.log.records
        return client

    def with_token(self, password=None, **options):
        """A client of the device with keys, with a good token unless another is given."""
        return self.client(TOKEN, None, **{"password": password or token(), **options})

    def events(self, kind=""):
        """The lifecycle events so far whose type ends with `kind`."""
        found = [json.loads(r["payload"]) for r in self.log.records if r["what"] == "event"]
        return [event for event in found if event["eventType"].endswith(kind)]


def telemetry(device=SENSOR, bag=""):
    return f"devices/{device}/messages/events/{bag}"


def listening(cloud, *filters):
    """A client that has subscribed to these, at QoS 0."""
    client = cloud.connected()
    for wanted in filters:
        assert client.subscribe(wanted) == 0
    return client


def assert_closed(client, log, reason):
    """The hub has cut the client, and said why."""
    assert client.lost.get(timeout=PATIENCE_S)
    assert reason in log.wait("disconnect")["reason"]
