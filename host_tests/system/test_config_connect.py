"""`hublink config check --connect` against real servers: what is said of each way in which a hub answers."""

import contextlib
import json
import queue
import socket
import ssl
from datetime import datetime, timedelta, timezone

import pytest
from hublink_desk.hub import DeskHub, Device
from hublink_desk.hub.azure import Device as AzureDevice
from hublink_desk.hub.iotcore import Device as IotCoreDevice
from hublink_desk.mosquitto import Mosquitto
from hublink_desk.pki import self_signed
from hublink_desk.servers import DnsServer, SntpServer
from hublink_desk.workshop import HUB_NAME, Workshop, device_id

from host_tests.fakes import codec
from host_tests.system.scripted_broker import ScriptedBroker
from host_tests.verbs import good, hublink

NAME = "sensor-1"
NOW = datetime.now(timezone.utc)
PAST = {"not_before": NOW - timedelta(days=3), "not_after": NOW - timedelta(days=2)}
FUTURE = {"not_before": NOW + timedelta(days=2), "not_after": NOW + timedelta(days=3)}


class Desk:
    """A workshop whose devices find HUB_NAME on loopback, and the servers of one test."""

    def __init__(self, folder, stack):
        self.folder, self.stack = folder, stack
        self.workshop = Workshop(folder / "workshop")
        self.dns = stack.enter_context(DnsServer({HUB_NAME: ["127.0.0.1"]}))
        self.identity = None  # that of the device, if it is not the usual one
        self.host = HUB_NAME
        self.name_servers = [f"127.0.0.1:{self.dns.port}"]
        self.time_servers = []

    def config(self, port, **hub):
        """Configuration file of the device."""
        return self.workshop.device(
            NAME,
            {"type": "generic", "host": self.host, "port": port, **hub},
            self.identity,
            dns={"servers": self.name_servers},
            clock={"servers": self.time_servers},
        )

    def check(self, config, limit_s=5.0):
        """dict of step -> what was found there, in the order of the steps."""
        done = hublink("config", "check", config, "--connect", "--json", "--timeout", limit_s)
        found = [json.loads(line) for line in done.out.splitlines()]
        steps = {
            each["what"]: each for each in found if each["what"] in ("dns", "clock", "tcp", "tls", "mqtt")
        }
        assert done.code == any(each["level"] == "error" for each in found), found
        return steps

    def script(self, script, ciphers=None, **versions):
        """Port of a scripted broker that takes any certificate of our authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.workshop.hub.cert_pem, self.workshop.hub.key_pem)
        if ciphers:
            context.set_ciphers(ciphers)
        context.load_verify_locations(self.workshop.ca.cert_pem)
        context.verify_mode = ssl.CERT_OPTIONAL
        for name, value in versions.items():
            setattr(context, name, value)
        return self.stack.enter_context(ScriptedBroker(script, context)).port

    def mosquitto(self, identity=None, **options):
        """Port of a Mosquitto."""
        identity = identity or self.workshop.hub
        broker = Mosquitto(self.folder / "mosquitto", self.workshop.ca, identity, **options)
        return self.stack.enter_context(broker).port

    def hub(self, dialect="generic", ca=None, **options):
        """A desk hub that runs. ca: certificate of the devices' authority, by default the workshop's."""
        files = {"server_cert": self.workshop.hub.cert_pem, "server_key": self.workshop.hub.key_pem}
        hub = DeskHub(dialect=dialect, ca=ca or self.workshop.ca.cert_pem, **files, **options)
        self.stack.enter_context(hub.in_thread())
        return hub


@pytest.fixture
def desk(tmp_path):
    with contextlib.ExitStack() as stack:
        yield Desk(tmp_path, stack)


# --- all is well ---


def test_every_step_is_told_in_order(desk):
    desk.time_servers = [f"127.0.0.1:{desk.stack.enter_context(SntpServer()).port}"]
    steps = desk.check(desk.config(desk.mosquitto()))
    assert list(steps) == ["dns", "clock", "tcp", "tls", "mqtt"]
    assert {each["level"] for each in steps.values()} == {"ok"}
    assert steps["dns"]["text"] == f"{HUB_NAME} is 127.0.0.1"
    assert steps["clock"]["text"] == f"{desk.time_servers[0]} agrees with this desk's clock"
    assert "TLSv1.2, ECDHE-ECDSA-AES" in steps["tls"]["text"]
    assert steps["mqtt"]["text"] == "the hub lets the device in (CONNACK 0)"


def test_people_read_a_line_for_each(desk):
    lines = good("config", "check", desk.config(desk.hub().port), "--connect", "--board", "unix").splitlines()
    assert [line.split()[1] for line in lines[-5:]] == ["dns:", "clock:", "tcp:", "tls:", "mqtt:"]
    assert all(line.startswith("ok ") for line in lines)


def test_no_will_is_left_and_the_goodbye_is_said(desk):
    packets = queue.Queue()

    def script(broker):
        peer = broker.accept()
        packets.put(peer.greet())
        for packet in peer.end():
            packets.put(packet)

    desk.check(desk.config(desk.script(script)))
    first, last = (packets.get(timeout=5) for _ in range(2))
    assert (first.kind, last.kind) == (codec.CONNECT, codec.DISCONNECT)
    assert first.will is None


def fleet_device(desk, *options):
    """Folder of a device that `hublink device add` made; its fleet is two levels above."""
    fleet = desk.folder / "fleet"
    good("ca", "init", "--fleet", fleet)
    good(
        *("device", "add", NAME, "--fleet", fleet, "--board", "unix", "--host", "127.0.0.1"),
        *("--hub-ca", desk.workshop.ca.cert_pem, *options),
    )
    return fleet / "devices" / NAME


def authority_of(folder):
    """Certificate of the authority of a device's fleet."""
    return folder.parents[1] / "ca" / "ca.cert.pem"


