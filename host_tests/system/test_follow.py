"""The follower of a hub: what it hears, with whose identity, of whom it wants nothing, how it comes back."""

import contextlib
import json
import ssl

import pytest
from hublink_desk import device_code, follow
from hublink_desk.errors import DeskError
from hublink_desk.follow import Follower, Message
from hublink_desk.hub import Device
from hublink_desk.hub.iotcore import Device as IotCoreDevice
from hublink_desk.workshop import device_id

from host_tests.fakes import codec
from host_tests.system.scripted_broker import ScriptedBroker

NAME = "monitor"
TURNS = 600  # of a follower that looks up ten times a second


def follower(workshop, port, filters=("#",), qos=0, identity=None, hub=None, **sections):
    """The Follower that NAME's configuration makes. What it says is in its list `said`."""
    hub = {"type": "generic", "host": "localhost", "port": port, **(hub or {})}
    config = workshop.device(NAME, hub, identity, **sections)
    said = []
    one = Follower(*device_code.read(config), [(each, qos) for each in filters], said.append)
    one.said = said
    return one


def listen(one):
    """Its messages; closing says good-bye to the hub."""
    return contextlib.closing(one.messages(0.1))


def connect(one, messages):
    """Let it turn until it is connected once more."""
    count = one.connected_count
    for _ in range(TURNS):
        assert next(messages) is None
        if one.connected_count > count:
            return
    raise AssertionError("not connected")


def hear(messages):
    """The next message."""
    return next(each for each, _ in zip(messages, range(TURNS), strict=False) if each)


@pytest.fixture
def hub(desk, workshop):
    """Start a desk hub that takes the workshop's devices."""

    def start(dialect="generic", identity=None, **options):
        identity = identity or workshop.hub
        files = {"server_cert": identity.cert_pem, "server_key": identity.key_pem, "ca": workshop.ca.cert_pem}
        return desk.start(dialect, **{**options, **files})

    return start


def test_hears_what_is_published_and_what_was_retained(workshop, hub):
    hub = hub()
    hub.publish("d1/status", b"on", retain=True)
    hub.publish("d1/state", b"unheard")
    one = follower(workshop, hub.port, ["+/status", "+/telemetry"])
    with listen(one) as messages:
        assert hear(messages) == Message("d1/status", b"on", True)
        hub.publish("d1/state", b"not subscribed to")
        hub.publish("d2/telemetry", b"\xff")
        assert hear(messages) == Message("d2/telemetry", b"\xff", False)
        hub.publish("d1/status", b"off", retain=True)
        assert hear(messages) == Message("d1/status", b"off", False)


def test_comes_back_after_the_broker_and_says_everything_once(workshop, mosquitto, monkeypatch):
    monkeypatch.setattr(follow, "_PAUSE_MAX_S", 0.01)
    one = follower(workshop, mosquitto.port)
    with listen(one) as messages:
        connect(one, messages)
        assert (one.problem, one.said) == (None, [f"localhost:{mosquitto.port}: connected"])
        mosquitto.stop()
        assert not any(next(messages) for _ in range(50)), "tries in vain"
        assert one.problem == "no connection: Connection refused"
        mosquitto.start()
        connect(one, messages)
    assert one.said[1:] == [
        f"{one.hub}: connection lost: the connection was lost",
        f"{one.hub}: no connection: Connection refused",
        f"{one.hub}: connected",
    ]
    assert (one.problem, one.connected_count) == (None, 2)


def test_says_good_bye_when_it_is_closed(workshop, hub, desk):
    one = follower(workshop, hub().port)
    with listen(one) as messages:
        connect(one, messages)
    assert desk.log.wait("disconnect", client=NAME, reason="DISCONNECT")


def test_logs_in_with_a_token_where_the_device_does(workshop, hub):
    key = workshop.identity(NAME).cert_pem
    hub = hub("clearblade", devices=[IotCoreDevice(NAME, (key,), "ASSOCIATION_ONLY", ())])
    settings = {"type": "clearblade", "project": "desk-project", "registry": "desk-registry", "gateway": True}
    tls = {"ca": ["ca.der"], "key": "device.key.der"}
    one = follower(workshop, hub.port, [f"/devices/{NAME}/errors"], hub=settings, tls=tls)
    with listen(one) as messages:
        connect(one, messages)


@pytest.fixture
def script(workshop):
    """Start a ScriptedBroker; its connections are TLS, of the workshop's hub."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(workshop.hub.cert_pem, workshop.hub.key_pem)
    with contextlib.ExitStack() as stack:
        yield lambda script: stack.enter_context(ScriptedBroker(script, context))


def test_what_comes_before_the_subscription_is_granted_is_heard_after(workshop, script):
    def early(broker):
        peer = broker.accept()
        peer.greet()
        subscribe = peer.packet(codec.SUBSCRIBE)
        peer.send(codec.publish("d1/status", b"early"))
        peer.send(codec.suback(subscribe.packet_id, [0]))
        peer.end()

    one = follower(workshop, script(early).port)
    with listen(one) as messages:
        assert hear(messages).payload == b"early"
        assert one.connected_count == 1


def test_a_topic_that_is_no_text_is_empty(workshop, script):
    def garbling(broker):
        peer = broker.accept()
        peer.greet()
        peer.grant()
        peer.send(b"\x30\x05\x00\x01\xffhi")
        peer.end()

    with listen(follower(workshop, script(garbling).port)) as messages:
        assert hear(messages) == Message("", b"hi", False)


def failure(one):
    """Why it cannot connect, as it says."""
    with listen(one) as messages:
        for _ in range(TURNS):
            assert next(messages) is None
            if one.problem:
                break
    assert not one.connected_count
    return one.said[0]


def test_wants_nothing_of_a_hub_that_is_not_verified(workshop, hub, desk):
    impostor = hub(identity=workshop.foreign.issue("hub", kind="hub", hosts=["localhost"]))
    said = failure(follower(workshop, impostor.port))
    assert said.startswith(f"localhost:{impostor.port}: no connection: certificate verify failed: ")
    desk.log.wait("refuse")
    assert not desk.log.has("connect")


def test_wants_nothing_of_another_host(workshop, hub):
    other = hub(identity=workshop.ca.issue("elsewhere", kind="hub", hosts=["hub.elsewhere.test"]))
    assert "Hostname mismatch" in failure(follower(workshop, other.port))


def test_says_that_its_certificate_is_refused(workshop, mosquitto):
    one = follower(workshop, mosquitto.port, identity=workshop.foreign.issue(NAME))
    assert failure(one) == f"{one.hub}: no connection: tlsv1 alert unknown ca"


@pytest.mark.parametrize(
    ("devices", "reason"),
    [
        ([], "refused: Not authorized"),
        ([Device(device_id(NAME), NAME)], "refuses #"),
    ],
)
def test_says_what_the_hub_refuses(workshop, hub, devices, reason):
    hub = hub("scaleway", devices=devices)
    settings = {"type": "scaleway", "device_id": device_id(NAME)}
    one = follower(workshop, hub.port, qos=1, hub=settings)
    assert failure(one) == f"{one.hub}: {reason}"


def test_a_configuration_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DeskError, match=r"config\.json cannot be read"):
        device_code.read(tmp_path / "config.json")
    (tmp_path / "config.json").write_text(json.dumps({"device": "d1"}))
    with pytest.raises(device_code.Refused, match="hub"):
        device_code.read(tmp_path / "config.json")
