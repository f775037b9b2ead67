"""`hublink_desk.webhook` against a real HTTP endpoint: handshakes, forms, retries (hub-dialects 5.4)."""

import json
import queue
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hublink_desk.errors import DeskError
from hublink_desk.webhook import Disorder, Rules, Webhook

from host_tests.system.desk_hub_parts import PATIENCE_S
from host_tests.system.webhook_parts import ALLOWING, CLOUD_EVENT, EVENT, Endpoint, state

ORIGIN = "eventgrid.azure.net"
JSON = "application/json; charset=utf-8"


class Reports:
    """What a webhook reports, to wait for."""

    def __init__(self):
        self._records = queue.Queue()

    def __call__(self, record):
        self._records.put(record)

    def next(self, what):
        record = self._records.get(timeout=PATIENCE_S)
        while record["what"] != what:
            record = self._records.get(timeout=PATIENCE_S)
        return record


def posted(events, disorder=None, **rules):
    """The (headers, body) of what becomes of some events that are all there at once."""
    with Endpoint() as endpoint, Webhook(endpoint.url, Rules(**rules), disorder) as webhook:
        webhook.post(*events)
        assert webhook.drain(PATIENCE_S)
    return list(endpoint.posts.queue)


def enter(webhook):
    """Do the handshake, and no more."""
    with webhook:
        pass


# --- handshake of the Event Grid schema ---


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"validation": (200, ""), "visits": True},
        {"validation": (200, "thanks"), "visits": True},
        {"validation": (200, "[]"), "visits": True},
    ],
)
def test_validation_is_passed(how):
    with Endpoint(**how) as endpoint, Webhook(endpoint.url):
        headers, body = endpoint.asked.get(timeout=PATIENCE_S)
    assert headers["Content-Type"] == JSON
    [event] = json.loads(body)
    assert event["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
    assert set(event["data"]) == {"validationCode", "validationUrl"}
    assert endpoint.asked.empty()


FAILED_VALIDATIONS = {
    "202": ({"validation": (202, "")}, "answered the validation with 202; expected 200."),
    "404": ({"validation": (404, "")}, "answered the validation with 404; expected 200."),
    "nothing": (
        {"validation": (200, "")},
        "neither sent the validation code back nor visited the URL in 0.1 s.",
    ),
    "wrong-code": (
        {"validation": (200, '{{"validationResponse":"x"}}')},
        "sent the validation code 'x' back;",
    ),
}


@pytest.mark.parametrize(("how", "complaint"), FAILED_VALIDATIONS.values(), ids=FAILED_VALIDATIONS)
def test_validation_is_failed(how, complaint):
    with Endpoint(**how) as endpoint, pytest.raises(DeskError) as error:
        enter(Webhook(endpoint.url, Rules(validation_s=0.1)))
    assert error.value.message.startswith(f"the webhook {complaint}")


# --- handshake of the CloudEvents schema ---


@pytest.mark.parametrize(("origin", "rate"), [("*", "*"), (ORIGIN, "120"), ("*", "1")])
def test_permission_is_given(origin, rate):
    headers = {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": rate}
    with Endpoint(options=(200, headers)) as endpoint, Webhook(endpoint.url, Rules("cloudevents")):
        headers, _ = endpoint.asked.get(timeout=PATIENCE_S)
    assert headers["WebHook-Request-Origin"] == ORIGIN


@pytest.mark.parametrize(
    ("status", "changed", "complaint"),
    [
        (405, {}, "answered OPTIONS with 405; expected 200."),
        (200, {"WebHook-Allowed-Origin": None}, "has WebHook-Allowed-Origin None; expected"),
        (200, {"WebHook-Allowed-Origin": "x"}, "has WebHook-Allowed-Origin 'x'; expected"),
        (200, {"WebHook-Allowed-Rate": None}, "has WebHook-Allowed-Rate None; expected a number or '*'."),
        (200, {"WebHook-Allowed-Rate": "0"}, "has WebHook-Allowed-Rate '0'; expected a number or '*'."),
        (200, {"WebHook-Allowed-Rate": "many"}, "has WebHook-Allowed-Rate 'many'; expected a number or '*'."),
    ],
)
def test_permission_is_not_given(status, changed, complaint):
    headers = {name: text for name, text in (ALLOWING | changed).items() if text is not None}
    with Endpoint(options=(status, headers)) as endpoint, pytest.raises(DeskError) as error:
        enter(Webhook(endpoint.url, Rules("cloudevents")))
    assert error.value.message.startswith(f"the webhook {complaint}")


@pytest.mark.parametrize("url", ["http://.x/", "http://" + "x" * 70])
def test_host_that_cannot_be_is_one_sentence(url):
    with pytest.raises(DeskError, match="the webhook cannot be reached"):
        enter(Webhook(url))


@pytest.mark.parametrize("schema", ["eventgrid", "cloudevents"])
def test_nobody_there_is_one_sentence(schema):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DeskError, match=r"the webhook cannot be reached \(Connection refused\)\."):
        enter(Webhook(f"http://127.0.0.1:{port}", Rules(schema)))


def test_what_a_terminal_would_obey_is_escaped():
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:

        def answer():
            peer, _ = server.accept()
            with peer:
                peer.recv(10_000)
                peer.sendall(b"a\x1b[2J\n")

        answered = pool.submit(answer)
        with pytest.raises(DeskError) as error:
            enter(Webhook(f"http://127.0.0.1:{server.getsockname()[1]}"))
        answered.result(PATIENCE_S)
    assert r"(a\x1b[2J\n)" in error.value.message


# --- TLS ---


def test_https_endpoint_is_verified(pki):
    with Endpoint(identity=pki.hub) as endpoint:
        with Webhook(endpoint.url, ca=pki.ca.cert_pem) as webhook:
            webhook.post(EVENT)
            endpoint.post()
        with pytest.raises(DeskError, match="certificate verify failed"):
            enter(Webhook(endpoint.url, ca=pki.foreign_ca.cert_pem))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Webhook("ftp://x"), "webhook is 'ftp://x'; expected a URL with http or https and a host."),
        (lambda: Webhook("/x"), "webhook is '/x'; expected a URL"),
        (lambda: Webhook("http://x:99999"), "webhook is 'http://x:99999': Port out of range 0-65535."),
        (lambda: Webhook("https://x", ca="/no/such"), "/no/such: cannot be used (No such file or directory)"),
        (lambda: Rules(retry_s=()), "retry_s is empty; expected at least one wait."),
        (lambda: Rules("xml"), "schema is 'xml'; expected one of eventgrid, cloudevents."),
        (lambda: Disorder(duplicates=20), "duplicates is 20; expected a share from 0 to 1."),
        (lambda: Disorder(batch_max=0), "batch_max is 0; expected at least 1."),
    ],
)
def test_wrong_argument_is_one_sentence(make, complaint):
    with pytest.raises(DeskError) as error:
        make()
    assert error.value.message.startswith(complaint)


