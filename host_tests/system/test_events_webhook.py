"""`hublink events --webhook`: handshakes, what is refused, and the same at last however it came."""

import contextlib
import http.client
import json
import socket
import struct
import threading
from random import Random

import pytest
from hublink_desk.events.follower import Follower
from hublink_desk.events.webhook import WebhookSource
from hublink_desk.webhook import Disorder, Rules, Webhook
from hublink_desk.webhook.fleet import Fleet

from host_tests.system.desk_hub_parts import PATIENCE_S, wait_until
from host_tests.system.events_parts import Following
from host_tests.system.test_webhook_fleet import ended, hublink_webhook
from host_tests.system.webhook_parts import CLOUD_EVENT, EVENT, state
from host_tests.verbs import hublink


class Listening(contextlib.AbstractContextManager):
    """A webhook with its follower, in this process.

    Attributes:
        url, port: where.
        shown: list of (Record, is late).
        follower: Follower.
    """

    def __init__(self):
        self.shown = []
        self.follower = Follower(lambda record: True, lambda *what: self.shown.append(what))
        self._thread = threading.Thread(target=self.follower.run)
        self._thread.start()
        self._source = WebhookSource("127.0.0.1", 0, self.follower.take, lambda text: None)
        self.port = self._source.port
        self.url = f"http://127.0.0.1:{self.port}/"

    def __exit__(self, *_):
        self.follower.end()
        self._thread.join()
        self._source.__exit__()

    def ask(self, method, body=b"", **headers):
        """The answer to a request: (status, headers, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(
                method, "/any?key=1", body, {k.replace("_", "-"): v for k, v in headers.items()}
            )
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def codes(self):
        return [record.event.code for record, _ in self.shown]


@pytest.fixture
def listening():
    with Listening() as it:
        yield it


# --- handshakes ---

CODE = "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"
VALIDATION = {
    "id": "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66",
    "topic": "/subscriptions/s",
    "subject": "",
    "data": {"validationCode": CODE, "validationUrl": "http://127.0.0.1:1/never-visited"},
    "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
    "eventTime": "2018-01-25T22:12:19.4556811Z",
    "metadataVersion": "1",
    "dataVersion": "1",
}
KIND = {"aeg_event_type": "SubscriptionValidation"}


def test_validation_is_answered_with_its_code(listening):
    status, headers, body = listening.ask("POST", json.dumps([VALIDATION]), **KIND)
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body) == {"validationResponse": CODE}
    assert listening.shown == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "x",
        "[]",
        "{}",
        json.dumps([VALIDATION, VALIDATION]),
        json.dumps([{**VALIDATION, "eventType": "x"}]),
        json.dumps([{**VALIDATION, "data": None}]),
        json.dumps([{**VALIDATION, "data": {"validationCode": 1}}]),
        "[" * 10_000,
    ],
)
def test_validation_that_is_none_is_refused(listening, body):
    assert listening.ask("POST", body, **KIND)[0] == 400
    assert set(listening.codes()) <= {"unparsed"}


def test_validation_without_its_header_is_no_event(listening):
    assert listening.ask("POST", json.dumps([VALIDATION]))[0] == 200
    assert listening.codes() == ["unparsed"]


def test_permission_is_given(listening):
    status, headers, _ = listening.ask("OPTIONS", WebHook_Request_Origin="eventgrid.azure.net")
    assert status == 200
    assert headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert (headers["WebHook-Allowed-Rate"], headers["Allow"]) == ("*", "POST")


def test_permission_that_nobody_asked_for_is_not_given(listening):
    status, headers, _ = listening.ask("OPTIONS")
    assert (status, headers["WebHook-Allowed-Origin"]) == (400, None)


# --- what is posted ---


@pytest.mark.parametrize("event", [EVENT, CLOUD_EVENT])
@pytest.mark.parametrize("is_listed", [True, False])
def test_event_is_shown_once(listening, event, is_listed):
    body = json.dumps([event] if is_listed else event)
    for _ in range(2):
        assert listening.ask("POST", body)[0] == 200
    assert [(record.id, is_late) for record, is_late in listening.shown] == [(event["id"], False)]


@pytest.mark.parametrize(
    "body", [b"", b"junk", b"\xff\x00", b"[" * 100_000, b"x" * 1024 * 1024, b'[{"a":1,}]']
)
def test_anything_else_is_one_record_and_no_stop(listening, body):
    assert listening.ask("POST", body)[0] == 200
    assert listening.codes() == ["unparsed"]
    assert listening.ask("POST", json.dumps(EVENT))[0] == 200
    assert listening.codes() == ["unparsed", "DeviceConnected"]


def test_body_that_is_too_long_is_one_record_and_refused(listening):
    with socket.create_connection(("127.0.0.1", listening.port), PATIENCE_S) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n" + b"beginning")
        assert peer.recv(100).startswith(b"HTTP/1.0 413 ")
    assert [record.event.message for record, _ in listening.shown] == ["beginning"]


@pytest.mark.parametrize("length", [None, "", "x", "-1", "1e3", "1" * 5000])
def test_body_of_no_length_is_refused(listening, length):
    head = "" if length is None else f"Content-Length: {length}\r\n"
    with socket.create_connection(("127.0.0.1", listening.port), PATIENCE_S) as peer:
        peer.sendall(f"POST / HTTP/1.1\r\n{head}\r\n".encode())
        assert peer.recv(100).startswith(b"HTTP/1.0 411 ")
    assert listening.shown == []


def test_body_that_is_cut_off_is_no_record(listening):
    """It comes again."""
    body = json.dumps(EVENT).encode()
    with socket.create_connection(("127.0.0.1", listening.port), PATIENCE_S) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:-1])
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(100).startswith(b"HTTP/1.0 400 ")
    assert listening.shown == []


def test_peer_that_breaks_off_is_nothing_to_tell(listening, capsys):
    peer = socket.create_connection(("127.0.0.1", listening.port), PATIENCE_S)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, no end
    peer.sendall(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx")
    wait_until(lambda: handlers() == 1)
    peer.close()
    wait_until(lambda: handlers() == 0)
    assert capsys.readouterr().err == ""
    assert listening.ask("POST", json.dumps(EVENT))[0] == 200


def handlers():
    return sum("process_request" in thread.name for thread in threading.enumerate())


def test_web_page_cannot_post(listening):
    assert listening.ask("POST", json.dumps(EVENT), Origin="http://example.test")[0] == 403
    assert listening.shown == []


def test_what_was_not_shown_is_not_acknowledged():
    with Listening() as listening:
        listening.follower.end()
        listening._thread.join()
        assert listening.ask("POST", json.dumps(EVENT))[0] == 503


# --- in the end ---


@pytest.mark.parametrize("schema", ["eventgrid", "cloudevents"])
def test_disorder_changes_nothing_in_the_end(schema):
    """10,000 events, a fifth of them twice, in any order, with strangers among them."""
    fleet = Fleet(100, Random(1))
    history = [fleet.event() for _ in range(10_000)]
    known = []
    for disorder in ({}, {"duplicates": 0.2, "unknown": 0.01, "is_shuffled": True}):
        with Listening() as listening:
            with Webhook(listening.url, Rules(schema), Disorder(batch_max=50, **disorder), seed=1) as webhook:
                webhook.post(*history)
                assert webhook.drain(8 * PATIENCE_S)
            known.append(listening.follower.order.states())
            counts = listening.follower.counts
    assert known[0] == known[1]
    assert len(known[0]) == 100
    assert set(known[0].values()) == {"connected", "disconnected", "deleted"}
    strangers = counts["unparsed"]
    assert 50 < strangers < 150
    assert 1_800 < counts["duplicate"] < 2_200
    assert len({record.id for record, _ in listening.shown if record.id}) == 10_000
    assert counts["shown"] == 10_000 + strangers
    assert 1_000 < counts["late"] < 10_000


# --- the verb ---


def test_nothing_is_lost_or_shown_twice_when_the_follower_restarts(tmp_path):
    kept = ["--state", tmp_path / "state"]
    with Following("--webhook", 0, *kept) as first:
        port = first.port()
        options = ["--fleet", 5, "--events", 300, "--duplicates", 0.2, "--shuffle", "--retry-s", 0.05]
        sender = hublink_webhook(f"http://127.0.0.1:{port}/", *options, "--attempts", 1000)
        try:
            before = [first.record() for _ in range(20)]
            first.end()
            before += first.records()
            with Following("--webhook", port, *kept) as second:
                code, out, _ = ended(sender)
                second.end()
                after = second.records()
        finally:
            sender.kill()
    assert code == 0
    assert out.endswith(" 0 given up\n")
    ids = [record["raw"]["id"] for record in before + after]
    assert len(ids) == len(set(ids)) == 300
    assert after
    assert len(json.loads((tmp_path / "state").read_bytes())["devices"]) == 5


def test_filters_and_webhooks_may_be_repeated():
    wanted = ["--severity", "warning", "--device", "a", "--device", "b", "--subject-prefix", "devices/"]
    with Following("--webhook", 0, "--webhook", 0, *wanted) as following:
        ports = [following.port(), following.port()]
        events = [state("Disconnected", "a", 2), state("Connected", "a", 3), state("Disconnected", "c", 1)]
        for port, event in zip(ports * 2, [*events, state("Disconnected", "b", 1)], strict=True):
            with Webhook(f"http://127.0.0.1:{port}/") as webhook:
                webhook.post(event)
                assert webhook.drain(PATIENCE_S)
        assert [following.record()["object_id"] for _ in range(2)] == ["a", "b"]
        assert following.end() == {"shown": 2, "filtered": 2, "duplicate": 0, "late": 0, "unparsed": 0}


def test_people_read_a_line_for_each():
    """Whatever letters their terminal has."""
    with Following("--webhook", 0, is_json=False, PYTHONIOENCODING="ascii") as following:
        with Webhook(f"http://127.0.0.1:{following.port()}/") as webhook:
            webhook.post(state("Disconnected", "é", 1))
            assert webhook.drain(PATIENCE_S)
        expected = r"2018-06-02T19:17:44.4383997Z warning h DeviceDisconnected device \xe9: "
        assert following.line().startswith(expected)


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_address_may_be_of_the_other_kind():
    if not has_ipv6():
        done = hublink("events", "--webhook", 0, "--bind", "::1")
        assert done.err.startswith("hublink: port 0 on ::1 cannot be listened on: ")
        assert done.err.endswith("  hint: name an address of this machine\n")
        return
    with Following("--webhook", 0, "--bind", "::1") as following:
        url = following.said(r"listens on (http://\[::1\]:\d+/)")[1]
        with Webhook(url) as webhook:
            webhook.post(EVENT)
            assert following.record()["raw"] == EVENT


def test_port_in_use_is_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = hublink("events", "--webhook", port)
    assert done.code == 1
    assert done.err.startswith(f"hublink: port {port} on 127.0.0.1 cannot be listened on: ")
    assert done.err.endswith("  hint: choose another port; 0 is a free one\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "there is nothing to follow; expected --config, --webhook, or both."),
        (["--webhook", "x"], "Invalid value for '--webhook'"),
        (["--webhook", 0, "--severity", "bad"], "'bad' is not one of 'debug', 'info', 'warning', 'error'"),
        (["--webhook", 0, "--bind", "x.invalid"], "port 0 on x.invalid cannot be listened on: "),
        (["--webhook", 0, "--bind", "x" * 70 + "é"], "é cannot be listened on: "),
        (["--webhook", 0, "--bind", "192.0.2.1"], "  hint: name an address of this machine\n"),
        (["--webhook", 0, "--bind", "192.0.2.1", "--state", "/no/such"], "hublink: Cannot write into /no: "),
    ],
)
def test_wrong_arguments_are_one_sentence(arguments, complaint):
    done = hublink("events", *arguments)
    assert done.code in (1, 2)
    assert complaint in done.err


def test_help_has_an_example():
    assert (
        "hublink events --config fleet/devices/monitor/config.json --webhook 8890"
        in hublink("events", "-h").out
    )
