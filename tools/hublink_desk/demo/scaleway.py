"""The demo against a hub that behaves as Scaleway IoT Hub."""

from ..hub import Device
from ..workshop import device_id
from .certificates import OPERATOR, CertificateDemo, client
from .checks import expect
from .desk_hub_log import DeskHubLog
from .waiting import STEP_S

_GUEST = "sensor-2"


class Scaleway(CertificateDemo):
    HUB = "scaleway"

    def _start_hub(self):
        names = {device_id(name): name for name in (self.DEVICE, _GUEST, OPERATOR)}
        log = DeskHubLog(self.stage, names, lambda topic: topic.endswith("/telemetry"))
        devices = [Device(*each) for each in names.items()]
        hub = self.stage.enter(self.stage.desk_hub(self.HUB, devices, log=log))
        self._listen(hub.port, device_id(OPERATOR))
        return log, hub.port

    def _settings(self):
        return {"device_id": device_id(self.DEVICE)}

    def _impostor(self, identity, log):
        return self.stage.desk_hub(self.HUB, [Device(device_id(self.DEVICE), self.DEVICE)], identity, log=log)

    def _own_check(self):
        text = "device without certificate refused; the other one handles the hub's event"
        return text, self.hears_of_the_guest

    def hears_of_the_guest(self):
        codes = self.stage.seen()
        guest = client(self.stage.workshop, device_id(_GUEST))
        guest.on_connect = lambda _c, _u, _flags, code, _p: codes.add(code)
        guest.connect("127.0.0.1", self._port)
        guest.loop_start()
        try:
            code = codes.wait("the guest's CONNACK", lambda _: True)
        finally:
            guest.loop_stop()
        expect(code.is_failure, "the guest was let in")
        self.board.wait_line(f"demo: handled sec.mtls_required about {device_id(_GUEST)}", STEP_S)
        return f"CONNACK: {code}; the handler of {self.DEVICE} was called with sec.mtls_required"
