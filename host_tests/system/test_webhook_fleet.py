"""The webhook behind a hub or a fleet: the same in the end, however it comes; and `hublink webhook`."""

import base64
import json
import subprocess
from random import Random

import pytest
from hublink_desk.webhook import Disorder, Webhook
from hublink_desk.webhook.fleet import Fleet

from host_tests.system.azure_parts import SENSOR, Cloud, telemetry
from host_tests.system.desk_hub_parts import PATIENCE_S, wait_until
from host_tests.system.test_desk_hub_command import client, hublink_hub
from host_tests.system.webhook_parts import EVENT, Endpoint
from host_tests.verbs import ENVIRONMENT, TOOL

CREATED = {"DeviceCreated": True, "DeviceDeleted": False}
CONNECTED = {"DeviceConnected": True, "DeviceDisconnected": False}


def final_state(events):
    """(is there, is connected) of each device, from events in any order, some of them twice."""
    newest = {}
    for event in events:
        kind, device = event["eventType"].rpartition(".")[2], event["subject"]
        if kind in CREATED:
            rank, what = base64.b64decode(event["data"]["twin"]["etag"]), "created"
        elif kind in CONNECTED:
            rank, what = event["data"]["deviceConnectionStateEventInfo"]["sequenceNumber"], "connected"
        else:
            continue
        before = newest.get((device, what))
        if before is None or rank > before[0]:
            newest[device, what] = rank, (CREATED | CONNECTED)[kind]
    return {key: value for key, (_, value) in newest.items()}


def received(endpoint):
    return [event for _, body in endpoint.posts.queue for event in json.loads(body)]


def test_disorder_changes_nothing_in_the_end():
    fleet = Fleet(100, Random(1))
    history = [fleet.event() for _ in range(10_000)]
    disorder = Disorder(duplicates=0.2, unknown=0.01, is_shuffled=True, batch_max=50)
    with Endpoint() as endpoint, Webhook(endpoint.url, None, disorder, seed=1) as webhook:
        webhook.post(*history)
        assert webhook.drain(8 * PATIENCE_S)
    events = received(endpoint)
    ids = [event["id"] for event in events]
    assert {event["id"] for event in history} <= set(ids)
    assert 1_800 < len(ids) - len(set(ids)) < 2_200
    assert 50 < len(set(ids)) - len(history) < 150  # of unknown types
    in_order = [event["id"] for event in history]
    assert [each for each in dict.fromkeys(ids) if each in set(in_order)] != in_order
    assert final_state(events) == final_state(history)
    assert len(final_state(history)) == 200


def test_same_seed_is_the_same_disorder():
    batches = [
        Disorder(0.5, 0.5, 0.5, True, 3).batches([EVENT] * 20, "cloudevents", Random(7)) for _ in range(2)
    ]
    assert batches[0] == batches[1]
    assert {len(batch) for batch in batches[0][:-1]} == {3}


@pytest.mark.parametrize("schema", ["eventgrid", "cloudevents"])
def test_trailing_comma_is_all_that_makes_it_no_json(schema):
    [[text]] = Disorder(trailing_commas=1.0).batches([EVENT], schema, Random(0))
    with pytest.raises(ValueError, match=r"(double quotes|trailing comma)"):
        json.loads(text)
    [[good]] = Disorder().batches([EVENT], schema, Random(0))
    assert json.loads(text.replace(",}", "}")) == json.loads(good)


def test_hub_tells_the_webhook(desk):
    with Endpoint() as endpoint, Webhook(endpoint.url) as webhook:
        desk.log.also = webhook.log
        cloud = Cloud(desk)
        sensor = cloud.connected()
        sensor.publish(telemetry(bag="$.ct=application%2Fjson&$.ce=utf-8"), b"[1]", qos=1)
        sensor.close()
        wait_until(lambda: len(cloud.events()) == 3)
        cloud.hub.remove(SENSOR)
        assert webhook.drain(PATIENCE_S)
    events = received(endpoint)
    kinds = ["DeviceConnected", "DeviceTelemetry", "DeviceDisconnected", "DeviceDeleted"]
    assert [event["eventType"] for event in events] == [f"Microsoft.Devices.{kind}" for kind in kinds]
    assert events == cloud.events()