def add_port(folder, port):
    path = folder / "config.json"
    config = json.loads(path.read_bytes())
    config["hub"]["port"] = port
    config["clock"] = {"servers": []}
    path.write_text(json.dumps(config))
    return path


@pytest.mark.parametrize("dialect", ["clearblade", "omnicore"])
def test_public_key_that_device_add_made_lets_the_device_in(desk, dialect):
    settings = {"clearblade": "project=desk-project", "omnicore": "subscription=desk-subscription"}
    options = ("--hub", dialect, "--set", settings[dialect], "--set", "registry=desk-registry")
    folder = fleet_device(desk, *options)
    keys = (folder / "console" / "device.public.pem",)
    hub = desk.hub(dialect, devices=[IotCoreDevice(NAME, keys)])
    assert desk.check(add_port(folder, hub.port))["mqtt"]["level"] == "ok"
    good("device", "renew", NAME, "--new-key", "--fleet", folder.parents[1])
    refused = desk.check(folder / "config.json")["mqtt"]
    assert (refused["code"], refused["level"]) in (("connack_4", "error"), ("connack_5", "error"))
    assert "have this public key as ES256" in refused["hint"]


@pytest.mark.parametrize("known_by", ["authority", "fingerprint"])
def test_certificate_that_device_add_made_lets_the_device_in(desk, known_by):
    the_id = device_id(NAME)
    own = ["--self-signed"] if known_by == "fingerprint" else []
    folder = fleet_device(desk, "--hub", "scaleway", "--set", f"device_id={the_id}", *own)
    certificate = folder / "console" / "device.cert.pem" if own else None
    hub = desk.hub("scaleway", authority_of(folder), devices=[Device(the_id, NAME, certificate=certificate)])
    assert desk.check(add_port(folder, hub.port))["mqtt"]["level"] == "ok"


@pytest.mark.parametrize("known_by", ["authority", "thumbprint", "secret"])
def test_azure_lets_the_device_in_by_all_that_device_add_makes(desk, known_by):
    secret = desk.folder / "secret"
    secret.write_text("MDEyMzQ1Njc4OWFiY2RlZg==")
    more = {
        "authority": [],
        "thumbprint": ["--self-signed"],
        "secret": ["--set", "auth=sas", "--secret", secret],
    }
    folder = fleet_device(desk, "--hub", "azure", "--set", "device_id=plant-7", *more[known_by])
    proof = {
        "authority": (),
        "thumbprint": ("thumbprint", folder / "console" / "device.cert.pem"),
        "secret": ("sas", secret.read_text()),
    }
    device = AzureDevice("plant-7", *proof[known_by])
    hub = desk.hub("azure", authority_of(folder), devices=[device], host="127.0.0.1")
    found = desk.check(add_port(folder, hub.port))["mqtt"]
    assert found["level"] == "ok", found


# --- names, time, TCP ---


