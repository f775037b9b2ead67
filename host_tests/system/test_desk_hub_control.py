"""The control interface of the desk hub, and the verbs of `hublink hub-ctl` as processes against it."""

import base64
import http.client
import json
import shutil
import subprocess

import pytest
from hublink_desk.errors import DeskError
from hublink_desk.hub.control import Control

from host_tests.system.desk_hub_parts import PATIENCE_S, bench
from host_tests.system.iotcore_parts import GATEWAY, LAMP, LIGHT, SENSOR, Cloud, error
from host_tests.system.test_desk_hub_command import hublink_hub
from host_tests.verbs import ENVIRONMENT, TOOL


@pytest.fixture
def cloud(desk):
    cloud = Cloud(desk, config_per_s=0.0)
    with Control(cloud.hub) as control:
        cloud.control_port = control.port
        yield cloud


def ask(port, method, path, body=b"", **headers):
    """(status, answer)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(
            method, path, body, {name.replace("_", "-"): text for name, text in headers.items()}
        )
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def order(cloud, verb, **arguments):
    return ask(cloud.control_port, "POST", f"/{verb}", json.dumps(arguments))


# --- over HTTP ---


def test_verbs_list_themselves(cloud):
    status, answer = ask(cloud.control_port, "GET", "/")
    assert status == 200
    assert answer["result"]["command"] == ["device", "payload", "subfolder"]
    of_devices, of_messages = "add remove enable rotate bind unbind", "command config message call publish"
    assert set(answer["result"]) == {*f"devices {of_devices} {of_messages} event cut restart".split()}


def test_payload_may_be_bytes(cloud):
    sensor = cloud.connected()
    sensor.subscribe(cloud.topic(SENSOR, "commands/#"))
    encoded = base64.b64encode(b"\x00\xff").decode()
    assert order(cloud, "command", device=SENSOR, payload_base64=encoded) == (200, {"result": None})
    assert sensor.message() == (cloud.topic(SENSOR, "commands"), b"\x00\xff")


WRONG = {
    "unknown-verb": ("POST", "/x", b"{}", "verb 'x' is unknown; expected one of devices, add, remove, "),
    "no-json": ("POST", "/cut", b"{", "the body is no JSON (Expecting property name"),
    "no-text": ("POST", "/cut", b"\xff", "the body is no JSON ("),
    "too-deep": ("POST", "/cut", b"[" * 100_000, "the body is no JSON ("),
    "no-number": ("POST", "/restart", b'{"down_s":NaN}', "the body is no JSON ("),
    "half-letter": ("POST", "/cut", b'{"device":"\\ud800"}', "the body is no JSON ("),
    "no-object": ("POST", "/cut", b"[]", "the body is no JSON object; expected the arguments of the verb."),
    "missing-argument": ("POST", "/cut", b"{}", "cut: missing a required argument: 'device'."),
    "unknown-argument": ("POST", "/devices", b'{"x":1}', "devices: got an unexpected keyword argument 'x'."),
    "wrong-argument": ("POST", "/config", b'{"device":[]}', "config: device is []; expected a text."),
    "wrong-switch": ("POST", "/publish", b'{"topic":"a","retain":1}', "publish: retain is 1; expected true"),
    "wrong-qos": ("POST", "/publish", b'{"topic":"a","qos":"1"}', "publish: qos is '1'; expected a whole "),
    "negative-wait": ("POST", "/restart", b'{"down_s":-1}', "restart: down_s is -1; expected a number, 0 or"),
    "endless-wait": ("POST", "/restart", b'{"down_s":1e300}', "restart: down_s is 1e+300; expected at "),
    "wrong-event": ("POST", "/event", b'{"what":[]}', "event: what is []; expected a text."),
    "wrong-list": ("POST", "/add", b'{"device":[5]}', "device is [5]; expected [[device]] tables."),
    "no-list": ("POST", "/add", b"{}", "device is None; expected [[device]] tables."),
    "wrong-payload": (
        "POST",
        "/config",
        b'{"device":"sensor-1","payload":1}',
        "payload is 1; expected bytes",
    ),
    "bytes-in-an-event": (
        "POST",
        "/event",
        b'{"what":"UNKNOWN","payload_base64":"QQ=="}',
        "payload_base64 = 'QQ==' is unknown; expected description, gateway.",
    ),
    "no-base64": ("POST", "/config", b'{"payload_base64":"%"}', "payload_base64 is not base64."),
    "refused": ("POST", "/cut", b'{"device":"sensor-1"}', "'sensor-1' is not connected."),
    "wrong-table": ("POST", "/add", b'{"device":[{"id":"ab"}]}', "device 1 (\"ab\"): id is 'ab'; expected"),
}


@pytest.mark.parametrize(("method", "path", "body", "complaint"), WRONG.values(), ids=WRONG)
def test_wrong_order_is_one_sentence(cloud, method, path, body, complaint):
    status, answer = ask(cloud.control_port, method, path, body)
    assert status == 400
    assert answer["error"].startswith(complaint)


@pytest.mark.parametrize("length", ["x", "-1", "1_0", "1" * 5000])
def test_body_of_no_length_is_one_sentence(cloud, length):
    status, answer = ask(cloud.control_port, "POST", "/devices", b"", Content_Length=length)
    assert (status, answer["error"][:19]) == (400, "Content-Length is '")


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://example.test"}, {"Host": "example.test"}, {"Host": "example.test:80"}],
)
def test_orders_of_a_web_page_are_refused(cloud, headers):
    status, answer = ask(cloud.control_port, "POST", "/devices", b"{}", **headers)
    assert (status, list(answer)) == (400, ["error"])
    assert "from no web page" in answer["error"]


def test_body_that_is_too_large_is_not_read(cloud):
    status, answer = ask(cloud.control_port, "POST", "/config", b"", Content_Length=str(1 << 30))
    assert status == 400
    assert answer["error"].startswith("the body has 1073741824 bytes; expected at most")


def test_control_port_in_use_is_named(cloud):
    with pytest.raises(DeskError, match=f"port {cloud.control_port} on 127.0.0.1 cannot be listened on"):
        Control(cloud.hub, cloud.control_port)


# --- hublink hub-ctl ---


def ctl(port, *arguments, stdin=""):
    """(exit code, standard output, standard error) of the tool."""
    done = subprocess.run(
        [
            *TOOL,
            *("hub-ctl", "--port", str(port), *map(str, arguments)),
        ],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE_S,
        env=ENVIRONMENT,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_every_verb_does_what_it_says(cloud, pki, tmp_path):
    def does(*arguments, stdin=""):
        code, out, problem = ctl(cloud.control_port, *arguments, stdin=stdin)
        assert (code, problem) == (0, ""), arguments
        return out

    gateway = cloud.gateway()
    more = tmp_path / "more.toml"
    more.write_text('[[device]]\nid = "fan-1"\nkeys = ["fan.pem"]\n')
    shutil.copy(pki.other.cert_pem, tmp_path / "fan.pem")
    does("add", more)
    does("bind", GATEWAY, "fan-1")
    cloud.attach(gateway, "fan-1")
    assert gateway.subscribe(cloud.topic("fan-1", "commands/#"), 1) == 1
    does("command", "fan-1", "faster", "--subfolder", "motor")
    assert gateway.message() == (cloud.topic("fan-1", "commands/motor"), b"faster")
    does("command", "fan-1", "--file", "-", stdin="from stdin")
    assert gateway.message() == (cloud.topic("fan-1", "commands"), b"from stdin")
    assert gateway.subscribe(cloud.topic("fan-1", "config"), 1) == 1
    assert gateway.message()[1] == b""
    does("config", "fan-1", '{"every_s":10}')
    assert gateway.message() == (cloud.topic("fan-1", "config"), b'{"every_s":10}')
    does("publish", cloud.topic("fan-1", "config"), "behind the hub's back", "--qos", "1")
    message = gateway.messages.get(timeout=PATIENCE_S)
    assert (message.payload, message.qos) == (b"behind the hub's back", 1)
    does("event", "UNKNOWN", "--about", "fan-1", "--set", "description=as a test")
    assert error(gateway)["description"] == "as a test"
    out = does("devices")
    assert f"{GATEWAY}: connected true, blocked false, config_version 0, states []" in out
    assert "bound [fan-1, light-1], attached [fan-1]" in out
    assert json.loads(does("devices", "--json"))["fan-1"]["config_version"] == 1
    does("unbind", GATEWAY, "fan-1")
    assert error(gateway)["error_type"] == "GATEWAY_DETACHMENT_DEVICE_ERROR"
    does("cut", GATEWAY)
    assert gateway.lost.get(timeout=PATIENCE_S)
    sensor = cloud.connected()
    does("restart", "--down-s", "0.1")
    assert sensor.lost.get(timeout=PATIENCE_S)
    cloud.connected()
    assert cloud.log.wait("ready")["port"] == cloud.hub.port


def test_what_a_terminal_would_obey_is_escaped(cloud):
    cloud.connected().publish(cloud.topic(SENSOR, "state"), b"a\x1b[2J\nb", qos=1)
    code, out, _ = ctl(cloud.control_port, "devices")
    assert code == 0
    assert r"states [a\x1b[2J\nb]" in out


@pytest.mark.parametrize("name", ["nokey", "verb", "self", "identities"])
def test_event_of_an_unknown_key_is_one_sentence(cloud, name):
    code, out, problem = ctl(cloud.control_port, "event", "UNKNOWN", "--set", f"{name}=x")
    assert (code, out) == (1, "")
    assert problem == f"hublink: {name} = 'x' is unknown; expected description, gateway.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["bind", SENSOR, LIGHT], 1, "hublink: device 'sensor-1' is no gateway.\n"),
        (["bind", GATEWAY, "x"], 1, "hublink: device 'x' is not in the registry.\n"),
        (["cut", LAMP], 1, "hublink: 'lamp-1' is not connected.\n"),
        (["add", "/no/such.toml"], 1, "hublink: /no/such.toml: cannot be read (No such file or directory);"),
        (["event", "UNKNOWN", "--set", "x"], 2, "Usage: "),
    ],
)
def test_wrong_order_ends_with_one_sentence(cloud, arguments, code, complaint):
    ended = ctl(cloud.control_port, *arguments)
    assert (ended[0], ended[1]) == (code, "")
    assert ended[2].startswith(complaint)


def test_no_hub_is_one_sentence_and_a_hint(desk):
    with bench(desk.pki) as other, Control(Cloud(other).hub) as control:
        port = control.port
    code, out, problem = ctl(port, "devices")
    assert (code, out) == (1, "")
    assert problem.startswith(f"hublink: no desk hub takes orders on port {port} (")
    assert "hublink hub --control" in problem


def test_every_verb_has_an_example(cloud):
    code, out, _ = ctl(cloud.control_port, "--help")
    verbs = [line.split()[0] for line in out.partition("Commands:")[2].splitlines() if line.strip()]
    assert code == 0
    assert len(verbs) == 15
    for verb in verbs:
        code, out, _ = ctl(cloud.control_port, verb, "--help")
        assert code == 0
        assert f"hublink hub-ctl {verb}" in out


# --- hublink hub --control ---


def test_hub_as_a_process_takes_orders(pki, tmp_path):
    devices = tmp_path / "devices.toml"
    devices.write_text('[[device]]\nid = "gateway-1"\ngateway = "ASSOCIATION_ONLY"\nbound = ["light-1"]\n')
    with devices.open("a") as file:
        file.write('[[device]]\nid = "light-1"\n')
    options = ["--dialect", "omnicore", "--devices", devices, "--port", 0, "--control", 0]
    with hublink_hub(pki, *options, "--set", "idle_s=5", "--set", "is_ping_activity=false") as hub:
        assert hub.next().startswith("hub: ready on 127.0.0.1:")
        takes_orders = hub.next()
        assert takes_orders.startswith("hub: takes orders on 127.0.0.1:")
        code, out, _ = ctl(takes_orders.rsplit(":", maxsplit=1)[1], "devices")
        assert (code, [line.split(":")[0] for line in out.splitlines()]) == (0, ["gateway-1", "light-1"])
        hub.process.terminate()
        assert hub.ended() == (0, "")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("idle_s=soon", "idle_s is 'soon'; expected a number, 0 or more."),
        ("is_ping_activity=yes", "is_ping_activity is 'yes'; expected true or false."),
        ("idle_s=-3", "idle_s is -3.0; expected a number, 0 or more."),
        ("skew_s=nan", "skew_s is nan; expected a number, 0 or more."),
        ("skew_s=1e999", "skew_s is inf; expected a number, 0 or more."),
        ("attached_max=-1", "attached_max is -1; expected a whole number, 0 or more."),
        ("attached_max=1.5", "attached_max is '1.5'; expected a whole number, 0 or more."),
        ("plan=shared", "setting 'plan' is unknown to the clearblade dialect; expected one of registry, "),
        ("will=maybe", "will is 'maybe'; expected one of ignore, refuse."),
    ],
)
def test_wrong_setting_is_one_sentence(pki, given, complaint):
    with hublink_hub(pki, "--dialect", "clearblade", "--port", 0, "--set", given) as hub:
        code, problem = hub.ended()
    assert code == 1
    assert problem.startswith(f"hublink: {complaint}")


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("scaleway", "has_events=true"),
        ("clearblade", "attached_max=1000"),
        ("omnicore", "attached_max=10000"),
        ("azure", "subscriptions_max=5"),
    ],
)
def test_settings_are_listed(pki, dialect, expected):
    with hublink_hub(pki, "--settings", dialect) as hub:
        assert hub.wait_for(expected) == expected
        assert hub.ended() == (0, "")
