"""`hublink events --config` against the desk hub over verified TLS, through restarts of either side."""

import contextlib
import json
import queue
import socket
import ssl

import pytest
from hublink_desk.hub import DeskHub, Filter
from hublink_desk.hub import Device as ScalewayDevice
from hublink_desk.hub.iotcore import Device as IotCoreDevice
from hublink_desk.webhook import Webhook
from hublink_desk.workshop import device_id

from host_tests.fakes import codec
from host_tests.system.desk_hub_parts import Client, Log
from host_tests.system.events_parts import Following
from host_tests.system.scripted_broker import ScriptedBroker
from host_tests.system.webhook_parts import EVENT
from host_tests.verbs import hublink

MONITOR, SENSOR, GATEWAY, LAMP = "monitor", "sensor-1", "gateway-1", "lamp-1"
ID = {name: device_id(name) for name in (MONITOR, SENSOR)}
HOST = r"127\.0\.0\.1:\d+: "


class Fleet:
    """A hub of one dialect with its log, and the configuration of whoever listens to its reports."""

    def __init__(self, workshop, stack):
        self.workshop, self.log, self._stack = workshop, Log(), stack
        self.hub = self.config = None

    def start(self, dialect, devices=(), name=MONITOR, identity=None, **section):
        """The hub, which runs. name: who listens; identity: the hub's; section: further settings of it."""
        identity = identity or self.workshop.hub
        files = {"server_cert": identity.cert_pem, "server_key": identity.key_pem}
        ca = self.workshop.ca.cert_pem
        self.hub = DeskHub(dialect=dialect, ca=ca, devices=devices, log=self.log, **files)
        self._stack.enter_context(self.hub.in_thread())
        section |= {"type": dialect, "host": "127.0.0.1", "port": self.hub.port}
        self.config = self.workshop.device(name, section)
        return self.hub

    def connected(self, name, client_id):
        """A client with the certificate of that name."""
        client = Client(self.hub, self.workshop, client_id, self.workshop.identity(name))
        self._stack.callback(client.close)
        assert client.connack() == 0
        return client


@pytest.fixture
def fleet(workshop):
    with contextlib.ExitStack() as stack:
        yield Fleet(workshop, stack)


def scaleway(fleet):
    denied = Filter("reject", ("denied",))
    devices = [ScalewayDevice(ID[MONITOR], MONITOR), ScalewayDevice(ID[SENSOR], SENSOR, publish=denied)]
    return fleet.start("scaleway", devices, device_id=ID[MONITOR])


def iotcore(fleet, dialect):
    keys = (fleet.workshop.identity(GATEWAY).cert_pem,)
    devices = [IotCoreDevice(LAMP), IotCoreDevice(GATEWAY, keys, "ASSOCIATION_ONLY", (LAMP,))]
    own = {"clearblade": {"project": "desk-project"}, "omnicore": {"subscription": "desk-subscription"}}
    section = {"registry": "desk-registry", "gateway": True, **own[dialect]}
    hub = fleet.start(dialect, devices, name=GATEWAY, **section)
    without_certificate(fleet.config)
    return hub


def without_certificate(config):
    """Who has tokens has none."""
    document = json.loads(config.read_text())
    del document["tls"]["cert"]
    config.write_text(json.dumps(document))


# --- each hub ---


def test_scaleway_events_over_restarts_of_the_hub_and_of_the_follower(fleet):
    hub = scaleway(fleet)
    with Following("--config", fleet.config) as following:
        following.said(HOST + "connected")
        sensor = fleet.connected(SENSOR, ID[SENSOR])
        sensor.publish("denied", b"x")
        record = following.record()
        assert (record["hub"], record["hub_name"], record["severity"]) == ("scaleway", "127.0.0.1", "error")
        assert (record["code"], record["object_id"]) == ("sec.topic_denied", ID[SENSOR])
        assert record["topic"] == f"$SCW/events/error/device/{ID[SENSOR]}"
        assert record["raw"]["msg"] == "unauthorized topic [denied]"
        hub.restart()
        following.said(HOST + "connection lost: .*")
        following.said(HOST + "connected")
        hub.raise_event("hub is locked", ID[SENSOR], severity="warn")
        record = following.record()
        assert (record["severity"], record["code"]) == ("warning", "hub.locked")
        assert following.end()["shown"] == 2
    with Following("--config", fleet.config, "--severity", "error") as following:
        following.said(HOST + "connected")
        hub.raise_event("device was auto-provisioned", ID[SENSOR], severity="info")
        hub.publish("$SCW/events/error/device/x", b"\xff no JSON")
        hub.raise_event("hub is deleted", ID[SENSOR])
        assert following.record()["code"] == "hub.deleted"
        assert following.end() == {"shown": 1, "filtered": 2, "duplicate": 0, "late": 0, "unparsed": 1}


