"""Lifecycle events of devices, as Event Grid has them (hub-dialects 5.4).

An event is a Message under the hub's resource path, which no device can subscribe to: it is in the hub's log,
and `hublink webhook` posts it from there.
"""

import base64
import json
import uuid
from datetime import datetime, timezone

from ..packets import Message
from .devices import AUTHS

_TYPE = "Microsoft.Devices."
_STATES = ("DeviceConnected", "DeviceDisconnected")
_NEVER = "0001-01-01T00:00:00"
_JSON_TYPE = "application/json"
_FILETIME_0 = datetime(1601, 1, 1, tzinfo=timezone.utc)  # of which sequence numbers count 100 ns
_PROPERTIES = {"$.ct": "iothub-content-type", "$.ce": "iothub-content-encoding", "$.mid": "message-id"}


def utc_now():
    return datetime.now(timezone.utc)


class Lifecycle:
    """Makes the events of a hub.

    Args:
        settings: Settings.
        now: returns an aware UTC datetime.
    """

    def __init__(self, settings, now=utc_now):
        self._now, self._hub_name = now, settings.hub_name
        scope = f"/SUBSCRIPTIONS/{settings.subscription}/RESOURCEGROUPS/{settings.resource_group}"
        self._source = f"{scope}/PROVIDERS/MICROSOFT.DEVICES/IOTHUBS/{settings.hub_name}".upper()
        self._began = int((now() - _FILETIME_0).total_seconds()) * 10_000_000
        self._count = 0

    def connected(self, device):
        return self.event("DeviceConnected", device, {})

    def disconnected(self, device):
        return self.event("DeviceDisconnected", device, {})

    def created(self, entry):
        return self.event("DeviceCreated", entry.device.id, {"twin": self._twin(entry)})

    def deleted(self, entry):
        return self.event("DeviceDeleted", entry.device.id, {"twin": self._twin(entry)})

    def telemetry(self, device, message):
        """Of a Telemetry message. Its body is base64, unless it says that it is JSON in UTF-8."""
        system = {
            "iothub-connection-device-id": device,
            "iothub-enqueuedtime": _time(self._now()),
            "iothub-message-source": "Telemetry",
        }
        user = {}
        for key, value in message.properties.items():
            if key.startswith("$."):
                system[_PROPERTIES.get(key, key)] = value
            else:
                user[key] = value
        data = {"body": _body(message), "properties": user, "systemProperties": system}
        return self._made("DeviceTelemetry", device, data, "")

    def event(self, kind, device, data):
        """An event of a kind such as "DeviceConnected".

        `data` is what there is in its data besides hub, device and, of a connection state, its number.
        """
        if kind in _STATES:
            self._count += 1
            number = f"{self._began:032X}{self._count:032X}"
            data = {"deviceConnectionStateEventInfo": {"sequenceNumber": number}, **data}
        return self._made(kind, device, {**data, "hubName": self._hub_name, "deviceId": device}, "1")

    def _made(self, kind, device, data, data_version):
        event = {
            "id": str(uuid.uuid4()),
            "topic": self._source,
            "subject": f"devices/{device}",
            "eventType": _TYPE + kind,
            "eventTime": _time(self._now()),
            "data": data,
            "dataVersion": data_version,
            "metadataVersion": "1",
        }
        return Message(self._source, json.dumps(event, separators=(",", ":")).encode())

    def _twin(self, entry):
        thumbprints = [each.value for each in entry.proofs] if entry.device.auth == "thumbprint" else []
        primary, secondary = (*thumbprints, None, None)[:2]
        return {
            "deviceId": entry.device.id,
            "etag": base64.b64encode(entry.etag.to_bytes(8, "big")).decode(),
            "deviceEtag": "null",
            "status": "enabled" if entry.device.enabled else "disabled",
            "statusUpdateTime": _NEVER,
            "connectionState": "Connected" if entry.session else "Disconnected",
            "lastActivityTime": _NEVER,
            "cloudToDeviceMessageCount": len(entry.pending),
            "authenticationType": AUTHS[entry.device.auth],
            "x509Thumbprint": {"primaryThumbprint": primary, "secondaryThumbprint": secondary or None},
            "version": entry.twin.desired.version + entry.twin.reported.version,
            "properties": entry.twin.document(),
        }


def _body(message):
    content_type = (message.properties.get("$.ct") or "").lower()
    is_utf8 = (message.properties.get("$.ce") or "").lower() == "utf-8"
    if content_type == _JSON_TYPE and is_utf8:
        try:
            return json.loads(message.payload)
        except (ValueError, RecursionError):
            pass
    return base64.b64encode(message.payload).decode()


def _time(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")  # seven decimals
