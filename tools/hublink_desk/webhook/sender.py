"""Delivers events to a webhook: gathers, disorders, posts, retries, gives up (hub-dialects 5.4)."""

import contextlib
import heapq
import itertools
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass
from random import Random

from ..errors import DeskError
from . import forms
from .disorder import Disorder, StateSampler
from .endpoint import Endpoint, Unreachable

_SUCCESS = range(200, 205)
_HOPELESS = (400, 413)
_SUBSCRIPTION = "DESK-SUBSCRIPTION"


@dataclass(frozen=True)
class Rules:
    """How events are delivered.

    Args:
        schema: "eventgrid" or "cloudevents".
        kinds: last words of the event types that are wanted, as in "DeviceConnected"; none: all.
        gather_s: events that come within so long are posted, batched and shuffled together.
        merge_s: period of which each device's connection states are merged; 0: all are posted.
        retry_s: waits between the attempts; the last one is repeated.
        attempts_max, life_s: after so many, or when an event is so old, it is given up.
        timeout_s: for one step of a request.
        validation_s: for the endpoint to visit the validation URL.

        is_dead_lettering: True if 400 and 413 give an event up at once. This and what follows are
            undocumented, or documented in two ways.
        lists_one: True if a CloudEvent that is alone is in an array.
        has_aeg_headers: True if each post has the `aeg-` headers.

    Raises:
        DeskError: the schema is unknown, or there is no wait.
    """

    schema: str = "eventgrid"
    kinds: tuple = ()
    gather_s: float = 0.0
    merge_s: float = 0.0
    retry_s: tuple = (10.0, 30.0, 60.0, 300.0, 600.0, 1_800.0, 3_600.0)
    attempts_max: int = 30
    life_s: float = 86_400.0
    timeout_s: float = 30.0
    validation_s: float = 300.0
    is_dead_lettering: bool = True
    lists_one: bool = False
    has_aeg_headers: bool = True

    def __post_init__(self):
        if self.schema not in forms.SCHEMAS:
            raise DeskError(f"schema is {self.schema!r}; expected one of {', '.join(forms.SCHEMAS)}.")
        if not self.retry_s:
            raise DeskError("retry_s is empty; expected at least one wait.")


@dataclass(eq=False)
class _Delivery:
    """A body on its way: `attempts` so far; given up at `ends_at`, seconds that only grow."""

    body: bytes
    content_type: str
    count: int
    ends_at: float
    attempts: int = 0


