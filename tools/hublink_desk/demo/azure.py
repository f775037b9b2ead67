"""The demo against a hub that behaves as Azure IoT Hub: twin, methods, and events at a webhook."""

import json

from ..hub.azure import Device, Telemetry
from ..webhook import Webhook
from .checks import Demo, expect
from .desk_hub_log import DeskHubLog
from .inbox import inbox
from .waiting import STEP_S

_DESIRED = {"colour": "green"}
_BAG = {"$.ct": "application/json", "$.ce": "utf-8"}
_REPORTED = "$iothub/twin/PATCH/properties/reported/"


class Azure(Demo):
    HUB = "azure"
    REFUSED = "hub_refuses_certificate|reset_in_handshake"

    def _start_hub(self):
        self._states, self._status, self._posted = (self.stage.seen() for _ in range(3))
        port = self.stage.enter(inbox(self._take_post)).port
        webhook = self.stage.enter(Webhook(f"http://127.0.0.1:{port}/"))
        log = DeskHubLog(self.stage, {}, lambda topic: not topic.startswith("$iothub/"))

        def tell(record):
            log(record)
            webhook.log(record)

        options = {"received": self._received, "has_telemetry_events": False}
        self._hub = self.stage.enter(self._desk_hub(log=tell, **options))
        return log, self._hub.port

    def _desk_hub(self, **options):
        return self.stage.desk_hub(self.HUB, [Device(self.DEVICE)], **options)

    def _settings(self):
        return {}

    def _impostor(self, identity, log):
        return self._desk_hub(identity=identity, log=log)

    def _received(self, _device, message):
        """A message arrived where applications read them."""
        if message.topic.startswith(_REPORTED):
            self._states.add(json.loads(message.payload))
        elif isinstance(message, Telemetry):
            seen = self._status if message.properties.get("type") == "status" else self.telemetry
            seen.add({**json.loads(message.payload), "properties": message.properties})

    def _take_post(self, event):
        """A lifecycle event arrived at the webhook."""
        what = event["eventType"].rpartition(".")[2]
        self.stage.say("webhook", f"{what} {event['subject']}")
        self._posted.add(what)

    def _checks(self):
        return (
            ("device verified the hub and proved itself by certificate", self.proves_itself),
            ("telemetry arrives with time, boot, sequence and properties", self.sends_telemetry),
            ("hub refuses a device of another authority", self.is_refused_with_a_foreign_key),
            ("what the twin desires reaches the device, which reports it", self.takes_what_is_desired),
            ("a direct method is answered", self.answers_a_method),
            ("hub cut off: readings queue, and all arrive in order after", self.survives_a_cut),
            ("device killed: last will and webhook tell; restarted: online again", self.is_missed),
            ("device refuses a hub with a wrong certificate", self.refuses_a_wrong_hub),
        )

    def sends_telemetry(self):
        seen = super().sends_telemetry()
        properties = self.telemetry.items()[-1]["properties"]
        expect(properties == _BAG, f"properties are {properties}, expected {_BAG}")
        return f"{seen}; properties {' '.join(f'{key}={value}' for key, value in _BAG.items())}"

    def takes_what_is_desired(self):
        self.stage.say("demo", f"desired properties: {json.dumps(_DESIRED)}")
        self._hub.push_config(self.DEVICE, json.dumps(_DESIRED))
        self._states.wait("the report", lambda state: state == {"config": _DESIRED})
        reported = self._hub.devices()[self.DEVICE]["twin"]["reported"]
        expect(reported["config"] == _DESIRED, f"the twin has {reported}, expected config {_DESIRED}")
        return f"twin reports {json.dumps({'config': _DESIRED})}"

    def answers_a_method(self):
        self.stage.say("demo", "method dim: 40")
        answer = self._hub.call_method(self.DEVICE, "dim", "40", STEP_S)
        wanted = {"status": 200, "payload": {"dim": "40"}}
        expect(answer == wanted, f"the answer is {answer}, expected {wanted}")
        return f"method dim 40, answer {json.dumps(answer)}"

    def is_missed(self):
        told, posted = self._status.mark(), self._posted.mark()
        self.board.kill()
        self.stage.say("demo", "SIGKILL")
        will = self._status.wait("the last will", lambda status: not status["online"], told)
        kind = will["properties"].get("iothub-MessageType")
        expect(kind == "Will", f"iothub-MessageType of the last will is {kind!r}, expected 'Will'")
        self._posted.wait("DeviceDisconnected", lambda what: what == "DeviceDisconnected", posted)
        return f"will has iothub-MessageType=Will, DeviceDisconnected was posted; {self.comes_back()}"