@pytest.mark.parametrize(
    ("mode", "code"), [("nxdomain", "no_such_host"), ("silent", "dns_failed"), ("servfail", "dns_failed")]
)
def test_name_that_is_not_found(desk, mode, code):
    desk.dns.mode = mode
    steps = desk.check(desk.config(1), 0.5)
    assert {what: each["code"] for what, each in steps.items()} == {"dns": code}
    assert HUB_NAME in steps["dns"]["text"]


@pytest.mark.parametrize(
    ("offset_s", "mode", "code", "text"),
    [
        (0, "silent", "no_time", "no time from 127.0.0.1:"),
        (0, "kiss_of_death", "no_time", "no time from 127.0.0.1:"),
        (7200, "ok", "clock_off", " s behind 127.0.0.1:"),
        (-600, "ok", "clock_off", " s ahead of 127.0.0.1:"),
    ],
)
def test_clock_is_a_warning_and_the_way_goes_on(desk, offset_s, mode, code, text):
    server = desk.stack.enter_context(SntpServer(offset_s, mode))
    desk.time_servers = [f"127.0.0.1:{server.port}"]
    steps = desk.check(desk.config(desk.hub().port), 0.5)
    assert (steps["clock"]["level"], steps["clock"]["code"]) == ("warning", code)
    assert text in steps["clock"]["text"]
    assert steps["mqtt"]["level"] == "ok"


def test_second_time_server_is_asked(desk):
    silent, good_one = (desk.stack.enter_context(SntpServer(mode=mode)) for mode in ("silent", "ok"))
    desk.time_servers = [f"127.0.0.1:{silent.port}", f"127.0.0.1:{good_one.port}"]
    assert desk.check(desk.config(desk.hub().port), 0.5)["clock"]["level"] == "ok"


def test_second_name_server_is_asked(desk):
    mute = desk.stack.enter_context(DnsServer(mode="silent"))
    desk.name_servers.insert(0, f"127.0.0.1:{mute.port}")
    assert desk.check(desk.config(desk.hub().port), 0.5)["mqtt"]["level"] == "ok"
    assert mute.queries


def test_without_name_servers_the_desks_own_are_asked(desk):
    desk.name_servers.clear()
    desk.host = "localhost"
    assert desk.check(desk.config(desk.hub().port))["dns"]["text"] == "localhost is 127.0.0.1"


@pytest.mark.parametrize(
    ("number", "code"), [(socket.EAI_NONAME, "no_such_host"), (socket.EAI_AGAIN, "dns_failed")]
)
def test_desks_own_name_servers_that_do_not_know(desk, monkeypatch, number, code):
    def fail(*_):
        raise socket.gaierror(number, "no")

    monkeypatch.setattr(socket, "getaddrinfo", fail)  # a real one would ask the internet
    desk.name_servers.clear()
    assert desk.check(desk.config(1))["dns"]["code"] == code


def test_address_without_a_way_to_it(desk):
    desk.host = "255.255.255.255"
    assert desk.check(desk.config(1))["tcp"]["code"] == "unreachable"


def test_port_that_does_not_answer(desk):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as waiting:
        for _ in range(4):  # more than its queue takes, so that the next is not answered
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        steps = desk.check(desk.config(full.getsockname()[1]), 0.5)
    assert steps["tcp"]["code"] == "tcp_timeout"


def test_port_where_nobody_listens(desk):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        steps = desk.check(desk.config(taken.getsockname()[1]))
    assert (list(steps), steps["tcp"]["code"]) == (["dns", "clock", "tcp"], "connection_refused")


# --- TLS: the hub is not the one expected ---


def _issued(desk, **how):
    return desk.workshop.ca.issue("other-hub", "hub", hosts=[HUB_NAME], **how)


WRONG_HUBS = {
    "expired": (lambda desk: _issued(desk, **PAST), "expired"),
    "not yet valid": (lambda desk: _issued(desk, **FUTURE), "not_yet_valid"),
    "foreign authority": (
        lambda desk: desk.workshop.foreign.issue("hub", "hub", hosts=[HUB_NAME]),
        "untrusted_hub",
    ),
    "self-signed": (lambda desk: self_signed(desk.folder / "own", "hub"), "untrusted_hub"),
    "wrong name": (
        lambda desk: desk.workshop.ca.issue("other-hub", "hub", hosts=["elsewhere.example.test"]),
        "wrong_host",
    ),
    "wrong purpose": (lambda desk: desk.workshop.ca.issue("other-hub"), "wrong_purpose"),
}