# --- forms ---

CLOUD, CLOUD_BATCH = (f"application/cloudevents{end}+json; charset=utf-8" for end in ("", "-batch"))
FORMS = {
    "eventgrid": ({}, 1, JSON, [EVENT]),
    "eventgrid-batch": ({}, 2, JSON, [EVENT, EVENT]),
    "cloudevents": ({"schema": "cloudevents"}, 1, CLOUD, CLOUD_EVENT),
    "cloudevents-listed": ({"schema": "cloudevents", "lists_one": True}, 1, CLOUD, [CLOUD_EVENT]),
    "cloudevents-batch": ({"schema": "cloudevents"}, 2, CLOUD_BATCH, [CLOUD_EVENT, CLOUD_EVENT]),
}


@pytest.mark.parametrize(("rules", "count", "content_type", "expected"), FORMS.values(), ids=FORMS)
def test_documented_event_is_posted_as_documented(rules, count, content_type, expected):
    [(headers, body)] = posted([EVENT] * count, Disorder(batch_max=count), **rules)
    assert headers["Content-Type"] == content_type
    assert json.loads(body) == expected


@pytest.mark.parametrize(("has_headers", "expected"), [(True, ("Notification", "0")), (False, (None, None))])
def test_aeg_headers_are_a_switch(has_headers, expected):
    [(headers, _)] = posted([EVENT], has_aeg_headers=has_headers)
    assert (headers["aeg-event-type"], headers["aeg-delivery-count"]) == expected


def test_kinds_that_are_not_wanted_are_not_posted():
    events = [
        state("Disconnected", "a", 1),
        EVENT,
        {**EVENT, "eventType": "Microsoft.Devices.DeviceTelemetry"},
    ]
    [(_, body)] = posted(events, kinds=("DeviceConnected",))
    assert json.loads(body) == [EVENT]