class Webhook(contextlib.AbstractContextManager):
    """Delivers for the length of a `with` block, whose beginning is the handshake.

    Args:
        url: of the endpoint.
        rules: Rules.
        disorder: Disorder.
        seed: of whatever is left to chance.
        ca: PEM file of the authority of an https endpoint; None: those of the system.
        report: called in the thread of the webhook with a dict per thing that happens: `what` is validated,
            delivered, retry or lost; with `count`, the events in the body, `attempt`, and `answer`, a status
            or a text.

    Attributes:
        counts: Counter of events, by `what`. A duplicate is an event, too.

    Raises:
        DeskError: an argument is wrong; from `with`: the handshake fails.
    """

    def __init__(self, url, rules=None, disorder=None, *, seed=0, ca=None, report=None):
        self._rules, self._disorder = rules or Rules(), disorder or Disorder()
        self._endpoint = Endpoint(url, self._rules.timeout_s, ca)
        self._random, self._report = Random(seed), report or (lambda record: None)
        self.counts = Counter()
        self._changed = threading.Condition()
        self._gathered, self._gather_at = [], 0.0
        self._sampler, self._sample_at = StateSampler(), 0.0
        self._due, self._numbers = [], itertools.count()  # heap of (when, number, _Delivery)
        self._is_busy = self._is_over = False
        self._thread = threading.Thread(target=self._work, name="webhook")

    def __enter__(self):
        self._endpoint.handshake(self._rules.schema, self._rules.validation_s)
        self._report({"what": "validated"})
        self._thread.start()
        return self

    def __exit__(self, *_):
        """Stop; what was not delivered is lost."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._thread.join()

    def log(self, record):
        """Take the lifecycle event out of a record of a hub's log, if it is one; for `DeskHub(log=...)`.

        Raises:
            KeyError, TypeError, ValueError: it is no record.
        """
        event = json.loads(record["payload"]) if record["what"] == "event" else {}
        if "eventType" in event:
            forms.check(event)
            self.post(event)

    def post(self, *events):
        """Deliver events, dicts in the Event Grid schema. Never waits; from any thread."""
        with self._changed:
            now = time.monotonic()
            fresh = [event for event in events if self._is_wanted(event) and not self._is_held(event, now)]
            self._gather(fresh, now)

    def _is_wanted(self, event):
        return not self._rules.kinds or event["eventType"].rpartition(".")[2] in self._rules.kinds

    def _is_held(self, event, now):
        """True if it waits for the end of its period."""
        if not self._rules.merge_s:
            return False
        if not self._sampler:
            self._sample_at = now + self._rules.merge_s
        return self._sampler.takes(event)

    def drain(self, limit_s=None):
        """Wait until everything is delivered or given up. Returns False if `limit_s` seconds were too few."""
        with self._changed:
            return self._changed.wait_for(lambda: self._next_at() is None and not self._is_busy, limit_s)

    # --- the thread ---

    def _gather(self, events, now):
        if not self._gathered:
            self._gather_at = now + self._rules.gather_s
        self._gathered += events
        self._changed.notify_all()

    def _next_at(self):
        """When there is something to do; None: there is nothing."""
        times = [when for when, _, _ in self._due[:1]]
        times += [self._gather_at] if self._gathered else []
        times += [self._sample_at] if self._sampler else []
        return min(times, default=None)

    def _work(self):
        while True:
            with self._changed:
                delivery = self._next()
            if self._is_over:
                return
            if delivery:
                self._attempt(delivery)

    def _next(self):
        """The _Delivery to try now, after a wait if need be, or None."""
        self._is_busy = False
        self._changed.notify_all()
        now, next_at = time.monotonic(), self._next_at()
        if next_at is None or next_at > now:
            if not self._is_over:
                self._changed.wait(None if next_at is None else next_at - now)
            return None
        if self._sampler and self._sample_at <= now:
            self._gather(self._sampler.sample(), now)
        if self._gathered and self._gather_at <= now:
            self._pack(now)
        if not self._due or self._due[0][0] > now:
            return None
        self._is_busy = True
        return heapq.heappop(self._due)[2]

    def _pack(self, now):
        events, self._gathered = self._gathered, []
        for texts in self._disorder.batches(events, self._rules.schema, self._random):
            body, content_type = forms.body(texts, self._rules.schema, self._rules.lists_one)
            self._schedule(_Delivery(body, content_type, len(texts), now + self._rules.life_s), now)

    def _schedule(self, delivery, when):
        heapq.heappush(self._due, (when, next(self._numbers), delivery))

    def _attempt(self, delivery):
        answer = self._post(delivery)
        delivery.attempts += 1
        if answer in _SUCCESS:
            self._tell("delivered", delivery, answer)
        elif (answer in _HOPELESS and self._rules.is_dead_lettering) or not self._retries(delivery):
            self._tell("lost", delivery, answer)
        else:
            self._tell("retry", delivery, answer)

    def _retries(self, delivery):
        """Schedule another attempt. Returns False if there is none left."""
        waits_s = self._rules.retry_s
        when = time.monotonic() + waits_s[min(delivery.attempts, len(waits_s)) - 1]
        if delivery.attempts >= self._rules.attempts_max or when > delivery.ends_at:
            return False
        with self._changed:
            self._schedule(delivery, when)
        return True

    def _post(self, delivery):
        """The status of the answer, or why there was none."""
        headers = {"Content-Type": delivery.content_type}
        if self._rules.has_aeg_headers:
            headers |= {
                "aeg-event-type": "Notification",
                "aeg-subscription-name": _SUBSCRIPTION,
                "aeg-delivery-count": str(delivery.attempts),
                "aeg-data-version": "1",
                "aeg-metadata-version": "1",
            }
        try:
            return self._endpoint.request("POST", delivery.body, headers).status
        except Unreachable as error:
            return str(error)

    def _tell(self, what, delivery, answer):
        self.counts[what] += delivery.count
        record = {"what": what, "count": delivery.count, "attempt": delivery.attempts, "answer": answer}
        self._report(record)
