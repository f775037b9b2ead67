"""What a gateway reads on its errors topic (hub-dialects 3.5)."""

import json

from ..packets import Message

ATTACHMENT = "GATEWAY_ATTACHMENT_ERROR"
NOT_ATTACHED = "GATEWAY_DEVICE_NOT_FOUND"
TOPIC = "GATEWAY_INVALID_MQTT_TOPIC"
PACKET_ID = "GATEWAY_UNEXPECTED_PACKET_ID"
MESSAGE_TYPE = "GATEWAY_UNEXPECTED_MESSAGE_TYPE"
DETACHED = "GATEWAY_DETACHMENT_DEVICE_ERROR"
UNKNOWN = "UNKNOWN"
ERROR_TYPES = (ATTACHMENT, NOT_ATTACHED, TOPIC, PACKET_ID, MESSAGE_TYPE, DETACHED, UNKNOWN)


def packet_info(message_type, topic="", packet_id=None):
    """What an error says about the packet that caused it."""
    return {"message_type": message_type, "topic": topic, "packet_id": packet_id or 0}


def error(topic, error_type, device_id, description, info=None, *, is_nested):
    """The Message of an error.

    Args:
        topic: errors topic of the gateway.
        error_type: one of ERROR_TYPES.
        device_id: of the device that caused it.
        description: free text.
        info: packet_info, if a packet caused it.
        is_nested: True to put that into an object of its own.
    """
    record = {"error_type": error_type, "device_id": device_id, "description": description}
    if info:
        record.update({"mqtt_message_info": info} if is_nested else info)
    return Message(topic, json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode())