def test_states_of_a_period_are_merged():
    def kinds_of(batch):
        return [json.loads(body)[0]["eventType"].rpartition(".")[2] for _, body in batch]

    telemetry = {**EVENT, "eventType": "Microsoft.Devices.DeviceTelemetry", "data": {}}
    with Endpoint() as endpoint, Webhook(endpoint.url, Rules(merge_s=0.1)) as webhook:
        flapping = enumerate(("Connected", "Disconnected", "Connected"), 1)
        webhook.post(*(state(kind, "a", number) for number, kind in flapping), telemetry)
        assert webhook.drain(PATIENCE_S)
        and_back = enumerate(("Disconnected", "Connected"), 4)  # nothing has changed in the end
        webhook.post(*(state(kind, "a", number) for number, kind in and_back), state("Connected", "b", 1))
        assert webhook.drain(PATIENCE_S)
    posts = list(endpoint.posts.queue)
    assert kinds_of(posts) == ["DeviceTelemetry", "DeviceConnected", "DeviceConnected"]
    assert [json.loads(body)[0]["id"] for _, body in posts[1:]] == ["a-3", "b-1"]


def test_what_comes_soon_after_is_gathered():
    rules, disorder = Rules(gather_s=1.0), Disorder(batch_max=9)
    with Endpoint() as endpoint, Webhook(endpoint.url, rules, disorder) as webhook:
        webhook.post(EVENT)
        assert not webhook.drain(0.2)
        webhook.post(EVENT)
        assert json.loads(endpoint.post()[1]) == [EVENT, EVENT]
        assert webhook.drain(PATIENCE_S)


# --- retries ---


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204])
def test_success_is_final(status):
    with Endpoint([status]) as endpoint, Webhook(endpoint.url) as webhook:
        webhook.post(EVENT)
        assert webhook.drain(PATIENCE_S)
    assert webhook.counts == {"delivered": 1}


@pytest.mark.parametrize("status", [205, 302, 401, 404, 408, 429, 500, 503])
def test_failure_is_retried(status):
    with (
        Endpoint([status, status]) as endpoint,
        Webhook(endpoint.url, Rules(retry_s=(0.01, 0.02))) as webhook,
    ):
        webhook.post(EVENT)
        assert webhook.drain(PATIENCE_S)
    posts = list(endpoint.posts.queue)
    assert [headers["aeg-delivery-count"] for headers, _ in posts] == ["0", "1", "2"]
    assert {body for _, body in posts} == {posts[0][1]}
    assert webhook.counts == {"retry": 2, "delivered": 1}


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize(
    ("is_dead_lettering", "counts"), [(True, {"lost": 1}), (False, {"retry": 1, "delivered": 1})]
)
def test_hopeless_event_is_a_switch(status, is_dead_lettering, counts):
    rules = Rules(retry_s=(0.01,), is_dead_lettering=is_dead_lettering)
    with Endpoint([status]) as endpoint, Webhook(endpoint.url, rules) as webhook:
        webhook.post(EVENT)
        assert webhook.drain(PATIENCE_S)
    assert webhook.counts == counts


@pytest.mark.parametrize("rules", [{"attempts_max": 3}, {"retry_s": (0.01, 0.01, 60.0), "life_s": 10.0}])
def test_event_is_given_up(rules):
    reports = Reports()
    with Endpoint([500] * 9) as endpoint:
        with Webhook(endpoint.url, Rules(**{"retry_s": (0.01,), **rules}), report=reports) as webhook:
            webhook.post(EVENT)
            assert webhook.drain(PATIENCE_S)
        assert reports.next("lost") == {"what": "lost", "count": 1, "attempt": 3, "answer": 500}
        assert endpoint.posts.qsize() == 3


def test_documented_waits_are_the_defaults():
    rules = Rules()
    assert rules.retry_s == (10, 30, 60, 300, 600, 1800, 3600)
    assert (rules.attempts_max, rules.life_s, rules.timeout_s) == (30, 1440 * 60, 30)


def test_endpoint_that_does_not_answer_is_tried_again():
    reports, rules = Reports(), Rules(timeout_s=0.1, retry_s=(0.01,))
    with Endpoint([None]) as endpoint, Webhook(endpoint.url, rules, report=reports) as webhook:
        webhook.post(EVENT)
        assert reports.next("retry")["answer"] == "timed out"
        assert webhook.drain(PATIENCE_S)


def test_others_pass_while_one_waits():
    reports = Reports()
    with Endpoint([500]) as endpoint, Webhook(endpoint.url, report=reports) as webhook:
        webhook.post(EVENT)
        reports.next("retry")
        webhook.post(EVENT)
        assert reports.next("delivered")["attempt"] == 1
        assert not webhook.drain(0.0)
    assert not [thread for thread in threading.enumerate() if thread.name == "webhook"]
