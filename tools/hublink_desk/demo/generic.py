"""The demo against a plain MQTT broker: the real Mosquitto."""

import re

from ..errors import DeskError
from ..mosquitto import Mosquitto
from .certificates import OPERATOR, CertificateDemo
from .waiting import STEP_S

_LOOK_EVERY_S = 0.05


class _MosquittoLog:
    """What the broker writes into its log, to wait for; what was waited for is printed."""

    def __init__(self, stage, broker):
        self._stage, self._path = stage, broker.log_path

    def mark(self):
        return self._path.stat().st_size

    def _wait(self, regex, since=0):
        """The first match that begins in the log's bytes from `since` on. Raises DeskError if none comes."""
        for _ in range(int(STEP_S / _LOOK_EVERY_S)):
            match = re.search(regex, self._path.read_bytes()[since:].decode(errors="replace"))
            if match:
                self._stage.say("hub", match[0])
                return match
            self._stage.interrupt.sleep(_LOOK_EVERY_S)
        raise DeskError(f"{regex!r} was not seen in Mosquitto's log within {STEP_S:g} s.")

    def proof(self, device):
        """How a device proved itself."""
        name = self._wait(rf"New client connected from \S+ as {device} \(.*u'(.*)'\)")[1]
        return f"certificate of {name!r}, signed by the CA"

    def refusal(self, since):
        """Why a connection was refused."""
        return self._wait("certificate verify failed", since)[0]


class Generic(CertificateDemo):
    HUB = "generic"

    def _start_hub(self):
        workshop = self.stage.workshop
        broker = Mosquitto(self.stage.folder / "mosquitto", workshop.ca, workshop.hub)
        self.stage.enter(broker)
        self._listen(broker.port, OPERATOR)
        return _MosquittoLog(self.stage, broker), broker.port

    def _settings(self):
        return {"commands_topic": "{device}/commands"}

    def _impostor(self, identity, log):
        return self.stage.desk_hub("generic", (), identity, log=log)

    def _own_check(self):
        return "a command reaches the device, and it answers with a state", self.obeys_a_command

    def obeys_a_command(self):
        mark = self.states.mark()
        self.operator.publish(f"{self.DEVICE}/commands/lamp", "on")
        self.stage.say("demo", f"operator publishes 'on' to {self.DEVICE}/commands/lamp")
        self.states.wait("the new state", lambda state: state == {"lamp": "on"}, mark)
        return 'command lamp "on", state {"lamp": "on"}'