def test_events_of_other_hubs_are_none_of_its_business():
    with Endpoint() as endpoint, Webhook(endpoint.url) as webhook:
        webhook.log({"what": "event", "topic": "$SCW/events/error/device/1", "payload": '{"msg":"x"}'})
        webhook.post(EVENT)
        assert webhook.drain(PATIENCE_S)
    assert received(endpoint) == [EVENT]


# --- hublink webhook ---


def hublink_webhook(*arguments, **options):
    return subprocess.Popen(
        [*TOOL, "webhook", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="surrogateescape",
        env=ENVIRONMENT,
        **options,
    )


def ended(process, text=""):
    """(exit code, standard output, standard error)."""
    try:
        out, problem = process.communicate(text, timeout=4 * PATIENCE_S)
    finally:
        process.kill()
    return process.returncode, out, problem


def test_made_up_fleet_is_posted():
    with Endpoint([500, 400]) as endpoint:
        options = ["--fleet", 3, "--events", 40, "--duplicates", 0.2, "--shuffle"]
        code, out, problem = ended(
            hublink_webhook(endpoint.url, *options, "--batch", 5, "--retry-s", 0.01, "--seed", 3)
        )
        assert (code, problem) == (0, "")
        lines = out.splitlines()
        assert lines[:3] == [
            "webhook: the handshake is done",
            "webhook: 5 events will be tried again after attempt 1: 500",
            "webhook: 5 events given up after attempt 1: 400",
        ]
        count = len(received(endpoint)) - 10
        assert count > 30
        assert lines[-1] == f"webhook: {count} events delivered, 5 given up"


def test_log_of_a_hub_is_posted_as_it_comes(pki, tmp_path):
    devices = tmp_path / "devices.toml"
    devices.write_text(f'[[device]]\nid = "{SENSOR}"\n')
    options = ["--dialect", "azure", "--devices", devices, "--port", 0, "--json", "--set", "host="]
    with Endpoint() as endpoint, hublink_hub(pki, *options) as hub:
        process = hublink_webhook(endpoint.url, "--schema", "cloudevents", "--kind", "DeviceConnected")
        try:
            port = json.loads(hub.next())["port"]
            name = f"any/{SENSOR}/?api-version=2021-04-12"
            with client(pki, port, SENSOR, pki.sensor, username=name) as sensor:
                assert sensor.connack() == 0
                sensor.publish(telemetry(), b"1", qos=1)
                process.stdin.write(hub.wait_for('"what": "event"') + "\n")
                process.stdin.flush()
                headers, body = endpoint.post()
        finally:
            code, out, problem = ended(process)
        assert (code, problem) == (0, "")
        assert headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
        assert json.loads(body)["type"] == "Microsoft.Devices.DeviceConnected"
        assert out.endswith("webhook: 1 event delivered, 0 given up\n")
        hub.process.terminate()
        assert hub.ended() == (0, "")


def logged(event):
    return json.dumps({"what": "event", "payload": json.dumps(event)})


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "\udcff",  # a byte that is no text
        "[" * 100_000,
        "[]",
        '{"what":"event"}',
        '{"what":"event","payload":"["}',
        logged("eventType"),
        logged({**EVENT, "eventType": 1}),
        logged({**EVENT, "subject": None}),
        logged({**EVENT, "data": []}),
        logged({"eventType": "Microsoft.Devices.DeviceConnected"}),
    ],
)
def test_input_that_is_no_log_is_one_sentence(text):
    with Endpoint() as endpoint:
        options = ["--trailing-commas", 1, "--kind", "DeviceConnected"]
        code, out, problem = ended(hublink_webhook(endpoint.url, *options), '{"what":"ready"}\n' + text)
    assert (code, out) == (1, "webhook: the handshake is done\n")
    assert problem == "hublink: line 2 of the input is no record of `hublink hub --json`.\n"


def test_byte_that_is_no_text_stops_nothing():
    with Endpoint() as endpoint:
        code, _, problem = ended(hublink_webhook(endpoint.url), logged(EVENT)[:-1] + ',"x":"\udcff"}')
    assert (code, problem) == (0, "")
    assert received(endpoint) == [EVENT]


def test_help_has_an_example():
    code, out, _ = ended(hublink_webhook("--help"))
    assert code == 0
    assert "hublink hub --dialect azure ... --json | hublink webhook http://127.0.0.1:8890/" in out
