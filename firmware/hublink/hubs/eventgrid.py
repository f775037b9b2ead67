# What an Azure hub tells the applications behind it about its devices, as Event Grid posts it to webhooks: in
# Event Grid's own schema, or as CloudEvents 1.0 (azure-docs, event-schema-iot-hub.md). No device is sent it
# and no node loads this; `hublink events` reads with it.
import json

from .. import limits
from ..events import Event, text, unparsed

# Last word of the type, which is the code -> how bad it is.
_SEVERITIES = {
    "DeviceCreated": "info",
    "DeviceConnected": "info",
    "DeviceDisconnected": "warning",
    "DeviceDeleted": "warning",
    "DeviceTelemetry": "debug",
}
_TYPE = "Microsoft.Devices."
_SOURCE = "/providers/microsoft.devices/iothubs/"
_SUBJECT = "devices/"


# A list of the Events in a body (bytes), which is a list of them or a single one.
def parse(body):
    try:
        raw = json.loads(body)
    except (ValueError, RuntimeError):  # no JSON; nested too deep
        return [unparsed("azure", body)]
    if isinstance(raw, list):
        return [_event(each) or unparsed("azure", _json(each) or body) for each in raw]
    return [_event(raw) or unparsed("azure", body)]


def _json(raw):
    try:
        return json.dumps(raw).encode()
    except RuntimeError:  # nested too deep
        return None


# The name of the hub that an event is from, None if it is from none. raw: a dict.
def hub_name(raw):
    path = (text(raw, "source" if "specversion" in raw else "topic") or "").lower()
    return path.partition(_SOURCE)[2].partition("/")[0] or None


# None if it is no event of an IoT hub, or of a type that is not known.
def _event(raw):
    if not isinstance(raw, dict) or not hub_name(raw):
        return None
    kind, time = ("type", "time") if "specversion" in raw else ("eventType", "eventTime")
    kind = text(raw, kind) or ""
    code = kind[len(_TYPE) :]
    if not kind.startswith(_TYPE) or code not in _SEVERITIES:
        return None
    data = raw.get("data")
    if not isinstance(data, dict) or not 0 < len(text(raw, "id") or "") <= limits.EVENT_TEXT_LEN:
        return None
    object_id, object_type = text(data, "deviceId") or _device(raw), "device"
    if not object_id:
        return None
    if text(data, "moduleId"):
        object_id, object_type = object_id + "/" + data["moduleId"], "module"
    message = code + " " + (text(data, "hubName") or hub_name(raw))
    return Event(
        "azure", _SEVERITIES[code], code, object_type, object_id, message, None, text(raw, time), raw
    )


# Of telemetry nothing but the subject names the device.
def _device(raw):
    subject = text(raw, "subject") or ""
    return subject[len(_SUBJECT) :] if subject.startswith(_SUBJECT) else None
