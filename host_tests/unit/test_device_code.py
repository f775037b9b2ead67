"""The device's own code at the desk: it is the firmware's, it is pure, and it leaves no names behind."""

import ast
import base64
import hmac
import json
import sys
import threading
import time
import urllib.parse

import jwt
import pytest
from hublink_desk import device_code, paths, pki

from host_tests.shim import install
from host_tests.unit.test_layers import PURE

TLS = {"ca": ["ca.der"], "cert": "device.der", "key": "device.key.der"}
GENERIC = {"device": "d1", "hub": {"type": "generic", "host": "hub.example.test"}, "tls": TLS}
TOKENS = {
    "clearblade": ({"project": "p1", "registry": "reg"}, "p1"),
    "omnicore": ({"subscription": "s1", "registry": "reg"}, "s1"),
}


def parsed(config):
    return device_code.parse(json.dumps(config).encode())


def test_only_pure_modules_are_used():
    source = (paths.ROOT / "tools" / "hublink_desk" / "device_code.py").read_text("utf-8")
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    used = {arg.value for call in calls if getattr(call.func, "id", "") == "_firmware" for arg in call.args}
    assert used
    assert {f"hublink.{name}" for name in used} <= PURE


def test_no_name_stays_behind():
    parsed(GENERIC)
    assert not {"hublink", "micropython"} & {name.partition(".")[0] for name in sys.modules}


def test_works_inside_the_shim_and_leaves_it_as_it_was():
    with install():
        from hublink import config

        before = sys.modules["hublink.config"]
        assert parsed(GENERIC) == config.parse(json.dumps(GENERIC).encode())
        assert sys.modules["hublink.config"] is before


def test_all_hubs_have_fields_and_credentials():
    for name in device_code.hub_names():
        assert device_code.hub_fields(name)
        assert set(device_code.needed_credentials({"type": name})) <= {"cert", "key"}


def test_azure_signs_with_the_secret_that_the_hub_knows():
    hub = {"type": "azure", "host": "h.azure-devices.net", "auth": "sas"}
    settings = parsed({"device": "d1", "hub": hub, "tls": {"ca": ["ca.der"], "secret": "device.secret"}})
    assert device_code.takes_tokens(settings)
    assert device_code.needed_credentials(hub) == ("secret",)
    secret = base64.b64encode(b"0123456789abcdef")
    packet = device_code.connect_packet(settings, {"secret": secret})
    start, _, rest = packet.partition(b"&sig=")
    assert start.endswith(b"SharedAccessSignature sr=h.azure-devices.net%2Fdevices%2Fd1")
    sig, _, until_s = rest.partition(b"&se=")
    signed = b"h.azure-devices.net%2Fdevices%2Fd1\n" + until_s
    expected = base64.b64encode(hmac.digest(b"0123456789abcdef", signed, "sha256")).decode()
    assert urllib.parse.unquote(sig.decode()) == expected
    assert abs(int(until_s) - time.time() - 3600) < 60


def test_complaints_are_the_checkers_one_by_one():
    with pytest.raises(device_code.Refused) as refused:
        parsed({**GENERIC, "devize": 1, "telemetry": {"qos": 2}})
    complaints = refused.value.complaints
    assert len(complaints) == 2
    assert complaints[0].startswith("devize: unknown setting, expected one of ")
    assert complaints[1] == "telemetry.qos: 2, expected a whole number from 0 to 1"
    assert refused.value.message.endswith(f"{complaints[0]}; {complaints[1]}.")


def test_configuration_longer_than_the_device_reads_is_refused():
    with pytest.raises(device_code.Refused, match=r"8,193 bytes long, expected at most 8,192"):
        device_code.parse(b" " * 8193)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (None, "tls.ca: ca.der cannot be read"),
        (b"\x30" * 5000, "tls.ca: ca.der cannot be read"),
        (b"-----BEGIN CERTIFICATE-----", "tls.ca: ca.der is PEM"),
        (b"\x30\x82", "tls.ca: ca.der is damaged"),
    ],
)
def test_files_are_read_as_the_device_reads_them(tmp_path, data, complaint):
    made = pki.self_signed(tmp_path, "device")
    made.cert_der.rename(tmp_path / "device.der")
    if data is not None:
        (tmp_path / "ca.der").write_bytes(data)
    with pytest.raises(device_code.Refused) as refused:
        device_code.read_credentials(parsed(GENERIC), tmp_path)
    assert [text.startswith(complaint) for text in refused.value.complaints] == [True]


