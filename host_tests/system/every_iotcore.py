"""What a node does on the hubs of the IoT Core family, ClearBlade and OmniCore: tokens, and its own topics.

IotCore is the kind that a Station is made for. What needs a certain clock, token or method of a gateway is in
test_hub_tokens.py.
"""

import json
import shutil

from hublink_desk.hub.iotcore import Device
from hublink_desk.hub.iotcore.errors import ERROR_TYPES

from host_tests.system.desk_hub_parts import Client
from host_tests.system.every_hub import LOST, EveryHub
from host_tests.system.iotcore_parts import CLIENT_ID, GATEWAY, LAMP, LIGHT, ROOT, private_key, token

LIGHTS = [f"light-{n}" for n in range(1, 21)]  # bound; the lamp is not
# So that orders may come as fast as they are followed.
UNLIMITED = {"config_per_s": 0, "commands_per_s": 0}
# What no documentation settles, the other way round.
SWITCHES = {
    "refusal_code": 4,
    "will": "refuse",
    "retain": "close",
    "unknown_topic": "close",
    "unknown_filter": "refuse",
    "is_commands_wildcard_required": False,
    "closes_on_large_payload": False,
    "is_refused_acknowledged": True,
    "is_ping_activity": False,
    "detaches_expired": False,
    "blocks_bound": True,
    "sends_first_config": False,
    "error_layout": "flat",
}
_OWN = {"clearblade": {"project": "desk-project"}, "omnicore": {"subscription": "desk-subscription"}}


class IotCore:
    """A kind of hub (see Station) whose device is a gateway with 20 bound lights and a lamp that is not.

    Args:
        dialect: "clearblade" or "omnicore".
        method: how the lights are authenticated.
    """

    name = device = GATEWAY
    files = ("ca", "key")
    state_every_s = 1.0
    refusals = (
        "node.publish('a', b'')",
        "node.on('a')",
        "node.send('n', 1, 'a/#')",
        "node.gateway.attach('goog-1')",
    )

    def __init__(self, dialect, method="ASSOCIATION_ONLY"):
        self.dialect, self._method = dialect, method

    def settings(self, port):
        own = {"type": self.dialect, "host": "127.0.0.1", "port": port, "registry": "desk-registry"}
        return own | _OWN[self.dialect] | {"gateway": True, "token_life_s": 1200}

    def devices(self, workshop):
        keys = (workshop.identity(GATEWAY).cert_pem,)
        others = [Device(name, (workshop.identity(name).cert_pem,)) for name in (LIGHT, LAMP)]
        others += [Device(name) for name in LIGHTS[1:]]
        return [*others, Device(GATEWAY, keys, self._method, tuple(LIGHTS))]

    def place(self, device, kind):
        return f"{ROOT[self.dialect]}{device}/{kind}"

    def topic(self, kind):
        return self.place(GATEWAY, kind)

    def telemetry(self, folder=""):
        return self.topic(f"events/{folder}".rstrip("/"))

    def command(self, hub, name, payload):
        hub.send_command(GATEWAY, payload, name)

    def configure(self, hub, payload):
        hub.push_config(GATEWAY, payload)

    def rival(self, station):
        """A client that claims to be the same device."""
        password = token(private_key(station.workshop.identity(GATEWAY)), self.dialect)
        client_id = CLIENT_ID[self.dialect] + GATEWAY
        return Client(station.hub, station.workshop, client_id, username="unused", password=password)


def keys_of(station, *devices):
    """Give the node the keys of bound devices."""
    for device in devices:
        identity = station.workshop.identity(device)
        shutil.copy(identity.key_der, station.folder / f"{device}.key.der")


