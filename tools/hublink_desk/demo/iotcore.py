"""The demo against a hub that behaves as ClearBlade IoT Core or KORE OmniCore: tokens and gateways."""

import json
from typing import ClassVar

from ..hub.iotcore import Device
from .checks import Demo, expect
from .desk_hub_log import DeskHubLog
from .waiting import STEP_S

_LIGHT, _LAMP = "light-1", "lamp-1"  # the one bound to the gateway, the other not
_FOLDER = "air"
_CONFIG = {"colour": "green"}
_REFUSAL = "GATEWAY_ATTACHMENT_ERROR"


class IotCore(Demo):
    """A gateway, with a device that is bound to it, and one that is not."""

    DEVICE = "gateway-1"
    PROGRAM = "demo_gateway"
    PER_S = 3
    SECTIONS: ClassVar[dict] = {"tls": {"ca": ["ca.der"], "key": "device.key.der"}}
    REFUSED = "connack_5"

    def _start_hub(self):
        self._states, self._of_bound = self.stage.seen(), self.stage.seen()
        log = DeskHubLog(self.stage, {}, lambda topic: "/events" in topic)
        self._hub = self.stage.enter(self._desk_hub(log=log, received=self._received))
        return log, self._hub.port

    def _desk_hub(self, **options):
        key = self.stage.workshop.identity(self.DEVICE).cert_pem
        gateway = Device(self.DEVICE, (key,), "ASSOCIATION_ONLY", (_LIGHT,))
        return self.stage.desk_hub(self.HUB, [gateway, Device(_LIGHT), Device(_LAMP)], **options)

    def _impostor(self, identity, log):
        return self._desk_hub(identity=identity, log=log)

    def _received(self, _sender, message):
        """A message arrived where applications read them: /REGISTRY/DEVICE/KIND/FOLDER, or /devices/..."""
        _, _, device, kind, *folder = message.topic.split("/")
        if kind == "state":
            self._states.add(json.loads(message.payload))
        elif kind == "events" and device == self.DEVICE:
            self.telemetry.add({"folder": "/".join(folder), **json.loads(message.payload)})
        elif kind == "events":
            self._of_bound.add((device, json.loads(message.payload)))

    def _checks(self):
        return (
            ("device verified the hub and proved itself by a token that it made", self.proves_itself),
            ("telemetry arrives with time, boot and sequence, and in a subfolder", self.sends_telemetry),
            ("configuration and command reach the device; it answers with a state", self.obeys),
            ("gateway attaches a bound device, whose telemetry arrives", self.attaches),
            ("unbound device not acknowledged; the hub's error is handled", self.cannot_attach_another),
            ("hub cut off: readings queue, arrive in order; device attached again", self.survives_a_cut),
            ("device refuses a hub with a wrong certificate", self.refuses_a_wrong_hub),
            ("hub refuses a token signed by a foreign key", self.is_refused_with_a_foreign_key),
        )

    def proves_itself(self):
        return f"{super().proves_itself()}, ES256"

    def sends_telemetry(self):
        seen = super().sends_telemetry()
        message = self.telemetry.wait(f"telemetry in {_FOLDER}", lambda m: m["folder"] == _FOLDER)
        return f"{seen}; seq {message['seq']} in events/{_FOLDER}"

    def obeys(self):
        self._hub.push_config(self.DEVICE, json.dumps(_CONFIG))
        self._command("lamp", "on")
        wanted = {"config": _CONFIG, "lamp": "on"}
        self._states.wait("the new state", lambda state: state == wanted)
        return f"state {json.dumps(wanted)}"

    def attaches(self):
        self._command("attach", _LIGHT)
        self.log.wait("publish", client=self.DEVICE, topic=self._topic(_LIGHT, "attach"))
        payload = self._wait_for_bound()
        return f"attach acknowledged, then {json.dumps(payload)} of {_LIGHT}"

    def cannot_attach_another(self):
        mark = self.telemetry.mark()
        self._command("attach", _LAMP)
        self.log.wait("drop", topic=self._topic(_LAMP, "attach"))
        self.board.wait_line(f"demo: handled {_REFUSAL} about {_LAMP}", STEP_S)
        bound = {_LIGHT: True, _LAMP: False}
        self.telemetry.wait("who is attached", lambda m: m["name"] == "bound" and m["data"] == bound, mark)
        attached = self._hub.devices()[self.DEVICE]["attached"]
        expect(attached == [_LIGHT], f"the hub has {attached} attached, expected {_LIGHT} alone")
        return f"handler called with {_REFUSAL}; {_LIGHT} still speaks, {_LAMP} does not"

    def survives_a_cut(self):
        mark = self.log.mark()
        seen = super().survives_a_cut()
        self.log.wait("publish", mark, topic=self._topic(_LIGHT, "attach"))
        self._wait_for_bound(self._of_bound.mark())
        return f"{seen}; {_LIGHT} attached again, and heard"

    def _command(self, name, payload):
        self.stage.say("demo", f"command {name}: {payload}")
        self._hub.send_command(self.DEVICE, payload, name)

    def _wait_for_bound(self, since=0):
        """What the bound device sends next, or sent first since that mark."""
        return self._of_bound.wait(f"telemetry of {_LIGHT}", lambda each: each[0] == _LIGHT, since)[1]


class ClearBlade(IotCore):
    HUB = "clearblade"

    def _settings(self):
        return {"project": "desk-project", "registry": "desk-registry", "gateway": True}

    def _topic(self, device, kind):
        return f"/devices/{device}/{kind}"


class OmniCore(IotCore):
    HUB = "omnicore"

    def _settings(self):
        return {"subscription": "desk-subscription", "registry": "desk-registry", "gateway": True}

    def _topic(self, device, kind):
        return f"/desk-registry/{device}/{kind}"
