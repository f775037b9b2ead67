"""What a hub reports over MQTT, to a device that listens to nothing else; it connects again for ever."""

import contextlib
import threading

from .. import device_code
from ..check.files import look_at
from ..check.finding import ERROR
from ..errors import DeskError
from ..follow import Follower
from . import record

_LOOK_EVERY_S = 0.2  # how soon the thread sees that it shall end
_JOIN_S = 2.0


class MqttSource(contextlib.AbstractContextManager):
    """Listens for the length of a `with` block.

    Args:
        path: Path of a device's configuration.
        take: called with a list of Records, in a thread of the source.
        say: called with a sentence about the connection, likewise.

    Raises:
        DeskError: the device would not take the configuration, or its hub reports nothing to it.
    """

    def __init__(self, path, take, say):
        found, self._settings, credentials = look_at(path)
        if self._settings is None:
            wrong = next(finding for finding in found if finding.level == ERROR)
            raise DeskError(f"{path}: {wrong.what}: {wrong.text}.", wrong.hint)
        filters = device_code.report_filters(self._settings)
        if not filters:
            raise DeskError(f"{path}: {_SILENT[self._settings['hub']['type']]}.")
        self._follower, self._take = Follower(self._settings, credentials, filters, say), take
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="mqtt", daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_ending.set()
        self._thread.join(_JOIN_S)

    def _work(self):
        with contextlib.closing(self._follower.messages(_LOOK_EVERY_S)) as messages:
            for message in messages:
                if message:
                    self._take([record.heard(self._settings, message.topic, message.payload)])
                if self._is_ending.is_set():
                    return


# Why there is nothing to listen to.
_OF_GATEWAYS = "hub.gateway is false; expected true, because this hub reports to gateways only"
_SILENT = {
    "azure": "Azure reports nothing over MQTT; expected another hub, and --webhook for this one",
    "clearblade": _OF_GATEWAYS,
    "omnicore": _OF_GATEWAYS,
    "generic": "hub.errors_filter is empty; expected where this hub reports",
}
