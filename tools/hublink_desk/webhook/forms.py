"""Events in the two schemas of Event Grid, and the bodies they are posted in (hub-dialects 5.4). Pure.

Everywhere here an event is a dict in the Event Grid schema, until it becomes a text.
"""

import json

SCHEMAS = ("eventgrid", "cloudevents")
_CLOUD_NAMES = {"topic": "source", "eventType": "type", "eventTime": "time"}
_CLOUD_LACKS = ("dataVersion", "metadataVersion")
_KINDS = {"subject": str, "eventType": str, "data": dict}  # what is looked at on the way
_JSON = "application/json; charset=utf-8"
_CLOUD = "application/cloudevents+json; charset=utf-8"
_CLOUD_BATCH = "application/cloudevents-batch+json; charset=utf-8"


def check(event):
    """Raise KeyError or TypeError unless it is an event."""
    for key, kind in _KINDS.items():
        if not isinstance(event[key], kind):
            raise TypeError(f"{key} is {event[key]!r}")


def text(event, schema, has_trailing_comma=False):
    """An event as JSON; with a trailing comma in its data as one documented sample has it, which is none."""
    event = event if schema == "eventgrid" else _cloud_event(event)
    if not has_trailing_comma:
        return _json(event)
    data = _json(event["data"])[:-1] + ",}"
    return _json({**event, "data": None}).replace('"data":null', f'"data":{data}')


def body(texts, schema, lists_one):
    """What a batch is posted as.

    Args:
        texts: of its events.
        schema: one of SCHEMAS.
        lists_one: True if a CloudEvent that is alone is in an array, too.

    Returns:
        (bytes, content type).
    """
    listed = f"[{','.join(texts)}]".encode()
    if schema == "eventgrid":
        return listed, _JSON
    if len(texts) > 1:
        return listed, _CLOUD_BATCH
    return listed if lists_one else texts[0].encode(), _CLOUD


def _cloud_event(event):
    renamed = {_CLOUD_NAMES.get(key, key): value for key, value in event.items() if key not in _CLOUD_LACKS}
    return {**renamed, "specversion": "1.0"}


def _json(value):
    return json.dumps(value, separators=(",", ":"))
