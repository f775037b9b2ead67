"""A log record of the hub as one line for a person. Pure."""

from ..text import printable
from .packets import SUBSCRIPTION_FAILED


def line(record):
    """One line of text, without a line end, for a record that `DeskHub` logs."""
    text = _TEXTS[record["what"]](record)
    if record["what"] in ("ready", "control"):
        return text
    who = record.get("client") or record.get("claimed") or record.get("peer") or "hub"
    return f"{record['time'][11:23]} {who}: {printable(text)}"


def _ready(record):
    return f"hub: ready on {record['host']}:{record['port']}"


def _control(record):
    return f"hub: takes orders on {record['host']}:{record['port']}"


def _connect(record):
    proof, keepalive_s = record["proof"], record["keepalive_s"]
    return f"connected from {record['peer']}, proved by {proof}; keep-alive {keepalive_s} s"


def _refuse(record):
    code = f" (CONNACK {record['code']})" if "code" in record else ""
    return f"refused{code}: {record['reason']}"


def _subscribe(record):
    if record["granted"] == SUBSCRIPTION_FAILED:
        return f"subscription to {record['topic']} refused: {record['reason']}"
    return f"subscribed to {record['topic']}, granted QoS {record['granted']}"


def _unsubscribe(record):
    return f"unsubscribed from {record['topic']}"


def _publish(record):
    return f"published {_message(record)}"


def _will(record):
    return f"last will published: {_message(record)}"


def _drop(record):
    what = "last will" if record["source"] == "will" else "message"
    return f"{what} dropped: {_message(record)}: {record['reason']}"


def _event(record):
    return f"event {record['topic']} {record['payload']}"


def _overflow(record):
    return f"message lost: {record['topic']}, {record['len']} bytes: {record['reason']}"


def _disconnect(record):
    return f"disconnected: {record['reason']}"


def _bug(record):
    return f"error inside the hub, please report it: {record['reason']}"


def _message(record):
    retained = ", retained" if record["retain"] else ""
    return f"{record['topic']}, {record['len']} bytes, QoS {record['qos']}{retained}"


_TEXTS = {
    "ready": _ready,
    "control": _control,
    "connect": _connect,
    "refuse": _refuse,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "publish": _publish,
    "will": _will,
    "drop": _drop,
    "event": _event,
    "overflow": _overflow,
    "disconnect": _disconnect,
    "bug": _bug,
}