@pytest.mark.parametrize("case", WRONG_HUBS)
def test_hub_that_is_not_the_one(desk, case):
    make, code = WRONG_HUBS[case]
    steps = desk.check(desk.config(desk.mosquitto(make(desk))))
    assert (list(steps)[-1], steps["tls"]["code"]) == ("tls", code)
    assert steps["tls"]["hint"]


def test_address_that_the_certificate_does_not_name(desk):
    desk.host = "127.0.0.1"
    steps = desk.check(desk.config(desk.mosquitto(_issued(desk))))
    assert steps["tls"]["code"] == "wrong_host"
    assert "does not name this address" in steps["tls"]["text"]


# --- TLS: the device is not the one expected ---

WRONG_DEVICES = {
    "expired": (lambda desk: desk.workshop.ca.issue("old", **PAST), "certificate_expired"),
    "foreign authority": (lambda desk: desk.workshop.foreign.issue(NAME), "unknown_authority"),
    "self-signed": (lambda desk: self_signed(desk.folder / "own", NAME), "unknown_authority"),
    "wrong purpose": (lambda desk: desk.workshop.ca.issue("as-hub", "hub"), "certificate_refused"),
}


@pytest.mark.parametrize("case", WRONG_DEVICES)
def test_device_that_the_hub_refuses(desk, case):
    make, code = WRONG_DEVICES[case]
    desk.identity = make(desk)
    steps = desk.check(desk.config(desk.mosquitto()))
    assert (list(steps)[-1], steps["tls"]["code"]) == ("tls", code)


# --- TLS: something else is there ---


def test_port_that_speaks_something_else(desk):
    with ScriptedBroker(lambda broker: broker.accept().send(b"220 mail.example.test ready\r\n")) as server:
        steps = desk.check(desk.config(server.port))
    assert steps["tls"]["code"] == "no_tls"


def test_port_that_is_silent(desk):
    with socket.create_server(("127.0.0.1", 0)) as server:
        steps = desk.check(desk.config(server.getsockname()[1]), 0.5)
    assert steps["tls"]["code"] == "tls_timeout"
    assert "within 0.5 s" in steps["tls"]["text"]


def test_hub_that_cuts_the_handshake(desk):
    with ScriptedBroker(lambda broker: broker.accept().close()) as server:
        steps = desk.check(desk.config(server.port))
    assert steps["tls"]["code"] == "certificate_refused"


def test_hub_that_speaks_no_tls_1_2(desk):
    port = desk.script(lambda broker: broker.accept(), minimum_version=ssl.TLSVersion.TLSv1_3)
    assert desk.check(desk.config(port))["tls"]["code"] == "no_tls_1_2"


def test_hub_without_a_cipher_of_the_boards(desk):
    tls_1_2 = {"maximum_version": ssl.TLSVersion.TLSv1_2}
    port = desk.script(lambda broker: broker.accept(), "ECDHE+CHACHA20", **tls_1_2)
    assert desk.check(desk.config(port))["tls"]["code"] == "handshake_refused"


# --- MQTT ---


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 200])
def test_refusal_is_told_by_its_code(desk, number):
    port = desk.script(lambda broker: broker.accept().greet(code=number))
    found = desk.check(desk.config(port))["mqtt"]
    assert (found["level"], found["code"]) == ("error", f"connack_{number}")
    assert found["hint"]


def test_device_that_the_hub_does_not_know(desk):
    hub = desk.hub("scaleway", devices=[Device(device_id("other"), "other")])
    steps = desk.check(desk.config(hub.port, type="scaleway", device_id=device_id(NAME)))
    assert steps["mqtt"]["level"] == "error"
    assert "in the console: is the device enabled" in steps["mqtt"]["hint"]


def _hang_up(broker):
    peer = broker.accept()
    peer.packet()
    peer.close()


def _say(data):
    def script(broker):
        peer = broker.accept()
        peer.packet()
        peer.send(data)

    return script


ODD_HUBS = {
    "closes": (_hang_up, "mqtt_closed"),
    "is silent": (lambda broker: broker.accept().end(), "mqtt_timeout"),
    "speaks HTTP": (_say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "mqtt_garbled"),
    "says half": (lambda broker: (_say(b"\x20\x02")(broker), broker.peers[0].close()), "mqtt_garbled"),
}


@pytest.mark.parametrize("case", ODD_HUBS)
def test_hub_that_does_not_answer_connect(desk, case):
    script, code = ODD_HUBS[case]
    found = desk.check(desk.config(desk.script(script)), 0.5)["mqtt"]
    assert (found["level"], found["code"]) == ("error", code)
    assert found["hint"]