def test_connect_is_the_devices_but_for_the_will():
    config = {**GENERIC, "hub": GENERIC["hub"] | {"user": "u", "password": "p", "keepalive_s": 90}}
    packet = device_code.connect_packet(parsed(config), None)
    assert packet == b"\x10\x14\x00\x04MQTT\x04\xc2\x00\x5a\x00\x02d1\x00\x01u\x00\x01p"


def of_tokens(hub_type, **hub):
    """The checked configuration of a device whose password is a token."""
    section = {"type": hub_type, "host": "hub.example.test", "device_id": "dev", **TOKENS[hub_type][0], **hub}
    return parsed(
        {"device": "d1", "hub": section, "tls": {"ca": ["ca.der"], "key": "device.key.der"}},
    )


@pytest.mark.parametrize("hub_type", TOKENS)
def test_token_is_good(hub_type):
    settings, audience = of_tokens(hub_type), TOKENS[hub_type][1]
    key = pki.new_key()
    packet = device_code.connect_packet(settings, {"key": pki.key_der(key)})
    token = packet[packet.index(b"unused") + 8 :]
    assert device_code.login(settings, {"key": pki.key_der(key)})[1] == b"unused"
    claims = jwt.decode(token, key.public_key(), ["ES256"], audience=audience)
    assert abs(claims["iat"] - time.time()) < 60
    assert claims["exp"] - claims["iat"] == 3600
    with pytest.raises(device_code.Refused, match="expected one of EC P-256"):
        device_code.connect_packet(settings, {"key": b"no key"})


# --- what hubs report ---

SCALEWAY = {**GENERIC, "hub": {"type": "scaleway", "host": "h", "device_id": "u", "events_prefix": "ev"}}
AZURE = {**GENERIC, "hub": {"type": "azure", "host": "h"}}
ERRORS = {**GENERIC, "hub": {**GENERIC["hub"], "errors_filter": "e/#", "errors_parser": "scaleway"}}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (parsed(SCALEWAY), [("ev/#", 0)]),
        (of_tokens("clearblade", gateway=True), [("/devices/dev/errors", 0)]),
        (of_tokens("omnicore", gateway=True), [("/reg/dev/errors", 0)]),
        (parsed(ERRORS), [("e/#", 0)]),
        (of_tokens("clearblade"), []),
        (parsed(GENERIC), []),
        (parsed(AZURE), []),
    ],
)
def test_reports_come_where_the_device_subscribes_for_them(settings, expected):
    assert device_code.report_filters(settings) == expected


@pytest.mark.parametrize(("config", "hub"), [(SCALEWAY, "scaleway"), (ERRORS, "generic")])
def test_report_is_read_as_the_device_reads_it(config, hub):
    payload = b'{"severity":"warn","msg":"hub is locked","object-id":"d1"}'
    event = device_code.report(parsed(config), "ev/device/d1", payload)
    assert (event.hub, event.severity, event.code, event.object_id) == (hub, "warning", "hub.locked", "d1")
    assert device_code.report(parsed(config), "ev", b"x").code == "unparsed"


def test_lifecycle_events_have_the_name_of_their_hub():
    raw = {
        "id": "1",
        "topic": "/SUBSCRIPTIONS/s/RESOURCEGROUPS/g/PROVIDERS/MICROSOFT.DEVICES/IOTHUBS/H1",
        "subject": "devices/d1",
        "eventType": "Microsoft.Devices.DeviceDeleted",
        "data": {},
    }
    body = json.dumps([raw, 1]).encode()
    found = [(event.code, hub_name) for event, hub_name in device_code.lifecycle_events(body)]
    assert found == [("DeviceDeleted", "h1"), ("unparsed", None)]


def test_threads_take_turns():
    """Each would find the modules gone that the other has put away."""
    settings, wrong = parsed(ERRORS), []

    def work():
        try:
            for _ in range(200):
                device_code.report(settings, "e", b"x")
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert not {"hublink", "micropython"} & {name.partition(".")[0] for name in sys.modules}
