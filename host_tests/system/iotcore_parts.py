"""What the tests of the IoT Core dialects share: tokens made by hand, and a hub with devices to use them on.

What is sent is spelled out here and never asked of the hub's own code.
"""

import base64
import json
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from hublink_desk.hub.iotcore import Device

from host_tests.system.desk_hub_parts import PATIENCE_S

CLIENT_ID = {
    "clearblade": "projects/desk-project/locations/us-central1/registries/desk-registry/devices/",
    "omnicore": "subscriptions/desk-subscription/registries/desk-registry/devices/",
}
ROOT = {"clearblade": "/devices/", "omnicore": "/desk-registry/"}
AUDIENCE = {"clearblade": "desk-project", "omnicore": "desk-subscription"}
ES256 = {"alg": "ES256", "typ": "JWT"}
SENSOR, GATEWAY, LIGHT, LAMP = "sensor-1", "gateway-1", "light-1", "lamp-1"
FAILED = 0x80  # SUBACK


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def private_key(identity):
    return serialization.load_pem_private_key(identity.key_pem.read_bytes(), None)


def signature(key, data):
    """As JSON Web Signatures have it: r and s of 32 bytes each, or RSA's."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def signed(key, header, payload, sign=signature):
    """A token of these two, bytes or what becomes JSON."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    text = ".".join(map(base64url, parts))
    return f"{text}.{base64url(sign(key, text.encode()))}"


def claims(dialect="clearblade", age_s=0, life_s=600, **changed):
    """Of a good token; a claim that is changed to None is left out."""
    issued = int(time.time()) - age_s
    made = {"iat": issued, "exp": issued + life_s, "aud": AUDIENCE[dialect], **changed}
    return {name: value for name, value in made.items() if value is not None}


def token(key, dialect="clearblade", **changed):
    return signed(key, ES256, claims(dialect, **changed))


class Cloud:
    """A hub of one dialect with four devices, the three without gateway signed by one key each.

    Args:
        desk: Bench.
        dialect: "clearblade" or "omnicore".
        method: of the gateway, which has the light bound but not the lamp.
        settings: of the hub.
    """

    def __init__(self, desk, dialect="clearblade", method="ASSOCIATION_ONLY", **settings):
        self._desk, self.dialect, self.log = desk, dialect, desk.log
        pki = desk.pki
        self.keys = {
            SENSOR: private_key(pki.sensor),
            GATEWAY: private_key(pki.hub),
            LIGHT: private_key(pki.other),
            LAMP: private_key(pki.watcher),
        }
        devices = [
            Device(SENSOR, (pki.sensor.cert_pem,)),
            Device(GATEWAY, (pki.hub.cert_der,), method, (LIGHT,)),
            Device(LIGHT, (pki.other.cert_pem,)),
            Device(LAMP, (pki.watcher.cert_pem,)),
            Device("keyless"),
            Device("blocked-1", (pki.sensor.cert_pem,), blocked=True),
        ]
        self.received = []
        self.hub = desk.start(
            dialect,
            devices=devices,
            received=lambda device, message: self.received.append((device, message.topic, message.payload)),
            **settings,
        )

    def topic(self, device, kind):
        return f"{ROOT[self.dialect]}{device}/{kind}"

    def token(self, device, **changed):
        return token(self.keys[device], self.dialect, **changed)

    def client(self, device=SENSOR, password=None, client_id=None, **options):
        """A client with a good token, unless another is given."""
        password = self.token(device) if password is None else password
        client_id = CLIENT_ID[self.dialect] + device if client_id is None else client_id
        return self._desk.client(client_id, username="unused", password=password, **options)

    def connected(self, device=SENSOR, **options):
        client = self.client(device, **options)
        assert client.connack() == 0, self.log.records
        return client

    def gateway(self):
        """A connected gateway that listens to its errors."""
        gateway = self.connected(GATEWAY)
        assert gateway.subscribe(self.topic(GATEWAY, "errors"), 1) == 0
        return gateway

    def attach(self, gateway, device=LIGHT, authorization=None):
        payload = b"" if authorization is None else json.dumps({"authorization": authorization})
        gateway.publish(self.topic(device, "attach"), payload, qos=1)


def error(gateway):
    """The next message on the gateway's errors topic."""
    message = gateway.messages.get(timeout=PATIENCE_S)
    assert message.topic.endswith(f"/{GATEWAY}/errors")
    assert message.qos == 0
    return json.loads(message.payload)


def assert_closed(client, log, reason):
    """The hub has cut the client, and said why."""
    assert client.lost.get(timeout=PATIENCE_S)
    assert reason in log.wait("disconnect")["reason"]


def assert_withheld(cloud, gateway):
    """What was published last is not acknowledged, and the gateway is still connected."""
    gateway.publish(cloud.topic(GATEWAY, "events"), b"alive", qos=1)
