# umqtt.robust's shape over our MQTTClient: what breaks is connected again, without end. Differences:
# waits grow from DELAY to 32 s with full jitter, subscriptions are repeated when the hub has forgotten
# them, a message goes out again as the same message, and a hub that refuses us is not asked again.
import os
import time

from .. import limits
from ..backoff import Backoff
from .mqtt import MQTTClient as _MQTTClient
from .mqtt import MQTTException

# CONNACK's one refusal that passes: server unavailable (3.2.2.3).
_UNAVAILABLE = 3


class MQTTClient(_MQTTClient):
    DELAY = limits.BACKOFF_BASE_MS / 1000  # seconds: no first wait is longer
    DEBUG = False

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._subscribed = {}  # filter -> QoS asked for

    # Before try i (1 and up) of a reconnect. Blocks; a program that feeds a watchdog, or gives up
    # some time (by raising), overrides this.
    def delay(self, i):
        if i == 1:
            base_ms = max(1, int(self.DELAY * 1000))
            self._backoff = Backoff(base_ms, max(base_ms, limits.BACKOFF_CAP_MS))
        time.sleep_ms(self._backoff.next_ms(int.from_bytes(os.urandom(3), "big")))

    def log(self, in_reconnect, e):
        if self.DEBUG:
            print("mqtt reconnect: %r" % e if in_reconnect else "mqtt: %r" % e)

    def reconnect(self):
        """Returns session present, however long it takes. Raises MQTTException if the hub refuses."""
        i = 0
        while True:
            try:
                present = self.connect(False)
                if not present:
                    for topic, qos in list(self._subscribed.items()):
                        super().subscribe(topic, qos)
                return present
            except (OSError, MQTTException) as e:
                if isinstance(e, MQTTException) and e.args[0] != _UNAVAILABLE:
                    raise
                self.log(True, e)
                i += 1
                self.delay(i)

    def subscribe(self, topic, qos=0):
        granted = super().subscribe(topic, qos)
        self._subscribed[topic] = qos
        return granted

    def unsubscribe(self, topic):
        self._subscribed.pop(topic, None)
        super().unsubscribe(topic)

    # publish() ends here, with its message in the outbox: never to be put there twice.
    def flush(self):
        self._until_done(super().flush)

    def wait_msg(self):
        return self._until_done(super().wait_msg)

    def check_msg(self, attempts=2):
        return self._until_done(super().check_msg, attempts)

    # attempts of -1: no end. The error of the last one is raised, not hidden.
    def _until_done(self, step, attempts=-1):
        while True:
            try:
                return step()
            except OSError as e:
                self.log(False, e)
                attempts -= 1
                if not attempts:
                    raise
            self.reconnect()