@pytest.mark.parametrize("dialect", ["clearblade", "omnicore"])
def test_gateway_errors_with_a_token_and_with_a_new_one_after_a_restart(fleet, dialect):
    hub = iotcore(fleet, dialect)
    with Following("--config", fleet.config) as following:
        for again in (False, True):
            following.said(HOST + "connected")
            hub.raise_event("GATEWAY_DEVICE_NOT_FOUND", LAMP, gateway=GATEWAY, description="not attached")
            record = following.record()
            assert (record["hub"], record["severity"]) == (dialect, "error")
            assert (record["code"], record["object_id"]) == ("GATEWAY_DEVICE_NOT_FOUND", LAMP)
            assert record["time"] == record["received"]
            if not again:
                hub.restart()
        assert fleet.log.wait("connect", client=GATEWAY)["proof"] == "token"
        assert following.end()["shown"] == 2


def test_generic_errors_are_where_the_configuration_says(fleet):
    hub = fleet.start("generic", errors_filter="errors/#")
    with Following("--config", fleet.config) as following:
        following.said(HOST + "connected")
        hub.publish("errors/x", b"disk full")
        record = following.record()
        assert (record["code"], record["message"], record["topic"]) == ("hub.error", "disk full", "errors/x")


def test_one_stream_of_hubs_and_webhook(fleet):
    hub = scaleway(fleet)
    with Following("--config", fleet.config, "--webhook", 0) as following:
        port = following.port()
        following.said(HOST + "connected")
        hub.raise_event("hub is locked", ID[SENSOR])
        assert following.record()["hub"] == "scaleway"
        with Webhook(f"http://127.0.0.1:{port}/") as webhook:
            webhook.post(EVENT)
            assert following.record()["hub"] == "azure"


# --- what goes wrong ---


def test_hub_of_another_authority_hears_nothing(fleet):
    scaleway(fleet)
    foreign = fleet.workshop.foreign
    (fleet.config.parent / "ca.der").write_bytes(foreign.cert_der.read_bytes())
    with Following("--config", fleet.config) as following:
        following.said(HOST + r"no connection: .*certificate verify failed.*")
        assert following.end()["shown"] == 0
    assert not fleet.log.has("connect")


def test_hub_of_another_name_hears_nothing(fleet):
    other = fleet.workshop.ca.issue("other", kind="hub", hosts=["other.example.test"])
    fleet.start("scaleway", device_id=ID[MONITOR], identity=other)
    with Following("--config", fleet.config) as following:
        following.said(HOST + r"no connection: .*IP address mismatch.*")
    assert not fleet.log.has("connect")


def test_identity_that_the_hub_does_not_know_is_told_so(fleet):
    fleet.start("scaleway", device_id=ID[MONITOR])
    with Following("--config", fleet.config) as following:
        following.said(HOST + "refused: .*")
        assert following.end()["shown"] == 0


def test_nobody_there_is_told_once(workshop):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        hub = {"type": "generic", "host": "127.0.0.1", "port": taken.getsockname()[1], "errors_filter": "e"}
        with Following("--config", workshop.device(MONITOR, hub)) as following:
            following.said(HOST + "no connection: Connection refused")
            with pytest.raises(queue.Empty):
                following.said(".*", limit_s=1.5)  # the second attempt is after 1 s


def test_subscription_that_is_refused_is_told(fleet):
    denied = Filter("reject", ("$SCW/events/#",))
    fleet.start("scaleway", [ScalewayDevice(ID[MONITOR], MONITOR, subscribe=denied)], device_id=ID[MONITOR])
    with Following("--config", fleet.config) as following:
        following.said(HOST + r"refuses \$SCW/events/#")