class EveryIotCore(EveryHub):
    def test_token_made_on_the_device_lets_it_in(self, station):
        assert station.logged("connect", client=GATEWAY)["proof"] == "token"
        for kind, qos in (("config", 1), ("commands/#", 1), ("errors", 0)):
            assert station.logged("subscribe", topic=station.kind.topic(kind))["granted"] == qos

    def test_birth_is_its_first_state(self, station):
        birth = json.loads(station.arrived(station.kind.topic("state")).payload)
        assert birth["online"] is True

    def test_every_error_reaches_its_handler(self, station):
        for code in ERROR_TYPES:
            station.hub.raise_event(code, "some-device", gateway=GATEWAY)
            station.line(f"test: event error {code} some-device$")

    def test_configuration_is_there_after_a_reconnect(self, station):
        station.kind.configure(station.hub, b"kept")
        station.line("test: config b'kept'")
        station.hub.drop(GATEWAY)
        station.line(LOST)
        station.line("test: config b'kept'")

    def test_gateway_attaches_and_speaks_for_a_device(self, station):
        assert station.do(f"node.gateway.publish('{LIGHT}', b'1')") is False
        assert station.do(f"node.gateway.attach('{LIGHT}') or node.gateway.publish('{LIGHT}', b'1')") is False
        station.devices(ready=1)
        for folder, kind in (("", "events"), ("attic", "events/attic")):
            assert station.do(f"node.gateway.publish('{LIGHT}', b'2', {folder!r})") is True
            assert station.arrived(station.kind.place(LIGHT, kind)).payload == b"2"
        station.do(f"node.gateway.set_state('{LIGHT}', 1), node.gateway.set_state('{LIGHT}', 2)")
        assert station.arrived(station.kind.place(LIGHT, "state")).payload == b"2"
        station.settled()

    def test_bound_devices_hear_configuration_and_commands(self, station):
        station.do(f"node.gateway.attach('{LIGHT}')")
        station.devices(ready=1)
        for payload in (b"on", b""):
            station.hub.push_config(LIGHT, payload)
            station.line(f"test: config of {LIGHT} {payload!r}$")
            station.hub.send_command(LIGHT, payload, "dim")
            station.line(f"test: command of {LIGHT} dim {payload!r}$")
            station.hub.send_command(LIGHT, payload)
            station.line(f"test: command of {LIGHT}  {payload!r}$")

    def test_attach_that_is_refused_is_reported_and_holds_up_nobody(self, station):
        for device in (LAMP, "unknown-1", GATEWAY):
            station.do(f"node.gateway.attach('{device}')")
            station.line(f"test: event error GATEWAY_ATTACHMENT_ERROR {device}$")
        station.do(f"node.gateway.attach('{LIGHT}')")
        station.devices(ready=1, refused=3)
        assert station.do(f"node.gateway.publish('{LAMP}', b'1')") is False
        station.settled()

    def test_detached_device_speaks_no_more(self, station):
        station.do(f"node.gateway.attach('{LIGHT}')")
        station.devices(ready=1)
        station.do(f"node.gateway.detach('{LIGHT}')")
        assert station.arrived(station.kind.place(LIGHT, "detach")).payload == b"{}"
        assert station.do(f"node.gateway.publish('{LIGHT}', b'1')") is False
        assert station.hub.devices()[GATEWAY]["attached"] == []

    def test_device_that_is_unbound_while_attached(self, station):
        station.do(f"node.gateway.attach('{LIGHT}')")
        station.devices(ready=1)
        station.hub.unbind(GATEWAY, LIGHT)
        station.line(f"test: event error GATEWAY_DETACHMENT_DEVICE_ERROR {LIGHT}")
        station.devices(refused=1)
        station.hub.bind(GATEWAY, LIGHT)
        station.do(f"node.gateway.attach('{LIGHT}')")
        station.devices(ready=1)

    def test_message_that_the_hub_refuses_is_not_sent_for_ever(self, station):
        order = "node.uplink.send(node.hub.bound_topic('%s', b'events'), b'1', 1)"
        station.do(order % LAMP)
        station.line(f"test: event error GATEWAY_DEVICE_NOT_FOUND {LAMP}")
        station.settled()
        is_answered = station.hub.dialect.settings.is_refused_acknowledged
        assert station.do("node._spool.lost") == ({} if is_answered else {"refused": 1})

    def test_states_that_come_too_fast_get_a_device_attached_anew(self, station):
        """Past the node's own limit. The hub withholds acknowledgements, and names no packet."""
        station.do(f"node.gateway.attach('{LIGHT}', lambda: '')")
        station.devices(ready=1)
        order = f"node.uplink.send(node.hub.bound_topic('{LIGHT}', b'state'), b'1', 1)"
        station.do(f"[{order} for _ in range(3)]")
        station.line(f"test: event error GATEWAY_DETACHMENT_DEVICE_ERROR {LIGHT}")
        station.devices(ready=1)
        station.settled()

    def test_20_devices_are_attached_again_before_their_messages_go(self, station):
        station.do("[node.gateway.attach('light-%d' % n) for n in range(1, 21)]")
        station.devices(ready=20)
        # Cut before these are sent: the order runs inside the turn that reads it.
        station.do(
            "[node.gateway.publish('light-%d' % n, b'kept') for n in range(1, 21)]"
            " + [node.uplink.connection.give_up('cut_by_test')]"
        )
        station.line("link ONLINE -> DOWN: cut_by_test")
        station.wait_online()
        station.devices(ready=20)
        for device in LIGHTS:
            topic = station.kind.place(device, "events")
            station.received.seen(lambda item, topic=topic: item[2].topic == topic)
        assert not any(record["what"] == "drop" for record in station.log.items())
        assert station.hub.devices()[GATEWAY]["attached"] == sorted(LIGHTS)