def test_hub_that_lets_nobody_in_is_waited_for(fleet):
    hub = scaleway(fleet)
    fleet.hub.refuse_connect(3)
    with Following("--config", fleet.config) as following:
        following.said(HOST + "refused: .*")
        hub.refuse_connect(None)
        following.said(HOST + "connected")


def test_hub_that_hangs_up_is_told_and_tried_again(workshop):
    def script(broker):
        peer = broker.accept()
        peer.packet(codec.CONNECT)
        peer.close()
        peer = broker.accept()
        peer.greet()
        peer.grant()
        peer.send(codec.publish("e", b"at last"))
        peer.end()

    with scripted(workshop, script) as following:
        following.said(HOST + "connection lost: .*")
        following.said(HOST + "connected")
        assert following.record()["message"] == "at last"


NO_MQTT = {
    "topic-longer-than-its-packet": b"\x30\x03\x00\x09e",
    "topic-without-a-length": b"\x30\x01\x00",
    "nothing-but-a-head": b"\x30\x00",
    "type-that-is-none": b"\xf0\x00",
    "length-without-an-end": b"\x30\xff\xff\xff\xff\xff",
    "acknowledgement-of-nothing": b"\x90\x00",
}


@pytest.mark.parametrize("garbage", NO_MQTT.values(), ids=NO_MQTT)
def test_what_is_no_mqtt_is_told_and_no_stop(workshop, garbage):
    def script(broker):
        for data in (garbage, codec.publish("e", b"at last")):
            peer = broker.accept()
            peer.greet()
            peer.grant()
            peer.send(data)
            peer.end()

    with scripted(workshop, script) as following:
        following.said(HOST + "connected")
        following.said(HOST + "(connection lost|no connection): .*")
        following.said(HOST + "connected")
        assert following.record()["message"] == "at last"


def test_topic_that_is_no_text_is_a_record_all_the_same(workshop):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        peer.grant()
        peer.send(b"\x30\x05\x00\x01\xffhi" + codec.publish("e", b"at last"))
        peer.end()

    with scripted(workshop, script) as following:
        records = [following.record(), following.record()]
    assert [(each["topic"], each["message"]) for each in records] == [("", "hi"), ("e", "at last")]


@contextlib.contextmanager
def scripted(workshop, script):
    """A Following of a hub that does as the script says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(workshop.hub.cert_pem, workshop.hub.key_pem)
    with ScriptedBroker(script, context) as broker:
        hub = {"type": "generic", "host": "127.0.0.1", "port": broker.port, "errors_filter": "e"}
        with Following("--config", workshop.device(MONITOR, hub)) as following:
            yield following
        broker.join()
    assert broker.error is None


SILENT = {
    "azure": ({}, "Azure reports nothing over MQTT; expected another hub, and --webhook for this one."),
    "generic": ({}, "hub.errors_filter is empty; expected where this hub reports."),
    "clearblade": ({"project": "p", "registry": "reg"}, "hub.gateway is false; expected true, because "),
    "omnicore": ({"subscription": "s", "registry": "reg"}, "hub.gateway is false; expected true, because "),
}


@pytest.mark.parametrize("dialect", SILENT)
def test_identity_that_hears_nothing_is_one_sentence(workshop, dialect):
    own, complaint = SILENT[dialect]
    config = workshop.device(MONITOR, {"type": dialect, "host": "hub.example.test", **own})
    if dialect in ("clearblade", "omnicore"):
        without_certificate(config)
    done = hublink("events", "--config", config)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"hublink: {config}: {complaint}")


def test_wrong_configuration_is_one_sentence(workshop, tmp_path):
    config = workshop.device(MONITOR, {"type": "scaleway", "host": "h", "device_id": "m", "plam": 1})
    done = hublink("events", "--config", config)
    assert done.code == 1
    assert done.err.startswith(f"hublink: {config}: hub.plam: unknown setting, expected one of ")
    done = hublink("events", "--config", tmp_path / "none.json")
    assert done.err.startswith(
        f"hublink: {tmp_path / 'none.json'} cannot be read (No such file or directory)"
    )
